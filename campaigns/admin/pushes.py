from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import ReadOnlyAdmin
from campaigns.models import Push, Recipient
from campaigns.pushes import progress, refusals, settled_share
from campaigns.standards import in_words
from campaigns.steering import stop_of
from messaging.models import Message

from .steering import SteeringAdmin


@admin.register(Push)
class PushAdmin(SteeringAdmin):
    list_display = (
        "event",
        "status",
        "started_at",
        "started_by",
        "initial_count",
        "target_count",
        "finished_at",
    )
    list_filter = ("status", "event__event_type")
    search_fields = ("event__name",)
    date_hierarchy = "started_at"
    fields = (
        "event",
        "status",
        "started_at",
        "started_by",
        "finished_at",
        "as_of",
        "standard_words",
        "initial_count",
        "target_count",
    )
    readonly_fields = ("standard_words",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Push]:
        rows: QuerySet[Push] = super().get_queryset(request)
        return rows.select_related("event__event_type", "started_by")

    @admin.display(description=gettext_lazy("push standard"))
    def standard_words(self, push: Push) -> str:
        criteria = push.frozen.get("criteria")
        return in_words(criteria) if criteria else "–"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """The push as it goes: reloaded every two seconds until it is done."""
        push = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if push is not None and self.has_view_permission(request, push):
            context |= {
                "is_running": push.status in Push.RUNNING,
                "held_by": stop_of(push) if push.status in Push.RUNNING else None,
                "steps": self.steps(request, push),
                "refused_rows": refused_rows(push),
                "progress_rows": progress_rows(push),
                "group_rows": group_rows(push),
                "share": settled_share(push),
            }
        return super().change_view(request, object_id, form_url, context)


def progress_rows(push: Push) -> list[tuple[str, int]]:
    """(status in words, messages), those that occur."""
    counts = progress(push)
    words = {one.name.lower(): str(one.label) for one in Message.Status}
    words |= {
        "replied": _("replied"),
        "to_make": _("still to be made"),
        "not_made": _("cancelled before they were made"),
    }
    return [(words[name], count) for name, count in counts.items() if count]


def refused_rows(push: Push) -> list[tuple[str, int, str]]:
    """(reason in words, messages, address of their list), the most frequent first."""
    base = reverse("admin:messaging_message_changelist")
    of_push = {"chunk__origin__exact": push.origin}
    return [
        (
            str(Message.Failure(reason).label),
            count,
            f"{base}?{urlencode({**of_push, 'failure__exact': reason})}",
        )
        for reason, count in sorted(
            refusals(push).items(), key=lambda one: one[1], reverse=True
        )
    ]


def group_rows(push: Push) -> list[tuple[str, int, str]]:
    """(outcome or reason in words, customers, address of their list)."""
    listed = [
        (
            _("left out: %s") % Recipient.Reason(reason).label,
            count,
            recipients_address(push, reason__exact=reason),
        )
        for reason, count in push.excluded.items()
    ]
    held = push.initial_count - push.target_count - sum(push.excluded.values())
    chosen = [
        (
            str(outcome.label),
            count,
            recipients_address(push, outcome__exact=outcome.value),
        )
        for outcome, count in (
            (Recipient.Outcome.TARGETED, push.target_count),
            (Recipient.Outcome.HOLDOUT, held),
        )
    ]
    return chosen + listed


def recipients_address(push: Push, **query: str) -> str:
    """The push's recipients, narrowed."""
    base = reverse("admin:campaigns_recipient_changelist")
    return f"{base}?{urlencode({'push__id__exact': str(push.pk), **query})}"


@admin.register(Recipient)
class RecipientAdmin(ReadOnlyAdmin):
    list_display = ("customer", "masked_phone", "outcome", "reason", "push")
    list_filter = ("outcome", "reason")
    search_fields = ("customer__external_id",)
    list_select_related = ("customer", "push__event")
    ordering = ("-push_id", "-customer_id")  # as recipient_once lies
    fields = ("push", "customer", "outcome", "reason", "part")

    @admin.display(description=gettext_lazy("phone"))
    def masked_phone(self, row: Recipient) -> str:
        return row.customer.masked_phone

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """Reached from a push, not from the index."""
        return {}

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        allowed: bool = super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]
        return lookup == "push__id__exact" or allowed
