"""All that an account has to its SMSC: its binds, the queue before the window, receipts."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from . import pdu
from .bind import Bind
from .config import Config
from .handover import Handover, Job, Row
from .link import Link
from .pace import Pace
from .pdu import Pdu
from .reports import id_of_response
from .submit import frames

logger = logging.getLogger(__name__)

TICK = 0.1
# A short loss of the connection is waited out; after that a worker is told at once.
BLIP = 5.0
# They say that the SMS was not taken and may come again.
NOT_NOW = (pdu.RTHROTTLED, pdu.RMSGQFUL, pdu.RINVBNDSTS)
# The first one sends.
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
        self.binds = [Bind(config, command, self) for command in BINDS[config.bind]]
        self.sender = self.binds[0]
        self.queue: deque[Job] = deque()
        self.in_flight = 0
        self.pace = Pace()
        self._handovers: list[Handover] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._reference = random.randrange(0x10000)

    @property
    def state(self) -> str:
        """What stands in the way of sending, if anything, for people."""
        return self.sender.state

    # --- life -----------------------------------------------------------------------

    def start(self) -> None:
        work: list[Coroutine[Any, Any, None]] = [bind.keep() for bind in self.binds]
        self._tasks = [self.loop.create_task(one) for one in [*work, self._tick()]]

    async def stop(self, *, grace: float = 5.0) -> None:
        """Submit nothing new, wait for what is on the way, unbind."""
        for job in list(self.queue):
            if not job.has_begun:
                job.end("waiting", "stopping")
        end = self.loop.time() + grace
        while self._is_under_way and self.loop.time() < end:
            await asyncio.sleep(0.05)
        self._close_handovers(before=float("inf"))
        await asyncio.gather(*(bind.part() for bind in self.binds))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _is_under_way(self) -> bool:
        return self.in_flight > 0 or any(job.ids for job in self.queue)

    # --- sending --------------------------------------------------------------------

    def take(self, messages: Sequence[dict[str, str]], *, patience: float) -> Handover:
        """Submit `messages` (id, to, text); the answer comes within `patience` seconds."""

        def late(row: Row) -> None:
            self.intake.result(self.config, row)

        handover = Handover(self.loop.time() + patience, late)
        handover.jobs = [self._job(message, handover) for message in messages]
        self._handovers.append(handover)
        for job in handover.jobs:
            if job.frames:
                self.queue.append(job)
            else:
                job.end("refused", pdu.status_name(pdu.RINVMSGLEN))
        handover.answer_if_complete()
        if self._is_cut_off:
            handover.close(self.state)
        self.pump()
        return handover

    def _job(self, message: dict[str, str], handover: Handover) -> Job:
        """Without frames where no PDU can hold it."""
        self._reference = (self._reference + 1) & 0xFFFF
        to, text = message["to"], message["text"]
        try:
            parts = frames(self.config, to, text, self._reference)
        except ValueError:
            parts = []
        return Job(message["id"], parts, handover)

    @property
    def _is_cut_off(self) -> bool:
        since = self.sender.unbound_since
        return since is not None and self.loop.time() - since > BLIP

    def pump(self) -> None:
        """Submit while there is something, room in the window and the pace allows it."""
        link = self.sender.link
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
            for link in [bind.link for bind in self.binds if bind.link]:
                link.give_up_on(now - self.config.response_seconds)
                self._enquire(link, now)
            self.pump()

    def _close_handovers(self, *, before: float) -> None:
        for handover in self._handovers:
            if handover.deadline < before and not handover.is_closed:
                handover.close("no time" if self.sender.link else self.state)
        self._handovers = [one for one in self._handovers if not one.is_closed]

    def _enquire(self, link: Link, now: float) -> None:
        """Is the peer there? Asked after silence; without an answer the link is dropped."""
        silent = now - link.heard_at
        if silent < self.config.enquire_seconds:
            return
        link.enquire()
        if silent > self.config.enquire_seconds + self.config.response_seconds:
            logger.warning("SMPP account %s: silent", self.config.account_id)
            link.close()
