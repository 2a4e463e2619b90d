"""The form of a marketing event, made of the parameters its type declares (C4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminDateWidget
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.platform.admin.parameters import WordsField
from campaigns.criteria import BadCriteria
from campaigns.models import EventParameter, EventType, MarketingEvent, PushStandard
from campaigns.placeholders import unknown_fields
from campaigns.standards_sql import compile_standard
from campaigns.tracking_text import parse_tree, write_tree
from messaging.models import Template

PREFIX = "parameter_"
Kind = EventParameter.Kind


def field_of(parameter: EventParameter) -> forms.Field:
    """The form field of one declared parameter: typed, and required where it says so."""
    common = {"label": str(parameter), "required": parameter.is_required}
    return _FIELDS[parameter.kind](parameter, common)


def _choice(parameter: EventParameter, common: dict[str, Any]) -> forms.Field:
    choices = [(str(one), str(one)) for one in parameter.choices]
    return forms.ChoiceField(choices=[("", "---------"), *choices], **common)


def _yes_no(_parameter: EventParameter, common: dict[str, Any]) -> forms.Field:
    choices = [("", "---------"), ("yes", _("Yes")), ("no", _("No"))]
    return forms.ChoiceField(choices=choices, **common)


_FIELDS: dict[str, Callable[[EventParameter, dict[str, Any]], forms.Field]] = {
    Kind.TEXT: lambda _p, common: forms.CharField(max_length=200, **common),
    Kind.NUMBER: lambda _p, common: forms.DecimalField(
        max_digits=14, decimal_places=2, **common
    ),
    Kind.DATE: lambda _p, common: forms.DateField(widget=AdminDateWidget, **common),
    Kind.CHOICE: _choice,
    Kind.BOOLEAN: _yes_no,
}


def stored(value: object) -> str:
    """A cleaned value as it rests in `MarketingEvent.parameters`."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return "" if value is None else str(value)


class EventForm(forms.ModelForm):  # type: ignore[type-arg]
    """Subclassed for each event type by `event_form`."""

    event_type: EventType

    tracking = forms.CharField(
        label=gettext_lazy("Tracking parameters"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
        help_text=gettext_lazy(
            "One name=value a line; indent a line by two blanks under its parent."
        ),
    )

    class Meta:
        model = MarketingEvent
        fields = ()  # the admin says which

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.event_type = self.event_type
        self.initial["tracking"] = write_tree(self.instance.tracking or [])
        for name, value in (self.instance.parameters or {}).items():
            self.initial[PREFIX + name] = value
        templates: Any = self.fields.get("template")
        if templates:
            templates.queryset = Template.objects.filter(
                message_type=self.event_type.message_type,
                versions__published_at__isnull=False,
            ).distinct()

    def clean_tracking(self) -> list[dict[str, Any]]:
        try:
            return parse_tree(self.cleaned_data["tracking"])
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def clean_template(self) -> Template:
        """Placeholders that nothing fills are said here, not when the event starts."""
        template: Template = self.cleaned_data["template"]
        version = template.current
        unknown = unknown_fields(version.fields if version else (), self.event_type)
        if unknown:
            words = _("Nothing fills {%s}: declare it for the event type.")
            raise ValidationError([words % name for name in unknown])
        return template

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self.instance.parameters = {
            name.removeprefix(PREFIX): stored(value)
            for name, value in data.items()
            if name.startswith(PREFIX) and value not in (None, "")
        }
        return data


def event_form(event_type: EventType) -> type[EventForm]:
    """The form of an event type: one more field for each declared parameter."""
    declared = {PREFIX + one.name: field_of(one) for one in event_type.parameters.all()}
    return type("EventForm", (EventForm,), {"event_type": event_type, **declared})


# What a new standard begins with: something that works, to be changed.
EXAMPLE = {
    "measure": "count",
    "of": "record",
    "op": ">=",
    "value": 2,
    "window_days": 365,
    "where": {"amount": [">", "1000"]},
}


class ParameterForm(forms.ModelForm):  # type: ignore[type-arg]
    """A declared parameter; its choices are written one a line."""

    choices = WordsField(
        label=gettext_lazy("choices"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 14}),
    )

    class Meta:
        model = EventParameter
        fields = (
            "name",
            "label",
            "label_zh",
            "kind",
            "is_required",
            "choices",
            "position",
        )
        widgets = {
            name: forms.TextInput(attrs={"size": 11})
            for name in ("name", "label", "label_zh")
        }


class StandardForm(forms.ModelForm):  # type: ignore[type-arg]
    """A push standard; its criteria are checked, and an error says where it is."""

    class Meta:
        model = PushStandard
        fields = ("name", "criteria")
        widgets = {
            "criteria": forms.Textarea(attrs={"rows": 14, "class": "vLargeTextField"})
        }
        help_texts = {
            "criteria": gettext_lazy(
                "JSON. Measure: count, sum, last_days or attribute; of: record, delivery, "
                "reply, click or sign_up; window_days; where: conditions on the records. "
                "Join several by all, any or not. Saved, it stands above in words."
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk and "criteria" in self.fields:
            self.initial.setdefault("criteria", None)
            self.initial["criteria"] = self.initial["criteria"] or EXAMPLE

    def clean_criteria(self) -> Any:
        criteria = self.cleaned_data["criteria"]
        try:
            compile_standard(criteria, types=(), as_of=timezone.now())
        except BadCriteria as error:
            raise ValidationError(str(error)) from error
        return criteria
