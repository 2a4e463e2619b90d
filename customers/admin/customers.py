from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy

from backoffice.kit.admin import (
    LanguageFilter,
    ReadOnlyAdmin,
    language_name,
    words_of,
)
from backoffice.platform.reveal import RevealMixin
from customers.conditions import FACTS
from customers.models import (
    Consent,
    CreditFacts,
    CreditLine,
    Customer,
    CustomerLabel,
    Label,
    LabelChange,
    NoApplyInterval,
)

from .labels import in_words


class FactsInline(admin.TabularInline):  # type: ignore[type-arg]
    """Rows of a customer, to look at."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False


class CreditFactsInline(FactsInline):
    model = CreditFacts
    fields = ("what_is_true", "as_of", "source")
    readonly_fields = fields
    verbose_name_plural = gettext_lazy("credit facts")

    @admin.display(description=gettext_lazy("facts that are true"))
    def what_is_true(self, facts: CreditFacts) -> str:
        return in_words({name: getattr(facts, name, False) for name in FACTS})


class CreditLineInline(FactsInline):
    model = CreditLine
    fields = ("reference", "kind", "product", "amount", "is_open")


class LabelInline(FactsInline):
    model = CustomerLabel
    fields = ("label", "rule", "since", "until")
    ordering = ("-since", "-id")


class ChangeInline(FactsInline):
    model = LabelChange
    fields = ("at", "from_label", "to_label", "rule", "rule_version", "run")


class IntervalInline(FactsInline):
    model = NoApplyInterval
    fields = ("start_at", "end_at", "ended_at", "rule", "run")


class ConsentInline(FactsInline):
    model = Consent
    fields = ("purpose", "source", "given_at", "withdrawn_at")


class SegmentFilter(admin.SimpleListFilter):
    title = gettext_lazy("label")
    parameter_name = "label"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [(str(label.pk), str(label)) for label in Label.objects.all()]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() in dict(self.lookup_choices):
            return queryset.labelled([self.value()])
        return queryset


class MayApplyFilter(admin.SimpleListFilter):
    title = gettext_lazy("no-apply interval")
    parameter_name = "no_apply"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [("inside", gettext_lazy("inside one now"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() != "inside":
            return queryset
        now = timezone.now()
        current = NoApplyInterval.objects.filter(
            start_at__lte=now, end_at__gt=now, ended_at=None
        )
        return queryset.filter(pk__in=current.values("customer"))


@admin.register(Customer)
class CustomerAdmin(RevealMixin, ReadOnlyAdmin):
    list_display = (
        "external_id",
        "source",
        "masked_name",
        "masked_phone",
        "segment",
        "language_words",
    )
    list_filter = (SegmentFilter, MayApplyFilter, "source", LanguageFilter)
    search_fields = ("=external_id",)
    search_help_text = gettext_lazy("By customer number, written in full.")
    ordering = ("-id",)
    fields = (
        ("external_id", "source"),
        ("masked_name", "masked_phone"),
        ("language_words", "time_zone"),
        "attribute_words",
        ("created_at", "updated_at"),
    )
    inlines = (
        CreditFactsInline,
        CreditLineInline,
        LabelInline,
        ChangeInline,
        IntervalInline,
        ConsentInline,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        held = CustomerLabel.objects.filter(
            customer=OuterRef("pk"), until=None, is_segment=True
        )
        people: QuerySet[Customer] = super().get_queryset(request)
        name, name_zh = held.values("label__name"), held.values("label__name_zh")
        return people.annotate(
            segment_name=Subquery(name[:1]), segment_name_zh=Subquery(name_zh[:1])
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # A bank's customer numbers may look like phone numbers: one that exists is fine.
        found = queryset.filter(external_id=search_term.strip())
        if search_term and found.exists():
            return found, False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=pgettext_lazy("of a person", "name"))
    def masked_name(self, customer: Customer) -> str:
        return customer.masked_name

    @admin.display(description=gettext_lazy("language"), ordering="language")
    def language_words(self, customer: Customer) -> str:
        return language_name(customer.language)

    @admin.display(description=gettext_lazy("attributes"))
    def attribute_words(self, customer: Customer) -> str:
        return words_of(customer.attributes) or "–"

    @admin.display(description=gettext_lazy("phone"))
    def masked_phone(self, customer: Customer) -> str:
        return customer.masked_phone

    @admin.display(description=gettext_lazy("segment"))
    def segment(self, customer: Any) -> str:
        label = Label(
            name=customer.segment_name or "-", name_zh=customer.segment_name_zh or ""
        )
        return str(label)
