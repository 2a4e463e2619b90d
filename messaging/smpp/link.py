"""One connection to an SMSC: frames, sequence numbers, answers, and its small talk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Protocol

from . import pdu
from .pdu import Malformed, Pdu, Value

logger = logging.getLogger(__name__)

# What came of a request: the peer's answer, or None where there will be none.
Answer = Callable[[Pdu | None], None]


class Owner(Protocol):
    """Who a link works for."""

    def delivered(self, link: Link, sequence: int, frame: bytes) -> None:
        """A deliver_sm, whole or broken: call `link.acknowledge` once it is stored."""

    def caught_up(self) -> None:
        """All that came in at once has been handed on: there may be room in the window."""


class Link(asyncio.Protocol):
    """`closed` is done once the connection is gone; all that waits has had None by then."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.is_open = False  # bound, and neither side wants to part
        self.heard_at = self.loop.time()
        self._is_enquiring = False
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._sequence = 0
        # In the order of asking, which is that of their time: the oldest stands first.
        self._pending: dict[int, tuple[float, Answer]] = {}

    # --- asking ---------------------------------------------------------------------

    def ask(self, frame: bytes, answer: Answer) -> None:
        """Send a request, its sequence number set here; `flush` puts it on the wire."""
        self._sequence = self._sequence % pdu.LAST_SEQUENCE + 1
        number = self._sequence
        self._pending[number] = (self.loop.time(), answer)
        self._out.append(frame[:12] + number.to_bytes(4, "big") + frame[16:])

    async def request(
        self, command: int, values: Mapping[str, Value], *, seconds: float
    ) -> Pdu | None:
        """One request, awaited; None where no answer comes in time."""
        answered: asyncio.Future[Pdu | None] = self.loop.create_future()

        def take(said: Pdu | None) -> None:
            if not answered.done():
                answered.set_result(said)

        self.ask(pdu.encode(Pdu(command, values=values)), take)
        self.flush()
        # Not wait_for: in Python 3.11 it may swallow a cancellation.
        try:
            async with asyncio.timeout(seconds):
                return await answered
        except TimeoutError:
            return None

    def enquire(self) -> None:
        """Ask whether the peer is there, unless that is asked already."""
        if self._is_enquiring:
            return

        def heard(_said: Pdu | None) -> None:
            self._is_enquiring = False

        self._is_enquiring = True
        self.ask(pdu.encode(Pdu(pdu.ENQUIRE_LINK)), heard)
        self.flush()

    def acknowledge(self, sequence: int, status: int) -> None:
        self._out.append(
            pdu.encode(Pdu(pdu.DELIVER_SM | pdu.RESPONSE, sequence, status))
        )

    def flush(self) -> None:
        if self._out and self._transport and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def close(self) -> None:
        self.is_open = False
        if self._transport:
            self._transport.close()
            # A peer that reads no more would keep us waiting for ever.
            self.loop.call_later(2.0, self._transport.abort)

    # --- time -----------------------------------------------------------------------

    def give_up_on(self, before: float) -> None:
        """End the wait for what was asked before then."""
        old = list(takewhile(lambda one: one[1][0] < before, self._pending.items()))
        for number, (_at, answer) in old:
            del self._pending[number]
            answer(None)

    # --- asyncio.Protocol -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        self._buffer += data
        try:
            for header, frame in pdu.frames(self._buffer):
                self._take(header, frame)
        except Malformed:
            logger.warning("SMPP: the peer's stream cannot be read")
            self._say(Pdu(pdu.GENERIC_NACK, 0, pdu.RINVCMDLEN))
            self.flush()
            self.close()
        self.owner.caught_up()
        self.flush()

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_open = False
        waiting, self._pending = self._pending, {}
        for _at, answer in waiting.values():
            answer(None)
        if not self.closed.done():
            self.closed.set_result(None)

    # --- hearing ----------------------------------------------------------------------

    def _take(self, header: pdu.Header, frame: bytes) -> None:
        if header.command & pdu.RESPONSE:
            self._take_answer(header, frame)
            return
        if header.command == pdu.DELIVER_SM:
            self.owner.delivered(self, header.sequence, frame)
            return
        if header.command in (pdu.ENQUIRE_LINK, pdu.UNBIND):
            self._say(Pdu(header.command | pdu.RESPONSE, header.sequence))
        else:
            self._say(Pdu(pdu.GENERIC_NACK, header.sequence, pdu.RINVCMDID))
        if header.command == pdu.UNBIND:
            # Nothing new goes out; what the peer still answers counts.
            self.is_open = False
            self.loop.call_later(1.0, self.close)

    def _take_answer(self, header: pdu.Header, frame: bytes) -> None:
        asked = self._pending.pop(header.sequence, None)
        if asked is None:
            return  # too late, or to nothing of ours
        try:
            said: Pdu | None = pdu.decode(frame)
        except Malformed:
            said = None
        asked[1](said)

    def _say(self, answer: Pdu) -> None:
        self._out.append(pdu.encode(answer))
