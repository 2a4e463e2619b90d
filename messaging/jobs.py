"""Thin doors for workers: ids in, counts out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from backoffice.kit.clock import database_now
from backoffice.kit.jobs import awake, later, waiting

from . import (
    calls,
    inbox,
    listening,
    outbox,
    parked,
    recycled,
    sending,
    silence,
    unknowns,
)
from .callbacks import APPLY
from .models import Chunk
from .stopping import WAKE
from .watching import watch

SWEEP_MOST = 500


def send_chunk(chunk_id: int) -> dict[str, int]:
    awake(outbox.SEND, chunk_id)
    return sending.send_chunk(chunk_id)


def apply_callbacks() -> dict[str, int]:
    """Until nothing waits: one wake-up stands for many callbacks."""
    awake(APPLY)
    applied, more = inbox.apply_waiting(database_now())
    if more:
        later(APPLY, lane="receipts", once=True)
    return {"applied": applied}


def sweep() -> dict[str, int]:
    """Find what a lost wake-up, a dead worker or a silent provider left."""
    now = database_now()
    woken = sum(_wake_due(lane, now) for lane in outbox.LANES)
    later(APPLY, lane="receipts", once=True)
    return {
        "chunks": woken,
        "parked": parked.match_young(now),
        "asked": unknowns.query_due(now),
        "expired": silence.expire_silent(now),
    }


def wake_due() -> dict[str, int]:
    """Wake workers for chunks whose time has come: after a wait, a stop, a lost wake-up."""
    awake(WAKE)
    now = database_now()
    return {lane: _wake_due(lane, now) for lane in outbox.LANES}


def sweep_parked() -> dict[str, int]:
    """Match receipts that have waited long; forget them, and raw requests, at last."""
    now = database_now()
    return {"matched": parked.match_all(now), **parked.forget(now)}


def _wake_due(lane: str, now: datetime) -> int:
    """Wake workers for due chunks, as far as the lane has not enough to do already."""
    room = max(0, SWEEP_MOST - waiting(lane))
    due = Chunk.objects.due(now).filter(lane=lane).order_by("next_at")
    ids = list(due.values_list("pk", flat=True)[:room])
    for pk in ids:
        later(outbox.SEND, pk, lane=lane, once=True)
    return len(ids)


def place_call(call_id: str) -> dict[str, int]:
    return {"dialled": int(calls.place(UUID(call_id), database_now()))}


def recognise_call(call_id: str) -> dict[str, int]:
    return {"heard": int(listening.listen(UUID(call_id)))}


def sweep_calls() -> dict[str, int]:
    """Place calls that are due, listen to those nobody heard, end those gone silent."""
    return calls.sweep(database_now())


def watch_accounts() -> dict[str, int]:
    """Errors and slow delivery move the weights of provider accounts."""
    return {"moved": watch(database_now())}


def flag_recycled() -> dict[str, int]:
    """Numbers that may have a new owner, by what the last day brought."""
    return recycled.flag_recycled(database_now())
