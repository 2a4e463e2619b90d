"""What the SMSC tells us is stored before it is answered, by the hundred in one transaction.

A stored body is a JSON list: a deliver_sm as `{"pdu": hex, "at": time, "reference": id}`,
the id in the form of our response codes; or the late answer to a submit_sm, as `Job.row`
gives it. What cannot be read is kept alone, so that it spoils nothing else.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from django.db import Error, close_old_connections

from backoffice.kit.clock import database_now
from backoffice.kit.crypto import key_ring
from backoffice.kit.jobs import later
from messaging.callbacks import APPLY, BODY
from messaging.models import CallbackRequest

from . import pdu
from .config import Config
from .handover import Row
from .reports import done_at, id_of_receipt, is_receipt, read_report

logger = logging.getLogger(__name__)

AT_ONCE = 500
AGAIN_AFTER = 1.0

Stored = Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class Arrived:
    """`place`: account and kind; what has the same goes into one row, what is broken has its own."""

    place: tuple[int, str, int]
    row: Row
    stored: Stored


class Intake:
    """`run` is its work; `store` is called in `thread`, which has the database."""

    def __init__(
        self, store: Callable[[Sequence[Arrived]], None], thread: Executor
    ) -> None:
        self._store, self._thread = store, thread
        self._waiting: list[Arrived] = []
        self._something = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._broken = 0

    def message(self, config: Config, frame: bytes, stored: Stored) -> None:
        """A deliver_sm."""
        now = datetime.now(UTC)
        row: Row = {"pdu": frame.hex(), "at": now.isoformat(timespec="seconds")}
        try:
            kind, notes = read(config, pdu.decode(frame))
            alone = 0
        except pdu.Malformed:
            self._broken += 1
            kind, notes, alone = CallbackRequest.Kind.RECEIPTS, {}, self._broken
        self._put(Arrived((config.account_id, kind, alone), row | notes, stored))

    def result(self, config: Config, row: Row) -> None:
        """An answer to a submit_sm that no worker waits for any more: tried until stored."""
        place = (config.account_id, CallbackRequest.Kind.RECEIPTS.value, 0)
        loop = asyncio.get_running_loop()

        def stored(safely: bool) -> None:
            if not safely:
                loop.call_later(AGAIN_AFTER, self._put, arrived)

        arrived = Arrived(place, row, stored)
        self._put(arrived)

    def _put(self, arrived: Arrived) -> None:
        self._waiting.append(arrived)
        self._something.set()
        self._idle.clear()

    async def emptied(self, *, seconds: float = 5.0) -> None:
        """All is stored, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            logger.error("SMPP: %d not stored at the end", len(self._waiting))

    async def run(self) -> None:
        while True:
            await self._something.wait()
            batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            safely = await self._try(batch)
            for arrived in batch:
                arrived.stored(safely)
            if not self._waiting:
                self._something.clear()
                self._idle.set()

    async def _try(self, batch: Sequence[Arrived]) -> bool:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._store, batch)
        except Error as error:
            logger.error("SMPP: %d not stored: %s", len(batch), type(error).__name__)
            return False
        return True


def read(config: Config, message: pdu.Pdu) -> tuple[str, Row]:
    """Its kind, and what the account's settings say about it. Raises Malformed."""
    form = config.receipt_ids
    if not is_receipt(message):
        told = message.tlvs.get(pdu.RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0")
        answers = id_of_receipt(told.decode("latin-1"), form) if told else ""
        return CallbackRequest.Kind.REPLIES.value, {"reference": answers}
    report = read_report(message)
    done = done_at(report.done, config.zone)
    return CallbackRequest.Kind.RECEIPTS.value, {
        "reference": id_of_receipt(report.reference, form),
        "at": done.isoformat() if done else None,
    }


def store(batch: Sequence[Arrived]) -> None:
    """Raises Django's database errors."""
    close_old_connections()
    now = database_now()
    CallbackRequest.objects.bulk_create(_requests(batch, now))
    later(APPLY, lane="receipts", once=True)


def _requests(batch: Sequence[Arrived], now: datetime) -> Iterator[CallbackRequest]:
    ring = key_ring()
    ordered = sorted(batch, key=lambda one: one.place)
    for (account_id, kind, _alone), same in groupby(ordered, lambda one: one.place):
        body = json.dumps([arrived.row for arrived in same], separators=(",", ":"))
        yield CallbackRequest(
            account_id=account_id,
            kind=kind,
            body=ring.encrypt_bytes(body.encode(), BODY),
            content_type="application/json",
            received_at=now,
        )
