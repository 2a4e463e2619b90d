"""Clicks: from the stream into the user-behaviour log, with SMS id and parameters (E6, E7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import django_rq
from django.db import transaction
from redis.exceptions import ResponseError

from backoffice.kit.bulk import insert_rows

from . import groups
from .models import Click, DayRollup, TrackingRecord

STREAM = "clicks"
GROUP = "log"
READER = "log"
BATCH = 1000

_FIELDS = [
    "event_id",
    "message",
    "code",
    "parameters",
    "customer",
    "at",
    "agent",
    "network",
]


class ClickEvent(NamedTuple):
    """A request for a short link, as it lies in the stream; `at` in ISO 8601."""

    event_id: str
    code: str
    at: str
    agent: str
    network: str


def take_clicks() -> int:
    """Write what is in the stream to the log; returns how many clicks were new.

    What a dead worker had read but not written is read again first.
    """
    stream: Any = django_rq.get_connection("default")
    try:
        stream.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError:
        pass  # the group exists
    return sum(_drain(stream, start) for start in ("0", ">"))


def _drain(stream: Any, start: str) -> int:
    new = 0
    while True:
        answer = stream.xreadgroup(GROUP, READER, {STREAM: start}, count=BATCH)
        entries = answer[0][1] if answer else []
        if not entries:
            return new
        new += store([_event(fields) for _id, fields in entries if fields])
        ids = [entry_id for entry_id, _fields in entries]
        stream.xack(STREAM, GROUP, *ids)
        stream.xdel(STREAM, *ids)


def _event(fields: dict[bytes, bytes]) -> ClickEvent:
    return ClickEvent(
        **{
            name.decode(): value.decode(errors="replace")
            for name, value in fields.items()
        }
    )


@transaction.atomic
def store(events: Sequence[ClickEvent]) -> int:
    """Log clicks of known codes; the same event twice is one. They are behaviour, too (X1)."""
    known = set(
        Click.objects.filter(event_id__in=[e.event_id for e in events]).values_list(
            "event_id", flat=True
        )
    )
    fresh = {event.event_id: event for event in events if event.event_id not in known}
    records = TrackingRecord.objects.filter(
        code__in={event.code for event in fresh.values()}
    )
    by_code = {record.code: record for record in records}
    pairs = [
        (event, by_code[event.code])
        for event in fresh.values()
        if event.code in by_code
    ]
    insert_rows(Click, _FIELDS, [_row(event, record) for event, record in pairs])
    groups.roll_up(
        [
            (
                record.business_type_id,
                record.customer_id,
                datetime.fromisoformat(event.at),
                None,
            )
            for event, record in pairs
            if record.business_type_id and record.customer_id
        ],
        kind=DayRollup.Kind.CLICK,
    )
    return len(pairs)


def _row(event: ClickEvent, record: TrackingRecord) -> tuple[object, ...]:
    at = datetime.fromisoformat(event.at)
    return (
        event.event_id, record.message_id, event.code, record.parameters_id, record.customer_id,
        at, event.agent, event.network,
    )  # fmt: skip
