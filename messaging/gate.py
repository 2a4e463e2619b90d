"""May this SMS go out, now? Asked at the last moment, by one query for a chunk.

Each refusal has a reason that staff see and count (X2). Service notices pass consent,
quiet hours and caps; nothing passes a suppression of everything, its own validity or the
same text to the same number a moment before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from backoffice.kit.crypto import KeyRing, at_rest, key_ring
from customers.models import Consent, NoApplyInterval, Suppression

from .calendars import calendar_of
from .earlier import ALIKE, CAPPED, LEFT_OUT, Limits, Text, finding, repeated
from .models import Chunk, Message, ProviderAccount
from .outbox import Draft
from .quiet import HOME, quiet_until

__all__ = ["LEFT_OUT", "Failure", "Judgement", "Passed", "judge"]

Failure = Message.Failure
Row = dict[str, Any]
_REASONS = (Failure.NO_CONSENT.value, Failure.NO_APPLY.value)
EVERYTHING, DEAD = Suppression.Scope.EVERYTHING.value, Suppression.Scope.DEAD.value
SMS = ProviderAccount.Channel.SMS.value


@dataclass(frozen=True, slots=True)
class Passed:
    """A message that may go: what rendering and sending need of it."""

    id: Any
    phone: str
    phone_index: bytes
    values: dict[str, str]
    version_id: int
    attempts: int
    is_marketing: bool
    tried: int | None = None  # the account of its last attempt
    is_bound: bool = False  # to that account


@dataclass(slots=True)
class Judgement:
    """The due messages of a chunk, sorted: `refused` (id, reason), `postponed` (id, until)."""

    passed: list[Passed] = field(default_factory=list)
    refused: list[tuple[Any, str]] = field(default_factory=list)
    postponed: list[tuple[Any, datetime]] = field(default_factory=list)


def judge(
    chunk: Chunk,
    *,
    now: datetime,
    most: int | None = None,
    drafts: Sequence[Draft] = (),
) -> Judgement:
    """Judge every due message of the chunk, or `most` of them (X2).

    `drafts`: what the chunk was made of, where the caller still holds it; spares reading
    and decrypting it.
    """
    limits = Limits.of(chunk.lane)
    quiet = cache(partial(_quiet, now))
    passed = partial(_passed, key_ring(), {draft.id: draft for draft in drafts})
    judgement, alike = Judgement(), []
    for row in _facts(chunk, limits, now, content=not drafts)[:most]:
        if reason := _refusal(row):
            judgement.refused.append((row["id"], reason))
        elif row["is_marketing"] and (until := quiet(row["zone"])):
            judgement.postponed.append((row["id"], until))
        elif row["found"] == ALIKE:
            alike.append(passed(row))
        else:
            judgement.passed.append(passed(row))
    if alike:
        _compare(judgement, alike, limits, now)
    return judgement


def _refusal(row: Row) -> str:
    """The first reason against, or an empty string."""
    if row["too_late"]:
        return Failure.TOO_LATE
    if row["scope"] and (held := _held(row["scope"], row["is_marketing"])):
        return held
    for reason in _REASONS:
        if row[reason]:
            return reason
    return Failure.CAPPED if row["found"] == CAPPED else ""


def _held(scope: str, is_marketing: bool) -> str:
    """Why a number suppressed for the scope gets nothing; empty: it gets this SMS."""
    if scope == DEAD:
        return Failure.DEAD_NUMBER
    return Failure.SUPPRESSED if is_marketing or scope == EVERYTHING else ""


def _compare(
    judgement: Judgement, alike: list[Passed], limits: Limits, now: datetime
) -> None:
    """Refuse those that say what their number reads already."""
    texts = [Text(one.id, one.phone_index, one.version_id, one.values) for one in alike]
    again = repeated(texts, limits, now)
    judgement.refused += [(pk, Failure.REPEATED.value) for pk in again]
    judgement.passed += [one for one in alike if one.id not in again]


def _quiet(now: datetime, zone: str | None) -> datetime | None:
    return quiet_until(now, zone=zone or HOME, calendar=calendar_of(SMS))


def _passed(ring: KeyRing, drafts: dict[UUID, Draft], row: dict[str, Any]) -> Passed:
    draft = drafts.get(row["id"])
    if draft:
        phone, values = draft.phone, draft.values
    else:
        phone = row["phone_at_rest"]
        values = json.loads(ring.decrypt(row["parameters_at_rest"], "text"))
    return Passed(
        id=row["id"],
        phone=ring.decrypt(phone, "phone"),
        phone_index=bytes(row["phone_index"]),
        values=values,
        version_id=row["template_version_id"],
        attempts=row["attempts"],
        is_marketing=row["is_marketing"],
        tried=row["account_id"],
        is_bound=row["is_bound"],
    )


# As they rest: a field that decrypts itself costs twice what decrypting does.
_CONTENT = {
    "phone_at_rest": at_rest("phone"),
    "parameters_at_rest": at_rest("parameters"),
}


def _facts(
    chunk: Chunk, limits: Limits, now: datetime, *, content: bool
) -> QuerySet[Message, Row]:
    due = chunk.messages.filter(status=Message.Status.QUEUED, due_at__lte=now)
    facts = {
        **(_CONTENT if content else {}),
        # Asked of the database: reading a time costs more than all of the rest.
        "too_late": Q(expires_at__lte=now),
        "zone": F("customer__time_zone"),
        "scope": _scope(),
        "no_consent": _no_consent(),
        "no_apply": _no_apply(now),
        "found": finding(limits, now),
    }
    rows: QuerySet[Message, Row] = due.annotate(**facts).values(
        "id", "phone_index", "template_version_id", "attempts",
        "is_marketing", "account_id", "is_bound", *facts,
    )  # fmt: skip
    return rows


def _scope() -> Subquery:
    """What the number is suppressed for, the widest first as the index has them; or null."""
    of_number = Suppression.objects.filter(phone_index=OuterRef("phone_index"))
    return Subquery(of_number.order_by("scope").values("scope")[:1])


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
