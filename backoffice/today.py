"""What the index shows: the everyday tasks, today's numbers and what waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Count, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.kit.ids import first_id
from campaigns.models import Notice, Push, SignUp
from campaigns.pushes import settled_share
from customers.models import CompletionRequest
from messaging.models import Doubt, FailedNumber, InboundMessage, Message, Stop
from tracking.models import Click, QuarantinedRow

FRESH = 15  # seconds: the index is opened by many, and counting a day costs
MOST = 10_000
LATEST = 5


@dataclass(frozen=True)
class Number:
    """A number on the index; `url` is the list behind it, `asks` that somebody must act."""

    label: object
    value: int
    url: str
    asks: bool = False


@dataclass(frozen=True)
class Task:
    """Something that staff do every day, and where it begins."""

    label: object
    words: object
    url: str


def page(user: Any) -> dict[str, Any]:
    """The context of the index, as far as this member of staff may see it."""
    shown = numbers(user)
    watches = user.has_perm("campaigns.view_push")
    return {
        "stops": stops(user),
        "tasks": tasks(user),
        "traffic": [number for number in shown if not number.asks],
        "waiting": [number for number in shown if number.asks],
        "pushes": running_pushes() if watches else [],
        "latest": latest_pushes() if watches else [],
        "watches": watches,
    }


def tasks(user: Any) -> list[Task]:
    return [
        Task(label, words, reverse(f"admin:{view}") + query)
        for label, words, view, query, permission in _TASKS
        if user.has_perm(permission)
    ]


def numbers(user: Any) -> list[Number]:
    """Today's traffic, then what waits for a person."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    counts: dict[str, int] = (
        cache.get_or_set(f"today:{midnight:%j}", lambda: _count(midnight), FRESH) or {}
    )
    shown = [
        Number(label, counts[name], _url(view, query), asks)
        for name, label, view, query, asks in _SHOWN
        if user.has_perm(_permission(view))
    ]
    return [number for number in shown if number.value or not number.asks]


def running_pushes() -> list[tuple[Push, int]]:
    """Pushes under way, each with the percentage settled or sent."""
    running = Push.objects.filter(status__in=Push.RUNNING).select_related("event")
    return [(push, settled_share(push)) for push in running[:10]]


def stops(user: Any) -> list[Stop]:
    """What somebody stopped: shown first, to whoever may see it."""
    if not user.has_perm("messaging.view_stop"):
        return []
    return list(Stop.objects.select_related("by"))


def latest_pushes() -> QuerySet[Push]:
    done = Push.objects.exclude(status__in=Push.RUNNING).select_related("event")
    return done.order_by("-pk")[:LATEST]


# label, what it leads to, admin view, query, permission
_TASKS: list[tuple[object, object, str, str, str]] = [
    (
        _("Import customers"),
        _("A CSV file: checked first, stored when you say so"),
        "platform_import_add",
        "?target=customers",
        "platform.add_import",
    ),
    (
        _("Write a notice"),
        _("One SMS about a loan or a repayment"),
        "campaigns_notice_add",
        "",
        "campaigns.add_notice",
    ),
    (
        _("Start an event"),
        _("Choose it, look at the target group, start"),
        "campaigns_marketingevent_changelist",
        "",
        "campaigns.start_event",
    ),
]

# name, label, admin view, query of the list behind it, does it ask for a person?
_SHOWN: list[tuple[str, object, str, str, bool]] = [
    ("messages", _("SMS today"), "messaging_message", "", False),
    ("delivered", _("delivered"), "messaging_message", "status__exact=50", False),
    ("failed", _("failed"), "messaging_message", "status__exact=40", False),
    ("replies", _("replies"), "messaging_inboundmessage", "", False),
    ("clicks", _("clicks"), "tracking_click", "", False),
    ("sign_ups", _("sign-ups"), "campaigns_signup", "", False),
    (
        "stopped",
        _("stopped sign-ups"),
        "campaigns_signup",
        "status__exact=intercepted",
        False,
    ),
    ("held", _("notices held"), "campaigns_notice", "status__exact=held", True),
    (
        "failed_numbers",
        _("failed numbers to act on"),
        "messaging_failednumber",
        "state__exact=open",
        True,
    ),
    (
        "recycled",
        _("numbers that may have a new owner"),
        "messaging_failednumber",
        "flagged=yes",
        True,
    ),
    (
        "unsure",
        _("calls for a person to judge"),
        "campaigns_signup",
        "status__exact=unsure",
        True,
    ),
    (
        "doubt",
        _("SMS in doubt for a day"),
        "messaging_doubt",
        "",
        True,
    ),
    (
        "quarantined",
        _("rows set aside"),
        "tracking_quarantinedrow",
        "resolved_at__isempty=1",
        True,
    ),
    (
        "completions",
        _("data to complete"),
        "customers_completionrequest",
        "state=open",
        True,
    ),
]


def _url(view: str, query: str) -> str:
    return reverse(f"admin:{view}_changelist") + (f"?{query}" if query else "")


def _permission(view: str) -> str:
    app, _line, model = view.partition("_")
    return f"{app}.view_{model}"


def _count(midnight: datetime) -> dict[str, int]:
    today = Message.objects.filter(pk__gte=first_id(midnight))
    by_status = dict(today.order_by().values_list("status").annotate(Count("pk")))
    waiting: dict[str, Callable[[], QuerySet[Any]]] = {
        "held": lambda: Notice.objects.filter(status=Notice.Status.HELD),
        "failed_numbers": lambda: FailedNumber.objects.filter(
            state=FailedNumber.State.OPEN
        ),
        "unsure": lambda: SignUp.objects.filter(status=SignUp.Status.UNSURE),
        "recycled": lambda: FailedNumber.objects.flagged(),
        "doubt": lambda: Doubt.objects.open(),
        "quarantined": lambda: QuarantinedRow.objects.filter(resolved_at__isnull=True),
        "completions": lambda: CompletionRequest.objects.filter(done_at__isnull=True),
        "replies": lambda: InboundMessage.objects.filter(received_at__gte=midnight),
        "clicks": lambda: Click.objects.filter(at__gte=midnight),
        "sign_ups": lambda: SignUp.objects.filter(created_at__gte=midnight),
        "stopped": lambda: SignUp.objects.filter(stopped_at__gte=midnight),
    }
    return {
        "messages": sum(by_status.values()),
        "delivered": by_status.get(Message.Status.DELIVERED, 0),
        "failed": by_status.get(Message.Status.FAILED, 0),
        **{
            name: len(rows()[:MOST].values_list("pk")) for name, rows in waiting.items()
        },
    }
