"""Numbers, times and lists that a bank sets: each edited as what it is."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from backoffice.kit.admin import HouseAdmin, ReadableJSONField, words_of
from backoffice.platform.models import AuditEntry, Parameter

# Beyond it a number of hours is no length of time any more.
MOST = 1_000_000
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d").fullmatch


class WordsField(forms.CharField):
    """A list of words, one a line."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(help_text=gettext_lazy("One a line."), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        words = [line.strip() for line in super().clean(value).splitlines()]
        return list(dict.fromkeys(filter(None, words)))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class ParameterForm(forms.ModelForm):  # type: ignore[type-arg]
    """The value keeps its shape: a number stays a number, a time stays a time."""

    class Meta:
        model = Parameter
        fields = ("value",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was = self.instance.value
        self.fields["value"] = field_for(self.was)
        self.fields["value"].label = _("Value")

    def clean_value(self) -> Any:
        value = self.cleaned_data["value"]
        check_shape(value, self.was, _("The value"))
        if self.instance.name.endswith("_size") and value < 1:
            raise forms.ValidationError(_("Give at least 1."))
        return value


def field_for(value: Any) -> forms.Field:
    """The form field for a value of this kind."""
    if isinstance(value, bool):
        return forms.BooleanField(required=False)
    if isinstance(value, int):
        return forms.IntegerField(min_value=0, max_value=MOST)
    if isinstance(value, float):
        return forms.FloatField(min_value=0, max_value=MOST)
    if isinstance(value, str):
        return forms.CharField()
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return WordsField()
    return ReadableJSONField()


def check_shape(value: Any, was: Any, place: str) -> None:
    """Raises ValidationError where the new value is of another make than the old one."""
    if isinstance(was, dict):
        _check_object(value, was, place)
    elif isinstance(was, list) and was:
        if not isinstance(value, list):
            raise forms.ValidationError(_("%s must be a list in [ ].") % place)
        for number, item in enumerate(value, start=1):
            check_shape(item, was[0], f"{place} [{number}]")
    else:
        _check_plain(value, was, place)


def _check_object(value: Any, was: dict[str, Any], place: str) -> None:
    if not isinstance(value, dict) or set(value) != set(was):
        text = _("%(place)s must have exactly: %(names)s.")
        raise forms.ValidationError(
            text % {"place": place, "names": ", ".join(sorted(was))}
        )
    for name, item in value.items():
        check_shape(item, was[name], name)


def _check_plain(value: Any, was: Any, place: str) -> None:
    if isinstance(was, str) and CLOCK(was):
        if not (isinstance(value, str) and CLOCK(value)):
            raise forms.ValidationError(_("%s must be a time such as 09:00.") % place)
    elif isinstance(was, (int, float)) and not isinstance(was, bool):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= MOST:  # nor NaN
            raise forms.ValidationError(_("%s must be a number from 0 on.") % place)
    elif isinstance(was, str) and not isinstance(value, str):
        raise forms.ValidationError(_("%s must be a text in quotes.") % place)


@admin.register(Parameter)
class ParameterAdmin(HouseAdmin):
    form = ParameterForm
    list_display = ("name", "shown", "what")
    search_fields = ("name", "description")
    readonly_fields = ("name", "what")
    fields = ("name", "what", "value")

    @admin.display(description=gettext_lazy("value"))
    def shown(self, parameter: Parameter) -> str:
        value = parameter.value
        if isinstance(value, list) and any(isinstance(one, dict) for one in value):
            between = pgettext("between groups of named values", "; ")
            return between.join(map(words_of, value))
        return words_of(value)

    @admin.display(description=gettext_lazy("description"))
    def what(self, parameter: Parameter) -> str:
        return _(parameter.description) if parameter.description else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the code asks for names that it ships

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Parameter, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        Parameter.forget()
        AuditEntry.write(
            request.user, "parameter.change", obj, was=form.was, now=obj.value
        )
