"""What else a number got lately: frequency caps, and no text twice within minutes (X2).

One look at the number's other messages answers both, over (phone_index, created_at).
What was handed over counts; of those that still wait the ones with lower ids, so that of
two that are judged at the same time exactly one goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual

from backoffice.kit.crypto import at_rest, key_ring
from backoffice.platform.models import Parameter

from .models import Message

Status = Message.Status

# What reached nobody: it fills no cap, and its text may be said again.
LEFT_OUT = (Status.REFUSED, Status.CANCELLED, Status.FAILED)
CAPPED, ALIKE = "capped", "alike"
# An equal text that was made before may wait so long and then go out beside this one.
LOOK_BACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What staff set. `caps`: (SMS, hours), for marketing alone. `repeat` zero: no limit."""

    caps: tuple[tuple[int, int], ...]
    repeat: timedelta

    @classmethod
    def of(cls, lane: str) -> Limits:
        caps = Parameter.read("marketing_cap") if lane == "marketing" else ()
        return cls(
            caps=tuple((cap["count"], cap["hours"]) for cap in caps),
            repeat=timedelta(minutes=Parameter.read("repeat_minutes")),
        )


@dataclass(frozen=True, slots=True)
class Text:
    """What an SMS says, as far as it can be compared: a version filled with values."""

    id: UUID
    phone_index: bytes
    version_id: int
    values: dict[str, str]


def finding(limits: Limits, now: datetime) -> Coalesce:
    """For a query of messages: "capped", "alike" (compare the texts) or nothing."""
    whens = [
        When(GreaterThanOrEqual(_made_since(now, hours), most), then=Value(CAPPED))
        for most, hours in limits.caps
    ]
    if limits.repeat:
        same = Q(template_version=OuterRef("template_version")) & _near(limits, now)
        whens.append(When(GreaterThan(Count("pk", filter=same), 0), then=Value(ALIKE)))
    before = ~Q(status=Status.QUEUED) | Q(id__lt=OuterRef("id"))
    others = _others(limits, now).filter(before, phone_index=OuterRef("phone_index"))
    grouped = others.order_by().values("phone_index")
    found = grouped.annotate(found=Case(*whens, default=Value(""))).values("found")
    return Coalesce(Subquery(found), Value(""))


def _others(limits: Limits, now: datetime) -> QuerySet[Message]:
    hours = [timedelta(hours=hours) for _most, hours in limits.caps]
    since = now - max([*hours, LOOK_BACK])
    return Message.objects.filter(created_at__gte=since).exclude(status__in=LEFT_OUT)


def _made_since(now: datetime, hours: int) -> Count:
    """Counted by the time of creation, which never changes: no index has to follow."""
    since = now - timedelta(hours=hours)
    return Count("pk", filter=Q(is_marketing=True, created_at__gte=since))


def _near(limits: Limits, now: datetime) -> Q:
    """Still to go out, or gone out within the minutes."""
    since = now - limits.repeat
    waits = Q(status__in=(Status.QUEUED, Status.SENDING))
    return waits | Q(created_at__gte=since) | Q(fenced_at__gte=since)


def repeated(texts: Sequence[Text], limits: Limits, now: datetime) -> set[UUID]:
    """Which of the texts found "alike" their number gets a moment before, word for word.

    Only for the few that are: reading and comparing them costs what the index cannot say.
    """
    if not texts:
        return set()
    first: dict[Key, UUID] = {}
    for other, is_gone in _beside(texts, limits, now):
        key, pk = _key(other), _BEFORE_ALL if is_gone else other.id
        first[key] = min(first.get(key, pk), pk)
    return {text.id for text in texts if first.get(_key(text), text.id) < text.id}


_BEFORE_ALL = UUID(int=0)


def _beside(
    texts: Sequence[Text], limits: Limits, now: datetime
) -> Iterable[tuple[Text, bool]]:
    """What the same numbers get of the same versions, and whether it is handed over."""
    rows = _others(limits, now).filter(
        _near(limits, now),
        phone_index__in={text.phone_index for text in texts},
        template_version__in={text.version_id for text in texts},
    )
    found: Any = rows.values_list(
        "id", "phone_index", "template_version_id", at_rest("parameters"), "status"
    )
    decrypt = key_ring().decrypt
    for pk, index, version, parameters, status in found.iterator():
        values = json.loads(decrypt(parameters, "text"))
        yield Text(pk, bytes(index), version, values), status != Status.QUEUED


Key = tuple[bytes, int, str]


def _key(text: Text) -> Key:
    return text.phone_index, text.version_id, _said(text.values)


def _said(values: dict[str, str]) -> str:
    """The values apart from links: each SMS has one of its own, and says no more by it."""
    said = {
        k: v for k, v in values.items() if not v.startswith(("http://", "https://"))
    }
    return json.dumps(said, sort_keys=True)
