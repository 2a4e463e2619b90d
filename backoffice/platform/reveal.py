"""Showing personal data in full: one row at a time, with a reason, on record."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import confirm, confirmed

from .models import AuditEntry

PERMISSION = "customers.view_full_phone"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("It is recorded with your name."),
    )


class RevealMixin:
    """Adds `<pk>/reveal/` to a ModelAdmin: `revealed` names the encrypted fields it shows."""

    revealed: tuple[str, ...] = ("phone", "name")
    change_form_template: ClassVar[Any] = "admin/reveal_change_form.html"

    def get_urls(self) -> list[URLPattern]:
        mine: Any = self
        name = f"{mine.opts.app_label}_{mine.opts.model_name}_reveal"
        view = mine.admin_site.admin_view(self.reveal_view)
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("<path:object_id>/reveal/", view, name=name), *urls]

    def reveal_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        mine: Any = self
        row: Model | None = mine.get_object(request, object_id)
        if row is None:
            raise Http404
        if not (
            request.user.has_perm(PERMISSION) and mine.has_view_permission(request, row)
        ):
            raise PermissionDenied
        form = ReasonForm(request.POST if confirmed(request) else None)
        facts: list[tuple[str, object]] = [(str(mine.opts.verbose_name), row)]
        if form.is_valid():
            AuditEntry.write(
                request.user,
                "reveal",
                row,
                reason=form.cleaned_data["reason"],
                fields=list(self.revealed),
            )
            facts += [(_label(row, name), getattr(row, name)) for name in self.revealed]
            return confirm(mine, request, title=_("In full"), facts=facts, button="")
        return confirm(
            mine,
            request,
            title=_("Show in full"),
            facts=facts,
            button=_("Show"),
            form=form,
        )


def _label(row: Model, name: str) -> str:
    field: Any = row._meta.get_field(name)
    return str(field.verbose_name)
