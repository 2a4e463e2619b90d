"""The forms of an import: which file, and which of its columns is what."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.csvfile import BadFile, open_rows
from backoffice.platform.imports import Field, Option, Target, target_choices
from backoffice.platform.models import Import, ImportMapping

BIGGEST = 200 * 1024 * 1024
COLUMN, OPTION = "column_", "option_"


class UploadForm(forms.Form):
    """A file whose header can be read; anything else is refused here, with the reason."""

    target = forms.ChoiceField(label=gettext_lazy("What it holds"))
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "CSV with a header row; UTF-8 or GB18030; comma, semicolon, tab or bar."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].choices = target_choices()  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload.size > BIGGEST:
            raise forms.ValidationError(_("The file is bigger than 200 MB: split it."))
        self.content: bytes = upload.read()
        try:
            open_rows(self.content)
        except BadFile as error:
            raise forms.ValidationError(str(error)) from None
        return upload


class ColumnsForm(forms.Form):
    """Built from the target's fields and the file's header."""

    save_as = forms.CharField(
        label=gettext_lazy("Save this mapping as"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("Empty: it is not saved."),
    )

    def __init__(
        self, target: Target, header: list[str], *args: Any, **kw: Any
    ) -> None:
        super().__init__(*args, **kw)
        self.target = target
        choices = [("", _("- not in the file -")), *((name, name) for name in header)]
        for field in target.fields:
            self.fields[COLUMN + field.name] = forms.ChoiceField(
                label=field.label,
                choices=choices,
                required=field.required,
                initial=guess(field, header),
            )
        if target.extra_prefix:
            self.fields["extras"] = forms.MultipleChoiceField(
                label=_("Keep as attributes"),
                choices=[(name, name) for name in header],
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )
        for option in target.asks:
            self.fields[OPTION + option.name] = _option_field(option)
        self.order_fields([name for name in self.fields if name != "save_as"])

    def clean_save_as(self) -> str:
        name: str = self.cleaned_data["save_as"].strip()
        return name

    @property
    def columns(self) -> dict[str, str]:
        """Our field -> the file's column."""
        given = self.cleaned_data
        columns = {
            field.name: given[COLUMN + field.name]
            for field in self.target.fields
            if given[COLUMN + field.name]
        }
        prefix = self.target.extra_prefix
        return columns | {prefix + name: name for name in given.get("extras", ())}

    @property
    def options(self) -> dict[str, str]:
        return {o.name: self.cleaned_data[OPTION + o.name] for o in self.target.asks}


def _option_field(option: Option) -> forms.Field:
    if option.choices:
        return forms.ChoiceField(
            label=option.label, choices=option.choices, initial=option.default
        )
    return forms.CharField(
        label=option.label,
        initial=option.default,
        max_length=40,
        help_text=option.help_text,
    )


def initial_of(target: Target, stored: Import | ImportMapping) -> dict[str, Any]:
    """What the form starts with, from an earlier choice or a saved mapping."""
    prefix = target.extra_prefix
    columns = dict(stored.columns)
    extras = [c for f, c in columns.items() if prefix and f.startswith(prefix)]
    start: dict[str, Any] = {
        COLUMN + field.name: columns.get(field.name, "") for field in target.fields
    }
    for option in target.asks:
        start[OPTION + option.name] = stored.options.get(option.name, option.default)
    return start | {"extras": extras}


def guess(field: Field, header: list[str]) -> str:
    """The column that is called like the field, or ""."""
    names = {_plain(name) for name in (field.name, str(field.label), *field.also)}
    return next((column for column in header if _plain(column) in names), "")


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-.]+", "", name).lower()
