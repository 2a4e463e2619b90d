"""RQ workers over our lanes, as processes that we start, watch, restart and drain.

RQ's own command cannot set the intervals that matter, its orphaned horses go on working,
and an idle worker cleans up only after minutes (reliability.md, 4).
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import django_rq
from django.conf import settings
from django.db import connections
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from backoffice.cron import KINDS
from backoffice.kit import jobs

from . import leash

logger = logging.getLogger(__name__)

Lanes = tuple[str, ...]

# Service messages, receipts and short work; a marketing run; calls and their recordings.
QUICK: Lanes = ("service", "receipts", "default")
MARKETING: Lanes = ("marketing", "default")
VOICE: Lanes = ("voice",)
# Loaded before the fork where a lane needs it, so that no job waits for it.
HEAVY = {"voice": ("messaging.voice.recognise",)}

SLOWEST_RESTART = 30.0


def plan(count: int) -> list[Lanes]:
    """Which lanes each of `count` workers serves, the first lane first.

    With two or more, one serves no marketing at all: a service message never waits
    behind a marketing run. Every lane has a worker.
    """
    if count == 1:
        return [settings.LANES]
    if count == 2:
        return [QUICK, ("marketing", "voice", "default")]
    more = (MARKETING + ("service", "receipts"), QUICK)
    return [QUICK, MARKETING, VOICE, *(more[n % 2] for n in range(count - 3))]


class LaneWorker(Worker):
    """An RQ worker whose horses end with it, and begin without its connections."""

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        connections.close_all()
        self.before_fork = os.getpid()
        super().fork_work_horse(job, queue)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        # Orphaned by a kill -9 it would work on beside the one that takes over.
        leash.hold(signal.SIGKILL, self.before_fork)
        super().main_work_horse(job, queue)


def work(lanes: Lanes) -> None:
    """Serve the lanes until asked to stop; the job under way is finished first."""
    for module in [name for lane in lanes for name in HEAVY.get(lane, ())]:
        _load(module)
    for name in KINDS:
        importlib.import_module(name.rpartition(".")[0])
    jobs.serve(lanes)
    queues = [django_rq.get_queue(lane) for lane in lanes]
    worker = LaneWorker(
        queues,
        connection=queues[0].connection,
        serializer=JSONSerializer,
        # An idle worker looks after the dead ones each `worker_ttl - 15` seconds.
        worker_ttl=30,
        job_monitoring_interval=10,
        maintenance_interval=30,
        log_job_description=False,
    )
    _spare_the_collector()
    worker.work(logging_level="WARNING")


def _spare_the_collector() -> None:
    """Rows by the thousand are no garbage: looking for cycles took a seventh of a job."""
    gc.collect()
    gc.freeze()  # what is loaded now is never looked at again, and stays shared
    gc.set_threshold(50_000, 20, 20)


def _load(module: str) -> None:
    """Import it and have it load its engine, where it says how (`preload`)."""
    preload: Callable[[], Any] | None
    preload = getattr(importlib.import_module(module), "preload", None)
    if preload:
        preload()


@dataclass
class Slot:
    """A worker's place: who sits there, since when, and when the next may."""

    lanes: Lanes
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    not_before: float = field(default=0.0)


class Crew:
    """Keeps a process in every slot until told to stop."""

    def __init__(
        self, lanes: Sequence[Lanes], *, run: Callable[[Lanes], None] = work
    ) -> None:
        self.slots = [Slot(each) for each in lanes]
        self.run = run
        self.stopping = False

    def serve(self) -> None:
        """Until SIGTERM or SIGINT; then wait for the jobs under way."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        while not self.stopping:
            self.fill(time.monotonic())
            time.sleep(0.2)
            self.reap(time.monotonic())
        self.drain()

    def fill(self, now: float) -> None:
        for slot in self.slots:
            if not slot.pid and now >= slot.not_before and not self.stopping:
                slot.pid, slot.started = self._fork(slot.lanes), now

    def reap(self, now: float) -> None:
        """Note who ended; the next one comes at once, or later after repeated failures."""
        for slot in self.slots:
            if slot.pid and os.waitpid(slot.pid, os.WNOHANG)[0]:
                slot.failures = 0 if now - slot.started > 60 else slot.failures + 1
                wait = min(0.5 * 2**slot.failures, SLOWEST_RESTART)
                slot.pid, slot.not_before = 0, now + wait
                logger.warning("a worker of %s ended", "+".join(slot.lanes))

    def drain(self) -> None:
        for slot in self.slots:
            if slot.pid:
                os.kill(slot.pid, signal.SIGTERM)
        for slot in self.slots:
            if slot.pid:
                os.waitpid(slot.pid, 0)
                slot.pid = 0

    def _stop(self, *_signal: Any) -> None:
        self.stopping = True

    def _fork(self, lanes: Lanes) -> int:
        parent = os.getpid()
        connections.close_all()
        pid = os.fork()
        if pid:
            return pid
        # A child: never comes back into the parent's code. A group of its own, so that
        # a Ctrl-C reaches it once, through us.
        code = 1
        try:
            os.setpgrp()
            leash.hold(signal.SIGKILL, parent)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            self.run(lanes)
            code = 0
        except Exception as error:
            logger.warning("worker: %s", type(error).__name__)
        finally:
            os._exit(code)
