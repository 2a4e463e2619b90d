"""What providers and people sent us: receipts, raw callbacks, replies."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import ReadOnlyAdmin
from backoffice.platform.reveal import RevealMixin
from messaging.models import (
    CallbackRequest,
    InboundMessage,
    Message,
    Receipt,
    Submission,
)

from .messages import READ_TEXT, life_link


class AboutMessage:
    """A column that leads to the life of the SMS in question."""

    @admin.display(description=gettext_lazy("SMS id"))
    def sms(self, row: Any) -> str:
        return life_link(row.message_id)


class ByOutcome(admin.SimpleListFilter):
    """The parked ones by their own index: among millions they are few."""

    title = gettext_lazy("outcome")
    parameter_name = "outcome"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return Receipt.Outcome.choices

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() == Receipt.Outcome.PARKED:
            return queryset.filter(message__isnull=True)
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(Receipt)
class ReceiptAdmin(AboutMessage, ReadOnlyAdmin):
    list_display = (
        "received_at",
        "reference",
        "status",
        "reason",
        "words",
        "outcome",
        "sms",
    )
    list_filter = (ByOutcome, "status", "account")
    list_select_related = ("account",)
    ordering = ("-id",)
    fields = (*list_display, "account", "provider_at")
    readonly_fields = ("sms", "reason")

    @admin.display(description=gettext_lazy("reason"), ordering="failure")
    def reason(self, row: Receipt) -> str:
        known = dict(Message.Failure.choices)
        return str(known.get(row.failure, row.failure)) or "–"


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    """Requests to providers. The answer verbatim may hold numbers, so it is kept back."""

    list_display = ("at", "account", "message_count", "http_status", "problem")
    list_filter = ("account", "http_status", ("problem", admin.EmptyFieldListFilter))
    list_select_related = ("account",)
    ordering = ("-id",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        may_read = request.user.has_perm(READ_TEXT)
        return (*self.list_display, *(("answer_text",) if may_read else ()))

    @admin.display(description=gettext_lazy("answer"))
    def answer_text(self, row: Submission) -> str:
        return format_html("<pre>{}</pre>", _readable(row.answer))


def _readable(answer: str) -> str:
    """As it came; where it is JSON, set in lines."""
    try:
        return json.dumps(json.loads(answer), indent=2, ensure_ascii=False)
    except ValueError:
        return answer


class Waiting(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [
            ("waiting", gettext_lazy("waiting")),
            ("problem", gettext_lazy("could not be read")),
        ]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() == "waiting":
            return queryset.filter(applied_at__isnull=True)
        if self.value() == "problem":
            return queryset.exclude(problem="")
        return queryset


@admin.register(CallbackRequest)
class CallbackRequestAdmin(ReadOnlyAdmin):
    """Without the body: it holds phone numbers and texts."""

    list_display = ("id", "account", "kind", "received_at", "applied_at", "problem")
    list_filter = (Waiting, "kind", "account")
    list_select_related = ("account",)
    ordering = ("-id",)
    fields = (
        "account",
        "kind",
        "content_type",
        "received_at",
        "applied_at",
        "problem",
    )


@admin.register(InboundMessage)
class InboundMessageAdmin(RevealMixin, AboutMessage, ReadOnlyAdmin):
    revealed = ("phone",)
    list_filter = ("is_opt_out", "account", ("message", admin.EmptyFieldListFilter))
    list_select_related = ("account", "customer")
    ordering = ("-id",)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        text = ("reply_text",) if request.user.has_perm(READ_TEXT) else ()
        return (
            "received_at",
            "masked_phone",
            *text,
            "is_opt_out",
            "customer",
            "sms",
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.get_list_display(request), "account")

    @admin.display(description=gettext_lazy("phone"))
    def masked_phone(self, row: InboundMessage) -> str:
        return row.masked_phone

    @admin.display(description=gettext_lazy("text"))
    def reply_text(self, row: InboundMessage) -> str:
        return str(row.text)
