"""The sign-up form, made of an activity's field rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .models import Activity, ActivityField

_GAPS = re.compile(r"[\s\-‐-―.()]+")
LONGEST_NUMBER = 32
LONGEST_TEXT = 120
EARLIEST = date(1900, 1, 1)

Kind = ActivityField.Kind


class DigitsField(forms.CharField):
    """Digits, however they were grouped or how wide they are; at least `least` of them."""

    def __init__(self, *, least: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least = least

    def clean(self, value: Any) -> str:
        folded = unicodedata.normalize("NFKC", super().clean(value))
        digits = _GAPS.sub("", folded)
        if digits and not (digits.isascii() and digits.isdigit()):
            raise ValidationError(_("“%s”: digits only.") % self.label)
        if digits and len(digits) < self.least:
            raise ValidationError(
                _("“%(field)s”: at least %(count)d digits.")
                % {"field": self.label, "count": self.least}
            )
        return digits


class DayField(forms.DateField):
    """A day between 1900 and the end of the calendar; the browser's own picker."""

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        if day and day < EARLIEST:
            raise ValidationError(_("“%s”: this date is too long ago.") % self.label)
        return day


class SignUpForm(forms.Form):
    """One field for each row, in its order; labels in the active language."""

    def __init__(
        self, activity: Activity, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data, label_suffix="")
        for row in activity.fields.all():
            self.fields[row.name] = _field(row)

    def answers(self) -> dict[str, str]:
        """What was submitted, as text by field name; a date as YYYY-MM-DD."""
        return {name: str(value or "") for name, value in self.cleaned_data.items()}


def _field(row: ActivityField) -> forms.Field:
    label = str(row)
    return FIELDS[Kind(row.kind)](
        row,
        label=label,
        required=row.is_required,
        error_messages={"required": _("“%s”: please fill this in.") % label},
    )


def _text(row: ActivityField, **common: Any) -> forms.Field:
    widget = forms.TextInput({"autocomplete": "off"})
    return forms.CharField(max_length=LONGEST_TEXT, widget=widget, **common)


def _digits(row: ActivityField, **common: Any) -> forms.Field:
    widget = forms.TextInput({"inputmode": "numeric", "autocomplete": "off"})
    least = row.last_digits or 1
    return DigitsField(least=least, max_length=LONGEST_NUMBER, widget=widget, **common)


def _date(row: ActivityField, **common: Any) -> forms.Field:
    common["error_messages"]["invalid"] = (
        _("“%s”: write the date as 1990-05-20.") % common["label"]
    )
    return DayField(
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日"],
        **common,
    )


def _yesno(row: ActivityField, **common: Any) -> forms.Field:
    choices = [("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))]
    return forms.ChoiceField(choices=choices, widget=forms.RadioSelect(), **common)


FIELDS: dict[Kind, Callable[..., forms.Field]] = {
    Kind.TEXT: _text,
    Kind.DIGITS: _digits,
    Kind.DATE: _date,
    Kind.YESNO: _yesno,
}
