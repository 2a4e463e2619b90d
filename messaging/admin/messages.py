from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import ReadOnlyAdmin
from backoffice.platform.reveal import RevealMixin
from messaging.models import Message

READ_TEXT = "messaging.view_message_text"


def life_link(message_id: Any) -> str:
    """A link to the page with everything about an SMS; it stands one floor up."""
    if message_id is None:
        return "-"
    url = reverse("admin:tracking_trackingrecord_change", args=[message_id])
    # Ids made together begin alike: the end tells them apart, and fits a column.
    short = f"…{str(message_id)[-12:]}"
    return format_html('<a href="{}" title="{}">{}</a>', url, message_id, short)


@admin.register(Message)
class MessageAdmin(RevealMixin, ReadOnlyAdmin):
    revealed = ("phone",)
    list_display = (
        "sms_id",
        "masked_phone",
        "message_type",
        "state",
        "failure",
        "account",
        "created_at",
    )
    list_display_links = ("message_type",)
    list_filter = ("status", "failure", "account", "is_marketing", "needs_person")
    list_select_related = ("template_version__template__message_type", "account")
    search_help_text = gettext_lazy("Find an SMS with the box at the top of the page.")
    # The key grows with time: newest first costs no sort.
    ordering = ("-id",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        text = ("sms_text",) if request.user.has_perm(READ_TEXT) else ()
        return (
            "sms_id",
            "masked_phone",
            "customer",
            "template_version",
            *text,
            "state",
            "failure",
            "waits_for",
            "attempts",
            "parts",
            "account",
            "business_type",
            "is_marketing",
            "created_at",
            "due_at",
            "expires_at",
            "fenced_at",
            "sent_at",
            "settled_at",
            "replied_at",
            "needs_person",
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        rows: QuerySet[Message] = super().get_queryset(request)
        return rows.defer("parameters")

    @admin.display(description=gettext_lazy("SMS id"))
    def sms_id(self, row: Message) -> str:
        return life_link(row.pk)

    @admin.display(description=gettext_lazy("phone"))
    def masked_phone(self, row: Message) -> str:
        return row.masked_phone

    @admin.display(description=gettext_lazy("type"))
    def message_type(self, row: Message) -> str:
        return str(row.template_version.template.message_type)

    @admin.display(description=gettext_lazy("status"))
    def state(self, row: Message) -> str:
        return row.state

    @admin.display(description=gettext_lazy("waiting for"))
    def waits_for(self, row: Message) -> str:
        return row.waits_for or "–"

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        """From a push's page: those of its origin."""
        allowed: bool = super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]
        return lookup == "chunk__origin__exact" or allowed

    @admin.display(description=gettext_lazy("text"))
    def sms_text(self, row: Message) -> str:
        return text_of(row)


def text_of(message: Message) -> str:
    """The text as it went out; what is wrong where it cannot be made any more."""
    try:
        return message.text()
    except ValueError as error:
        return _("Cannot be filled: %s") % error
