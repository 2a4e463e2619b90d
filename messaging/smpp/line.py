"""All that an account has to its SMSC: connections, the queue before the window, receipts."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from . import pdu, text
from .config import Config
from .handover import Handover, Job, Row
from .link import Link
from .pace import Pace
from .pdu import Pdu
from .reports import id_of_response

logger = logging.getLogger(__name__)

TICK = 0.1
CONNECT_SECONDS = 10.0
LONGEST_WAIT = 30.0
# A short loss of the connection is waited out; after that a worker is told at once.
BLIP = 5.0
INTERFACE_VERSION = 0x34
# Both say that the SMS was not taken and may come again.
NOT_NOW = (pdu.RTHROTTLED, pdu.RMSGQFUL)
BINDS = {
    "transceiver": (pdu.BIND_TRANSCEIVER,),
    "pair": (pdu.BIND_TRANSMITTER, pdu.BIND_RECEIVER),
}


class Intake(Protocol):
    """Where it goes what the SMSC tells us: `stored` is called once it is safe, or not."""

    def message(
        self, config: Config, frame: bytes, stored: Callable[[bool], None]
    ) -> None: ...

    def result(self, config: Config, row: Row) -> None: ...


class Line:
    """Keeps itself connected from `start` to `stop`. Everything runs on one event loop."""

    def __init__(self, config: Config, intake: Intake) -> None:
        self.config, self.intake = config, intake
        self.loop = asyncio.get_running_loop()
        self._sending = BINDS[config.bind][0]
        # What stands in the way of sending, for people and for a worker's record.
        self.state = "connecting"
        self.queue: deque[Job] = deque()
        self.in_flight = 0
        self.pace = Pace()
        self.links: dict[int, Link] = {}  # by the command that bound them
        self._handovers: list[Handover] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._reference = random.randrange(0x10000)
        self._unbound_since: float | None = self.loop.time()

    # --- life -----------------------------------------------------------------------

    def start(self) -> None:
        work: list[Coroutine[Any, Any, None]] = [self._tick()]
        work += [self._keep(command) for command in BINDS[self.config.bind]]
        self._tasks = [self.loop.create_task(one) for one in work]

    async def stop(self, *, grace: float = 5.0) -> None:
        """Submit nothing new, wait for what is on the way, unbind."""
        for job in list(self.queue):
            if not job.has_begun:
                job.end("waiting", "stopping")
        end = self.loop.time() + grace
        while (self.in_flight or self._has_begun) and self.loop.time() < end:
            await asyncio.sleep(0.05)
        self._close_handovers(before=float("inf"))
        for link in [link for link in self.links.values() if link.is_open]:
            link.is_open = False
            await link.request(pdu.UNBIND, {}, seconds=1.0)
            link.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _has_begun(self) -> bool:
        return any(job.ids for job in self.queue)

    @property
    def is_bound(self) -> bool:
        """Bound for sending."""
        return self._sender is not None

    @property
    def _sender(self) -> Link | None:
        link = self.links.get(self._sending)
        return link if link and link.is_open else None

    # --- sending --------------------------------------------------------------------

    def take(self, messages: Sequence[dict[str, str]], *, patience: float) -> Handover:
        """Submit `messages` (id, to, text); the answer comes within `patience` seconds."""

        def late(row: Row) -> None:
            self.intake.result(self.config, row)

        handover = Handover(self.loop.time() + patience, late)
        for message in messages:
            job = self._job(message, handover)
            handover.add(job)
            if job.frames:
                self.queue.append(job)
            else:
                job.end("refused", pdu.status_name(pdu.RINVMSGLEN))
        self._handovers.append(handover)
        if self._is_cut_off:
            handover.close(self.state)
        self.pump()
        return handover

    @property
    def _is_cut_off(self) -> bool:
        since = self._unbound_since
        return since is not None and self.loop.time() - since > BLIP

    def pump(self) -> None:
        """Submit while there is something, room in the window and the pace allows it."""
        link = self._sender
        if link is None:
            return
        now = self.loop.time()
        while self.queue and self.in_flight < self.config.window:
            if self.queue[0].is_over:
                self.queue.popleft()
                continue
            if self.pace.wait(now):
                break  # the next tick looks again
            self.pace.goes(now)
            self._submit(link, self.queue.popleft())
        link.flush()

    def _submit(self, link: Link, job: Job) -> None:
        self.in_flight += 1
        job.is_out = True
        link.ask(job.next_frame, lambda said: self._answered(job, said))

    def _answered(self, job: Job, said: Pdu | None) -> None:
        self.in_flight -= 1
        job.is_out = False
        if said is None:
            job.end("lost")
        elif said.status in NOT_NOW:
            job.code = pdu.status_name(said.status)
            self.pace.throttled(self.loop.time())
            self._again(job)
        elif said.status:
            job.end("refused", pdu.status_name(said.status))
        else:
            self.pace.taken(self.loop.time())
            self._taken(job, said.text("message_id"))

    def _again(self, job: Job) -> None:
        """Not taken: it waits in front, unless nobody waits for it any more."""
        if job.handover.is_closed and not job.ids:
            job.end("waiting")
        else:
            self.queue.appendleft(job)

    def _taken(self, job: Job, message_id: str) -> None:
        job.ids.append(id_of_response(message_id, self.config.receipt_ids))
        if len(job.ids) < len(job.frames):
            self.queue.appendleft(job)
        else:
            job.end("taken", pdu.status_name(pdu.OK))

    def _job(self, message: dict[str, str], handover: Handover) -> Job:
        """Without frames where the text cannot be sent at all."""
        self._reference = (self._reference + 1) & 0xFFFF
        try:
            coded = text.encode(message["text"], self.config.encoding)
            parts = text.split(coded, self.config.concatenation, self._reference)
            frames = [
                self._frame(message["to"], coded.data_coding, part, part is parts[-1])
                for part in parts
            ]
        except ValueError:
            frames = []
        return Job(message["id"], frames, handover)

    def _frame(self, to: str, coding: int, part: text.Part, is_last: bool) -> bytes:
        config = self.config
        wants = config.receipts == "last" and is_last
        values: dict[str, pdu.Value] = {
            "source_addr_ton": config.source_ton,
            "source_addr_npi": config.source_npi,
            "source_addr": config.source,
            "dest_addr_ton": config.dest_ton,
            "dest_addr_npi": config.dest_npi,
            "destination_addr": to.removeprefix("+"),
            "esm_class": part.esm_class,
            "registered_delivery": int(wants),
            "data_coding": coding,
            "short_message": part.octets,
        }
        return pdu.encode(Pdu(pdu.SUBMIT_SM, values=values, tlvs=part.tlvs))

    # --- what the links call ----------------------------------------------------------

    def delivered(self, link: Link, sequence: int, frame: bytes) -> None:
        def stored(safely: bool) -> None:
            # Not stored: it is to come again.
            link.acknowledge(sequence, pdu.OK if safely else pdu.RX_T_APPN)
            self.loop.call_soon(link.flush)

        self.intake.message(self.config, frame, stored)

    def caught_up(self) -> None:
        self.pump()

    # --- time -------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = self.loop.time()
            self._close_handovers(before=now)
            for link in list(self.links.values()):
                link.give_up_on(now - self.config.response_seconds)
                self._enquire(link, now)
            self.pump()

    def _close_handovers(self, *, before: float) -> None:
        for handover in self._handovers:
            if handover.deadline < before and not handover.is_closed:
                handover.close("no time" if self.is_bound else self.state)
        self._handovers = [one for one in self._handovers if not one.is_closed]

    def _enquire(self, link: Link, now: float) -> None:
        """Is the peer there? Asked after silence; without an answer the link is dropped."""
        silent = now - link.heard_at
        if not link.is_open or silent < self.config.enquire_seconds:
            return
        link.enquire()
        if silent > self.config.enquire_seconds + self.config.response_seconds:
            logger.warning("SMPP account %s: silent", self.config.account_id)
            link.close()

    # --- connecting -------------------------------------------------------------------

    async def _keep(self, command: int) -> None:
        """Bound by this command, for as long as we live."""
        failures = 0
        while True:
            link = await self._connect(command)
            if link and link.is_open:
                failures = 0
                self._becomes(command, "bound")
                self.links[command] = link
                self.pump()
                await link.closed
                self._becomes(command, "connection lost")
            failures += 1
            wait = min(LONGEST_WAIT, 0.25 * 2**failures)
            await asyncio.sleep(wait * random.uniform(0.7, 1.0))

    async def _connect(self, command: int) -> Link | None:
        config = self.config
        secure = ssl.create_default_context() if config.tls else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _transport, link = await self.loop.create_connection(
                    lambda: Link(self), config.host, config.port, ssl=secure
                )
        except (OSError, TimeoutError) as error:
            self._becomes(command, f"not connected: {type(error).__name__}")
            return None
        return await self._bind(link, command)

    async def _bind(self, link: Link, command: int) -> Link | None:
        config = self.config
        values: dict[str, pdu.Value] = {
            "system_id": config.system_id,
            "password": config.password,
            "system_type": config.system_type,
            "interface_version": INTERFACE_VERSION,
        }
        said = await link.request(command, values, seconds=config.response_seconds)
        if said is None or said.status:
            why = pdu.status_name(said.status) if said else "no answer"
            self._becomes(command, f"bind refused: {why}")
            link.close()
            return None
        link.is_open = not link.closed.done()
        return link

    def _becomes(self, command: int, state: str) -> None:
        logger.info(
            "SMPP account %s, bind %d: %s", self.config.account_id, command, state
        )
        if command == self._sending:
            if state == "bound":
                self._unbound_since = None
            elif self._unbound_since is None:
                self._unbound_since = self.loop.time()
            self.state = state
