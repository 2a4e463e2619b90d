"""Rows set aside: why, and what to do about it (C1, C2)."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from backoffice.kit.admin import ReadOnlyAdmin, confirm, confirmed
from backoffice.kit.csvfile import write_rows
from backoffice.platform.models import AuditEntry
from backoffice.platform.reveal import PERMISSION, RevealMixin
from customers.models import BusinessType
from tracking.models import QuarantinedRow
from tracking.quarantine import Fed, add_word, feed_again, with_word
from tracking.rows import REASONS

_MOST_DOWNLOADED = 10_000


class ReasonFilter(admin.SimpleListFilter):
    title = gettext_lazy("reason")
    parameter_name = "reason"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(n), _(reason)) for n, reason in enumerate(REASONS)]

    def queryset(
        self, request: Any, queryset: QuerySet[QuarantinedRow]
    ) -> QuerySet[QuarantinedRow]:
        value = self.value() or ""
        if not value.isdigit() or int(value) >= len(REASONS):
            return queryset
        return queryset.filter(reason=REASONS[int(value)])


class WordForm(forms.Form):
    """What an unknown word means: a business type that is there, or a new one."""

    business_type = forms.ModelChoiceField(
        BusinessType.objects.all(),
        label=gettext_lazy("Business type"),
        required=False,
        empty_label=gettext_lazy("a new one:"),
    )
    code = forms.SlugField(
        label=gettext_lazy("Code of the new type"), required=False, max_length=40
    )
    name = forms.CharField(
        label=gettext_lazy("Name of the new type"), required=False, max_length=80
    )
    any_source = forms.BooleanField(
        label=gettext_lazy("The word means this in every source"), required=False
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("business_type"):
            return data
        if not (data.get("code") and data.get("name")):
            raise forms.ValidationError(
                _("Choose a business type, or give code and name of a new one.")
            )
        if BusinessType.objects.filter(code=data["code"]).exists():
            self.add_error("code", _("There is a business type with this code."))
        return data

    def chosen(self) -> BusinessType:
        """The business type, made now where it is a new one."""
        data = self.cleaned_data
        found: BusinessType | None = data["business_type"]
        return found or BusinessType.objects.create(
            code=data["code"], name=data["name"]
        )


@admin.register(QuarantinedRow)
class QuarantinedRowAdmin(RevealMixin, ReadOnlyAdmin):
    revealed = ("row",)
    list_display = (
        "row_number",
        "file",
        "source",
        "why",
        "word",
        "add_as_type",
        "at",
        "resolved_at",
    )
    list_filter = (
        "source",
        ReasonFilter,
        ("resolved_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("=word", "file__name")
    list_select_related = ("source", "file")
    fields = ("source", "file", "row_number", "why", "word", "at", "resolved_at")
    actions = ("feed", "add_type", "download")

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        if lookup == "file__id__exact":  # the link of a file
            return True
        return super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.word_view)
        name = "tracking_quarantinedrow_word"
        return [path("<int:pk>/word/", view, name=name), *super().get_urls()]

    @admin.display(description=gettext_lazy("reason"), ordering="reason")
    def why(self, row: QuarantinedRow) -> str:
        return _(row.reason)

    @admin.display(description=gettext_lazy("business type"))
    def add_as_type(self, row: QuarantinedRow) -> str:
        if not row.word or row.resolved_at:
            return ""
        label = _("Add as business type or alias")
        return format_html('<a href="{}">{}</a>', self._word_address(row), label)

    def has_feed_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tracking.change_quarantinedrow")

    def has_word_permission(self, request: HttpRequest) -> bool:
        return self.has_feed_permission(request) and request.user.has_perm(
            "customers.add_businesstypealias"
        )

    def has_row_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description=gettext_lazy("Feed again"), permissions=["feed"])
    def feed(self, request: HttpRequest, rows: QuerySet[QuarantinedRow]) -> None:
        _tell(request, feed_again(rows, now=timezone.now()))

    @admin.action(
        description=gettext_lazy("Add as business type or alias"), permissions=["word"]
    )
    def add_type(
        self, request: HttpRequest, rows: QuerySet[QuarantinedRow]
    ) -> HttpResponse | None:
        words = rows.exclude(word="").order_by().values_list("source", "word")
        if words.distinct().count() != 1:
            messages.error(
                request, _("Choose rows of one source that wait for one word.")
            )
            return None
        row = rows.exclude(word="")[0]
        return HttpResponseRedirect(self._word_address(row))

    @admin.action(description=gettext_lazy("Download as CSV"), permissions=["row"])
    def download(
        self, request: HttpRequest, rows: QuerySet[QuarantinedRow]
    ) -> StreamingHttpResponse:
        chosen = list(rows.select_related("source", "file")[:_MOST_DOWNLOADED])
        AuditEntry.write(request.user, "export", rows=len(chosen))
        response = StreamingHttpResponse(_as_csv(chosen), content_type="text/csv")
        response["Content-Disposition"] = 'attachment; filename="set-aside.csv"'
        return response

    def word_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page between an unknown word and what it means."""
        if not self.has_word_permission(request):
            raise PermissionDenied
        row = get_object_or_404(QuarantinedRow, pk=pk)
        form = WordForm(request.POST if confirmed(request) else None)
        if not row.word or row.resolved_at:
            messages.info(request, _("This row does not wait for a word any more."))
            return HttpResponseRedirect(self._list_address())
        if form.is_valid():
            any_source = form.cleaned_data["any_source"]
            kind = form.chosen()
            now = timezone.now()
            fed = add_word(row, kind, any_source=any_source, now=now)
            AuditEntry.write(request.user, "add_alias", kind, word_of=row.source_id)
            _tell(request, fed)
            return HttpResponseRedirect(self._list_address())
        return confirm(
            self,
            request,
            title=_("Add as business type or alias"),
            facts=[
                (_("Word"), row.word),
                (_("Source"), row.source),
                (_("Rows that wait for it"), with_word(row).count()),
            ],
            button=_("Add and feed the rows again"),
            form=form,
        )

    def _word_address(self, row: QuarantinedRow) -> str:
        name = f"{self.admin_site.name}:tracking_quarantinedrow_word"
        return reverse(name, args=[row.pk])

    def _list_address(self) -> str:
        return reverse(f"{self.admin_site.name}:tracking_quarantinedrow_changelist")


def _tell(request: HttpRequest, fed: Fed) -> None:
    said = _("Rows taken: %(resolved)d. Still set aside: %(left)d.") % fed._asdict()
    if fed.more:
        said += " " + _("Not tried yet: %d. Do it again.") % fed.more
    messages.info(request, said)


def _as_csv(rows: list[QuarantinedRow]) -> Any:
    """The rows as they were read, with what is wrong; safe in a spreadsheet."""
    read = [json.loads(row.row) for row in rows]
    columns = list(dict.fromkeys(name for cells in read for name in cells))
    header = [_("Source"), _("File"), pgettext_lazy("of a file", "Row"), _("Reason")]
    lines = (
        [
            row.source,
            row.file or "",
            row.row_number,
            _(row.reason),
            *(cells.get(column, "") for column in columns),
        ]
        for row, cells in zip(rows, read, strict=True)
    )
    return write_rows([*header, *columns], lines)
