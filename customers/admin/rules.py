"""The rule set, as staff read and edit it (B8)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin, words_of
from backoffice.platform.models import AuditEntry
from customers.conditions import FACTS, check, describe
from customers.models import Label, Rule, RuleVersion

# A mark for longer is a date that no calendar has.
MOST_DAYS = 36_500


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Rule
        exclude = ("version",)  # noqa: DJ006  every other field is editable
        widgets = {
            "condition": forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"})
        }
        help_texts = {
            "condition": gettext_lazy(
                'JSON: {"all": [..]}, {"any": [..]}, {"not": ..}, '
                '{"fact": "blacklisted", "is": true}; {} is always.'
            )
        }

    def clean_condition(self) -> Any:
        condition = self.cleaned_data["condition"]
        condition = {} if condition is None else condition
        try:
            check(condition)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        return condition

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for field, problem in _problems(given):
            self.add_error(field, problem)
        return given


def _problems(given: dict[str, Any]) -> list[tuple[str, str]]:
    """What is missing or makes no sense together, by field."""
    found = []
    if given.get("action") == Rule.Action.LABEL and not given.get("to_label"):
        found.append(("to_label", _("Choose the label that it gives.")))
    days = given.get("no_apply_days") or 0
    if given.get("action") == Rule.Action.NO_APPLY and not 0 < days <= MOST_DAYS:
        found.append(("no_apply_days", _("Say for how many days.")))
    if given.get("came_from") and not given.get("from_label"):
        found.append(("from_label", _("Choose the label that the other rule gave.")))
    if given.get("to_label") and given.get("from_label") == given.get("to_label"):
        found.append(("to_label", _("It is the label they have already.")))
    return found


# The keys of a kept definition, as staff call them.
_PARTS = {
    "from": gettext_lazy("for customers in"),
    "came_from": gettext_lazy("only those put there by"),
    "action": gettext_lazy("then"),
    "to": gettext_lazy("label"),
    "no_apply_days": gettext_lazy("no-apply days"),
    "is_enabled": gettext_lazy("enabled"),
}


def _names_of(given: dict[str, Any]) -> dict[str, str]:
    """Labels, rule and action of a kept definition; what is gone keeps its code."""
    labels = {label.code: str(label) for label in Label.objects.all()}
    names = {
        key: labels.get(given[key], given[key]) for key in given.keys() & {"from", "to"}
    }
    if rule := Rule.objects.filter(code=given.get("came_from") or "").first():
        names["came_from"] = str(rule)
    return {**names, "action": str(Rule.Action(given["action"]).label)}


class VersionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = RuleVersion
    extra = 0
    can_delete = False
    fields = ("version", "at", "by", "definition_words", "in_words")
    readonly_fields = fields
    ordering = ("-version",)

    @admin.display(description=gettext_lazy("definition"))
    def definition_words(self, version: RuleVersion) -> str:
        given = {k: v for k, v in version.definition.items() if v is not None}
        names = _names_of(given)
        return words_of({_PARTS.get(k, k): names.get(k, v) for k, v in given.items()})

    @admin.display(description=gettext_lazy("condition"))
    def in_words(self, version: RuleVersion) -> str:
        return describe(version.condition)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Rule)
class RuleAdmin(HouseAdmin):
    form = RuleForm
    list_display = (
        "position",
        "__str__",
        "for_whom",
        "in_words",
        "then",
        "is_enabled",
    )
    list_display_links = ("__str__",)
    list_filter = ("action", "is_enabled")
    list_select_related = ("from_label", "came_from", "to_label")
    readonly_fields = ("in_words", "facts", "version")
    fields = (
        ("code", "position", "is_enabled", "version"),
        "description",
        "description_zh",
        ("from_label", "came_from"),
        "condition",
        "in_words",
        "facts",
        "action",
        "to_label",
        ("no_apply_days", "opens_completion"),
    )
    inlines = (VersionInline,)

    @admin.display(description=gettext_lazy("for customers in"))
    def for_whom(self, rule: Rule) -> str:
        group = str(rule.from_label or _("no segment yet"))
        return f"{group} ({rule.came_from})" if rule.came_from else group

    @admin.display(description=gettext_lazy("condition in words"))
    def in_words(self, rule: Rule) -> str:
        return describe(rule.condition) if rule.pk else "-"

    @admin.display(description=gettext_lazy("then"))
    def then(self, rule: Rule) -> str:
        if rule.action == Rule.Action.LABEL:
            return str(rule.to_label)
        return _("not to apply for %d days") % (rule.no_apply_days or 0)

    @admin.display(description=gettext_lazy("facts to ask about"))
    def facts(self, rule: Rule) -> str:
        rows = ((name, fact.label) for name, fact in FACTS.items())
        return format_html_join("", "<div><code>{}</code>: {}</div>", rows)

    def save_model(
        self, request: HttpRequest, obj: Rule, form: Any, change: bool
    ) -> None:
        if form.has_changed():
            obj.revise(by=request.user)
            AuditEntry.write(request.user, "rule.revise", obj, version=obj.version)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # changes of the past name it; switch it off instead
