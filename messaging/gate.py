"""May this SMS go out, now? Asked at the last moment, by one query for a chunk.

Each refusal has a reason that staff see and count (X2). Service notices pass consent,
quiet hours and caps; nothing passes a suppression of everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cache, partial
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from backoffice.kit.crypto import KeyRing, at_rest, key_ring
from backoffice.platform.models import Parameter
from customers.models import Consent, NoApplyInterval, Suppression

from .models import Chunk, Message
from .quiet import quiet_until

Failure = Message.Failure
Rows = QuerySet[Message, dict[str, Any]]
_CAPS = tuple(f"cap_{n}" for n in range(9))  # names for what each cap counts
_REASONS = (
    Failure.TOO_LATE.value,
    Failure.SUPPRESSED.value,
    Failure.NO_CONSENT.value,
    Failure.NO_APPLY.value,
)
LEFT_OUT = (Message.Status.REFUSED, Message.Status.CANCELLED, Message.Status.FAILED)


@dataclass(frozen=True, slots=True)
class Passed:
    """A message that may go: what rendering and sending need of it."""

    id: Any
    phone: str
    phone_index: bytes
    parameters: str
    version_id: int
    attempts: int
    is_marketing: bool


@dataclass(slots=True)
class Judgement:
    """The due messages of a chunk, sorted: `refused` (id, reason), `postponed` (id, until)."""

    passed: list[Passed] = field(default_factory=list)
    refused: list[tuple[Any, str]] = field(default_factory=list)
    postponed: list[tuple[Any, datetime]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Limits:
    """What staff set for marketing: quiet hours (start, end), caps (count, hours)."""

    quiet: tuple[time, time] | None
    caps: list[tuple[int, int]]

    @classmethod
    def current(cls) -> Limits:
        hours = Parameter.read("quiet_hours")
        return cls(
            quiet=(time.fromisoformat(hours["start"]), time.fromisoformat(hours["end"]))
            if hours
            else None,
            caps=[
                (cap["count"], cap["hours"]) for cap in Parameter.read("marketing_cap")
            ],
        )


def judge(chunk: Chunk, *, now: datetime, most: int | None = None) -> Judgement:
    """Judge every due message of the chunk, or `most` of them (X2)."""
    limits = Limits.current()
    quiet = cache(partial(_quiet, limits, now))
    ring = key_ring()
    judgement = Judgement()
    for row in _facts(chunk, limits, now)[:most]:
        reason = _refusal(row, limits)
        until = quiet(row["zone"]) if row["is_marketing"] and not reason else None
        if reason:
            judgement.refused.append((row["id"], reason))
        elif until:
            judgement.postponed.append((row["id"], until))
        else:
            judgement.passed.append(_passed(row, ring))
    return judgement


def _refusal(row: dict[str, Any], limits: Limits) -> str:
    """The first reason against, or an empty string."""
    for reason in _REASONS:
        if row[reason]:
            return reason
    for cap, (most, _hours) in zip(_CAPS, limits.caps, strict=False):
        if row.get(cap, 0) >= most:
            return Failure.CAPPED
    return ""


def _quiet(limits: Limits, now: datetime, zone: str | None) -> datetime | None:
    if limits.quiet is None:
        return None
    start, end = limits.quiet
    return quiet_until(now, zone=zone or "Asia/Shanghai", start=start, end=end)


def _passed(row: dict[str, Any], ring: KeyRing) -> Passed:
    return Passed(
        id=row["id"],
        phone=ring.decrypt(row["phone_at_rest"], "phone"),
        phone_index=bytes(row["phone_index"]),
        parameters=ring.decrypt(row["parameters_at_rest"], "text"),
        version_id=row["template_version_id"],
        attempts=row["attempts"],
        is_marketing=row["is_marketing"],
    )


def _facts(chunk: Chunk, limits: Limits, now: datetime) -> Rows:
    due = chunk.messages.filter(status=Message.Status.QUEUED, due_at__lte=now)
    facts = {
        # As they rest: a field that decrypts itself costs twice what decrypting does.
        "phone_at_rest": at_rest("phone"),
        "parameters_at_rest": at_rest("parameters"),
        # Asked of the database: reading a time costs more than all of the rest.
        "too_late": Q(expires_at__lte=now),
        "zone": F("customer__time_zone"),
        "suppressed": _suppressed(),
        "no_consent": _no_consent(),
        "no_apply": _no_apply(now),
    }
    if chunk.lane == "marketing":
        facts |= {
            cap: _earlier(now - timedelta(hours=hours))
            for cap, (_most, hours) in zip(_CAPS, limits.caps, strict=False)
        }
    rows: Rows = due.annotate(**facts).values(
        "id", "phone_index", "template_version_id", "attempts",
        "is_marketing", *facts,
    )  # fmt: skip
    return rows


def _suppressed() -> Q:
    of_number = Suppression.objects.filter(phone_index=OuterRef("phone_index"))
    wholly = of_number.filter(scope=Suppression.Scope.EVERYTHING)
    return Q(Exists(wholly)) | Q(is_marketing=True) & Q(Exists(of_number))


def _no_consent() -> Q:
    given = Consent.objects.filter(
        customer=OuterRef("customer"),
        purpose=Consent.Purpose.MARKETING,
        withdrawn_at__isnull=True,
    )
    return Q(is_marketing=True) & ~Q(Exists(given))


def _no_apply(now: datetime) -> Q:
    current = NoApplyInterval.objects.filter(
        customer=OuterRef("customer"),
        start_at__lte=now,
        end_at__gt=now,
        ended_at__isnull=True,
    )
    return Q(business_type__offers_application=True) & Q(Exists(current))


def _earlier(since: datetime) -> Coalesce:
    """How many marketing messages this number got or will get that were made before this one.

    Counted on the time of creation, which never changes: no index has to follow.
    """
    rows = Message.objects.filter(
        phone_index=OuterRef("phone_index"),
        created_at__gte=since,
        is_marketing=True,
        id__lt=OuterRef("id"),
    ).exclude(status__in=LEFT_OUT)
    counted = rows.order_by().values("phone_index").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)
