"""Rates that all workers on all hosts share: of an account a second, of a run a minute.

The room at a rate is a line of time. Who takes room for n SMS moves the end of what is
taken on by n / rate seconds, with one statement, and may hand them over when that room
begins: what `take` says. Only what has a rate costs anything.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from .models import Chunk, Pace

# Of a run with a rate, a worker sends as many as this time has room for, and leaves.
TURN = 10.0
# Waiting for its turn a chunk is looked at again this often, the more of them the less.
LOOK_AGAIN = 5.0


@dataclass(frozen=True, slots=True)
class Room:
    """Where room begins; `is_taken` False: it begins too late, and nothing was taken."""

    at: datetime
    is_taken: bool


def take(
    key: str, seconds: float, *, now: datetime, near: float, credit: float = 0.0
) -> Room:
    """Take so many seconds' room of the key, where it begins within `near` seconds.

    `credit`: how many seconds' room that nobody took in time is still there; without it
    no more is ever handed over in a moment than was asked for at once.
    """
    at = now.timestamp()
    table = Pace._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (key, free_at) VALUES (%s, %s) ON CONFLICT (key) "  # noqa: S608
            f"DO UPDATE SET free_at = %s + CASE WHEN {table}.free_at > %s "
            f"THEN {table}.free_at ELSE %s END WHERE {table}.free_at <= %s "
            "RETURNING free_at",
            [key, at + seconds, seconds, at - credit, at - credit, at + near],
        )
        row = cursor.fetchone()
    if row:
        return Room(max(now, _moment(row[0] - seconds)), is_taken=True)
    free_at = Pace.objects.values_list("free_at", flat=True).get(key=key)
    return Room(_moment(free_at), is_taken=False)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def turn(chunk: Chunk, now: datetime) -> tuple[int | None, Room]:
    """How many SMS of a chunk may go now; None: its run has no rate; 0: not its turn."""
    if chunk.per_minute is None:
        return None, Room(now, is_taken=True)
    rate = chunk.per_minute / 60
    count = max(1, min(chunk.size, int(rate * TURN)))
    room = take(chunk.origin, count / rate, now=now, near=0.0, credit=TURN)
    return (count if room.is_taken else 0), room


def look_again(chunk: Chunk, room: Room) -> datetime:
    """When a chunk without room is looked at next: those of a run not all at once."""
    others = Chunk.objects.filter(origin=chunk.origin, next_at__isnull=False).count()
    return room.at + timedelta(seconds=random.uniform(0, LOOK_AGAIN * (others - 1)))
