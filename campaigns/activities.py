"""Taking part in an activity: signing up, and being stopped (D2, D7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from backoffice.kit.jobs import later
from backoffice.platform.models import AuditEntry
from customers.models import Customer, CustomerLabel
from messaging.models import Call, Message
from tracking.groups import roll_up
from tracking.models import TrackingRecord

from .guard import ActivityFacts, Page, admit
from .models import Activity, Push, PushPart, SignUp
from .risk import Signals, measure

BEGIN = "campaigns.jobs.begin_verification"


class AlreadySignedUp(ValueError):
    """The customer takes part in this activity already: once is enough."""


@dataclass(frozen=True, slots=True)
class Visit:
    """How a sign-up came in: the page's language, and the signals of D8."""

    language: str
    signals: Signals = Signals()


def admission(activity: Activity, customer: Customer, now: datetime) -> Page:
    """Which page the customer gets, by the labels held at this moment (D2)."""
    facts = ActivityFacts(
        labels=frozenset(activity.labels.values_list("code", flat=True)),
        starts_at=activity.starts_at,
        ends_at=activity.ends_at,
    )
    held = CustomerLabel.objects.filter(customer=customer, until__isnull=True)
    statuses = SignUp.objects.filter(activity=activity, customer=customer)
    status = statuses.values_list("status", flat=True).first()
    return admit(
        facts,
        set(held.values_list("label__code", flat=True)),
        blocked=status == SignUp.Status.INTERCEPTED,
        signed_up=status is not None,
        now=now,
    )


def sign_up(
    activity: Activity,
    record: TrackingRecord,
    answers: Mapping[str, str],
    *,
    visit: Visit,
    now: datetime,
) -> SignUp:
    """Store a sign-up and have its verification begun. Raises AlreadySignedUp (D3, X1)."""
    row = SignUp(
        activity=activity,
        customer=record.customer,
        message_id=record.message_id,
        answers=json.dumps(dict(answers), ensure_ascii=False),
        language=visit.language,
        ip_index=visit.signals.ip_index,
        device_index=visit.signals.device_index,
        created_at=now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            _count(row, now)
    except IntegrityError:
        raise AlreadySignedUp from None
    return row


def _count(row: SignUp, now: datetime) -> None:
    SignUp.objects.filter(pk=row.pk).update(risk=measure(row))
    business_type = row.activity.business_type_id
    if business_type:
        roll_up([(business_type, row.customer_id, now, None)], kind="sign_up")
    later(BEGIN, row.pk, lane="voice")


def stop(row: SignUp, now: datetime, *, by: Any = None, reason: str) -> bool:
    """End a participation at once, with everything that depended on it (D7).

    The status changes by a conditional update; what waits for this customer because of
    the activity (messages, calls) is cancelled; its links lead to the other page from
    now on. False where it was stopped before. Both happen or neither.
    """
    going_on = SignUp.objects.filter(pk=row.pk).exclude(
        status=SignUp.Status.INTERCEPTED
    )
    with transaction.atomic():
        _wait_for_parts(row.activity_id)
        stopped = going_on.update(
            status=SignUp.Status.INTERCEPTED, decided_at=now, stopped_at=now
        )
        if not stopped:
            return False
        AuditEntry.write(
            by,
            "sign_up.stop",
            row,
            reason=reason,
            messages=_cancel_messages(row, now),
            calls=cancel_calls(row, now),
        )
    return True


def _wait_for_parts(activity_id: int) -> None:
    """Parts whose messages are being made commit first, so that these are seen; those
    not begun wait for us, and see the stop (`cancel_stopped`)."""
    empty = PushPart.objects.filter(
        push__event__activity=activity_id, chunk__isnull=True
    )
    list(empty.select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def _cancel_messages(row: SignUp, now: datetime) -> int:
    pushes = Push.objects.filter(event__activity=row.activity_id)
    mine = Message.objects.filter(
        customer=row.customer_id, chunk__origin__in=[push.origin for push in pushes]
    )
    # One that is with the provider, who may give it back, is not tried again either.
    open_ = mine.filter(status__in=(Message.Status.QUEUED, Message.Status.SENDING))
    open_.update(expires_at=now)
    return _cancel(mine, now)


def cancel_stopped(messages: QuerySet[Message], activity_id: int, now: datetime) -> int:
    """Cancel those of `messages` whose customers were stopped in the activity (D7)."""
    stopped = SignUp.objects.filter(
        activity=activity_id, status=SignUp.Status.INTERCEPTED
    )
    return _cancel(messages.filter(customer__in=stopped.values("customer")), now)


def _cancel(messages: QuerySet[Message], now: datetime) -> int:
    waiting = messages.filter(status=Message.Status.QUEUED)
    return waiting.update(status=Message.Status.CANCELLED, due_at=None, settled_at=now)


def cancel_calls(row: SignUp, now: datetime) -> int:
    """Nobody is called any more about a sign-up that is decided."""
    waiting = Call.objects.filter(
        verification__sign_up=row.pk, status=Call.Status.QUEUED
    )
    return waiting.update(status=Call.Status.FAILED, due_at=None, ended_at=now)
