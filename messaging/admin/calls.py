"""Calls as they went: read-only, the recording behind a permission and a reason (D5)."""

from __future__ import annotations

import base64
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import (
    LanguageFilter,
    ReadOnlyAdmin,
    confirm,
    confirmed,
    language_name,
)
from backoffice.kit.masking import mask_text
from backoffice.platform.models import AuditEntry
from backoffice.platform.reveal import PERMISSION, ReasonForm, RevealMixin
from messaging.listening import recording_of
from messaging.models import Call


@admin.register(Call)
class CallAdmin(RevealMixin, ReadOnlyAdmin):
    """Who was called when, with what end."""

    revealed = ("phone", "script", "keys", "heard")
    change_form_template = "admin/messaging/call/change_form.html"
    list_display = (
        "created_at",
        "masked_phone",
        "status",
        "answer_kind",
        "language_words",
        "sureness",
        "account",
    )
    list_filter = ("status", "account", LanguageFilter, "created_at")
    list_select_related = ("account",)
    search_fields = ("=reference", "customer__external_id")
    search_help_text = gettext_lazy("Provider's reference or customer number")
    fields = (
        "id",
        "customer",
        "masked_phone",
        "account",
        "reference",
        "language_words",
        "answer_kind",
        "status",
        "created_at",
        "due_at",
        "ended_at",
        "masked_keys",
        "masked_heard",
        "sureness",
        "has_recording",
    )
    readonly_fields = fields

    @admin.display(description=gettext_lazy("phone"))
    def masked_phone(self, call: Call) -> str:
        return call.masked_phone

    @admin.display(description=gettext_lazy("language"))
    def language_words(self, call: Call) -> str:
        return language_name(call.language)

    @admin.display(description=gettext_lazy("confidence"), ordering="confidence")
    def sureness(self, call: Call) -> str:
        return "–" if call.confidence is None else f"{call.confidence:.0%}"

    @admin.display(description=gettext_lazy("keys pressed"))
    def masked_keys(self, call: Call) -> str:
        return mask_text(str(call.keys)) or "-"

    @admin.display(description=gettext_lazy("heard"))
    def masked_heard(self, call: Call) -> str:
        return mask_text(str(call.heard)) or "-"

    @admin.display(description=gettext_lazy("recording"), boolean=True)
    def has_recording(self, call: Call) -> bool:
        return call.recording is not None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.recording_view)
        mine = path("<uuid:pk>/recording/", view, name="messaging_call_recording")
        return [mine, *super().get_urls()]

    def recording_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The recording, once, for who may hear it and says why; on record."""
        call = get_object_or_404(self.get_queryset(request), pk=pk)
        if not (
            request.user.has_perm(PERMISSION)
            and self.has_view_permission(request, call)
        ):
            raise PermissionDenied
        form = ReasonForm(request.POST if confirmed(request) else None)
        facts: list[tuple[str, object]] = [(_("call"), call)]
        title = _("Listen to the answer")
        wav = recording_of(call)
        if wav is None:
            facts.append((_("recording"), _("none")))
            return confirm(self, request, title=title, facts=facts, button="")
        if not form.is_valid():
            return confirm(
                self, request, title=title, facts=facts, button=_("Listen"), form=form
            )
        reason = form.cleaned_data["reason"]
        AuditEntry.write(request.user, "recording.listen", call, reason=reason)
        facts.append((_("recording"), _player(wav)))
        return confirm(self, request, title=title, facts=facts, button="")


def _player(wav: bytes) -> str:
    # Inside the page that was asked for with a reason: no address of its own to pass on.
    source = "data:audio/wav;base64," + base64.b64encode(wav).decode()
    return format_html(
        '<audio controls src="{0}"></audio> <a download="call.wav" href="{0}">{1}</a>',
        source,
        _("Download"),
    )
