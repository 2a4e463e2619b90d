"""Behaviour sources: where records come from, tested with one click (C1)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin
from backoffice.kit.jobs import later
from tracking.matching import forget_matching
from tracking.models import BehaviourSource
from tracking.rows import ATTRIBUTE, FIELDS
from tracking.sources.files import test_source


def _column(label: Any, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=100, help_text=help_text
    )


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """One input for each of our fields; it becomes the JSON mapping."""

    column_record_key = _column(
        gettext_lazy("Record key"), gettext_lazy("Empty: file and row are the key.")
    )
    column_external_id = _column(
        gettext_lazy("Customer number"),
        gettext_lazy("A cell may name several, separated by ; | or ,"),
    )
    column_business_type = _column(gettext_lazy("Business type"))
    column_at = _column(
        gettext_lazy("Time"), gettext_lazy("Empty: the moment the file is taken.")
    )
    column_amount = _column(gettext_lazy("Amount"))
    column_product = _column(gettext_lazy("Product"))
    attributes = forms.CharField(
        label=gettext_lazy("Attributes"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 40}),
        help_text=gettext_lazy("One a line: name = column"),
    )
    words_without_type = forms.CharField(
        label=gettext_lazy("Words for no business type"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 40}),
        help_text=gettext_lazy(
            "One a line. Such rows are kept out and counted, like blank ones."
        ),
    )
    new_options = forms.CharField(
        label=gettext_lazy("Connection options"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "autocomplete": "off"}),
        help_text=gettext_lazy(
            'JSON, for example {"username": "…", "password": "…"}. '
            "Stored encrypted and never shown again; leave empty to keep what is stored."
        ),
    )

    class Meta:
        model = BehaviourSource
        fields = (
            "name",
            "kind",
            "is_enabled",
            "customer_source",
            "url",
            "pattern",
            "interval_seconds",
            "default_type",
            "date_format",
            "time_zone",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns: dict[str, str] = self.instance.columns or {}
        for name in FIELDS:
            self.fields[f"column_{name}"].initial = columns.get(name, "")
        extra = [(k, v) for k, v in columns.items() if k.startswith(ATTRIBUTE)]
        self.fields["attributes"].initial = "\n".join(
            f"{name.removeprefix(ATTRIBUTE)} = {column}" for name, column in extra
        )
        words: list[str] = self.instance.ignored_words or []
        self.fields["words_without_type"].initial = "\n".join(words)

    def clean_attributes(self) -> dict[str, str]:
        found = {}
        for line in filter(str.strip, self.cleaned_data["attributes"].splitlines()):
            name, mark, column = (part.strip() for part in line.partition("="))
            if not (name and mark and column):
                raise forms.ValidationError(
                    _("“%s”: write name = column.") % line.strip()
                )
            found[ATTRIBUTE + name] = column
        return found

    def clean_new_options(self) -> str:
        text: str = self.cleaned_data["new_options"].strip()
        try:
            is_object = not text or isinstance(json.loads(text), dict)
        except ValueError:
            is_object = False
        if not is_object:
            raise forms.ValidationError(_("This is not a JSON object: {…}."))
        return text

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"]
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise forms.ValidationError(
                _("No such time zone. Write it like Asia/Shanghai.")
            ) from None
        return name

    def clean_date_format(self) -> str:
        text: str = self.cleaned_data["date_format"]
        moment = datetime(2024, 12, 31, tzinfo=UTC)
        try:
            read = datetime.strptime(moment.strftime(text), text).date()  # noqa: DTZ007
        except ValueError:
            read = None
        if text and read != moment.date():
            raise forms.ValidationError(
                _("The format must hold year, month and day, like %Y-%m-%d or %y%m%d.")
            )
        return text

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        columns = {name: data.get(f"column_{name}", "").strip() for name in FIELDS}
        mapped = {k: v for k, v in columns.items() if v} | data.get("attributes", {})
        if mapped and not columns["external_id"]:
            self.add_error(
                "column_external_id", _("Say which column names the customer.")
            )
        if data.get("kind") == BehaviourSource.Kind.FILES and not data.get("url"):
            self.add_error("url", _("Say which folder is scanned."))
        self.instance.columns = mapped
        words = data.get("words_without_type", "").splitlines()
        self.instance.ignored_words = [word.strip() for word in words if word.strip()]
        if data.get("new_options"):
            self.instance.options = data["new_options"]
        return data


@admin.register(BehaviourSource)
class BehaviourSourceAdmin(HouseAdmin):
    form = SourceForm
    change_form_template = "admin/tracking/behavioursource/change_form.html"
    list_display = ("name", "kind", "url", "is_enabled", "scanned_at", "problem")
    list_filter = ("kind", "is_enabled")
    readonly_fields = ("scanned_at", "problem")
    fieldsets = (
        (None, {"fields": ("name", "kind", "is_enabled", "customer_source")}),
        (
            gettext_lazy("File server"),
            {"fields": ("url", "pattern", "new_options", "interval_seconds")},
        ),
        (
            gettext_lazy("Which column says what"),
            {
                "fields": (*(f"column_{name}" for name in FIELDS), "attributes"),
                "description": gettext_lazy(
                    "All empty: the columns bear our own names "
                    "(record_key, external_id, business_type, at, amount, product)."
                ),
            },
        ),
        (
            gettext_lazy("What the file does not say"),
            {
                "fields": (
                    "default_type",
                    "words_without_type",
                    "date_format",
                    "time_zone",
                )
            },
        ),
        (gettext_lazy("Last scan"), {"fields": ("scanned_at", "problem")}),
    )

    def save_model(
        self, request: HttpRequest, obj: BehaviourSource, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if "customer_source" in form.changed_data:
            forget_matching(obj)

    def response_add(
        self, request: HttpRequest, obj: BehaviourSource, post_url_continue: Any = None
    ) -> HttpResponse:
        return self._button(request, obj) or super().response_add(
            request, obj, post_url_continue
        )

    def response_change(
        self, request: HttpRequest, obj: BehaviourSource
    ) -> HttpResponse:
        return self._button(request, obj) or super().response_change(request, obj)

    def _button(
        self, request: HttpRequest, obj: BehaviourSource
    ) -> HttpResponse | None:
        """What the two buttons beside "Save" do, after saving."""
        if "_test" in request.POST:
            messages.info(request, test_source(obj))
        elif "_scan" in request.POST:
            later("tracking.jobs.scan_source", obj.pk)
            messages.info(
                request,
                _("The scan has been asked for. Behaviour files show its result."),
            )
        else:
            return None
        name = f"{self.admin_site.name}:tracking_behavioursource_change"
        return HttpResponseRedirect(reverse(name, args=[obj.pk]))
