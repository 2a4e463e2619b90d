from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, pgettext

from backoffice.kit.admin import HouseAdmin, ReadOnlyAdmin
from backoffice.kit.words import listed
from customers.conditions import FACTS
from customers.models import CustomerLabel, Label, LabelChange


def in_words(facts: dict[str, bool]) -> str:
    """The facts that are true, as staff call them."""
    true = [FACTS[n].label for n, value in facts.items() if value and n in FACTS]
    return listed(true) or pgettext("of credit facts", "none of them")


@admin.register(Label)
class LabelAdmin(HouseAdmin):
    list_display = ("code", "name", "name_zh", "kind", "holders")
    list_filter = ("kind",)
    search_fields = ("code", "name", "name_zh")

    @admin.display(description=gettext_lazy("customers now"))
    def holders(self, label: Label) -> int:
        return CustomerLabel.objects.filter(label=label, until=None).count()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # What a label is has been copied to everybody who holds it.
        return ("code", "kind") if obj else ()


@admin.register(LabelChange)
class LabelChangeAdmin(ReadOnlyAdmin):
    list_display = (
        "at",
        "customer",
        "from_label",
        "to_label",
        "rule",
        "facts_in_words",
    )
    list_filter = ("to_label", "from_label", "rule")
    list_select_related = ("customer", "from_label", "to_label", "rule", "run")
    search_fields = ("=customer__external_id",)
    fields = (*list_display[:5], "rule_version", "run", "facts_in_words")

    @admin.display(description=gettext_lazy("facts that were true"))
    def facts_in_words(self, change: LabelChange) -> str:
        return in_words(change.facts)
