"""A whole event run by real workers over a bare sink: start -> all submitted and recorded."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import django_rq
from django.db import connection
from django.utils import timezone
from rq import Worker

from bench import ground, world
from campaigns import pushes
from messaging.models import Chunk, Message, QuietHours

WORKERS = 4
FILLED = (
    "messaging_message", "messaging_chunk", "messaging_submission", "messaging_providerreference",
    "messaging_receipt", "tracking_trackingrecord", "tracking_click", "campaigns_recipient",
    "campaigns_pushpart", "campaigns_push", "campaigns_marketingevent",
)  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """`rate`: messages a second. `rss_mb`: the largest resident memory of a worker."""

    rate: float
    rss_mb: float


def run(rows, *, batch=100):
    """Send an event to `rows` customers, `batch` a request, every rule on."""
    kind = world.members(rows)
    QuietHours.objects.all().delete()  # the day must not decide the rate
    with ground.sink() as port:
        event = world.event(port, kind, batch=batch)
        settle()  # what was written before is not ours to pay
        with ground.workers(WORKERS) as crew, memory(crew.pid) as peak:
            ground.until(lambda: Worker.count(_redis()) >= WORKERS, seconds=60)
            seconds, push = _send(event)
    sent = Message.objects.filter(chunk__origin=push.origin, status=20).count()
    assert sent == rows, f"{sent} of {rows} sent"
    return Ran(rows / seconds, peak[0])


def _redis():
    return django_rq.get_connection("default")


def _send(event):
    began = time.perf_counter()
    push = pushes.start(event, by=None, now=timezone.now())
    parts = push.parts.count()
    done = Chunk.objects.filter(origin=push.origin, next_at__isnull=True)
    ground.until(lambda: done.count() == parts, seconds=900)
    return time.perf_counter() - began, push


def bare(rows, *, batch=100):
    """The bare pipeline's rate, in this very run (bench/limits/bulk.py)."""
    with ground.sink() as port:
        command = [sys.executable, "-m", "bench.limits.bulk"]
        options = [ground.DSN, str(port), str(rows), str(batch)]
        return float(subprocess.check_output([*command, *options]))


def settle():
    on_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT" if on_postgres else "PRAGMA wal_checkpoint")


def forget_messages():
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(FILLED)} CASCADE")
        cursor.execute("ANALYZE")


class memory:
    """The largest resident memory of a worker while the block runs, as `peak[0]`, in MB."""

    def __init__(self, pid):
        self.pid, self.peak, self.over = pid, [0.0], threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.over.wait(1.0):
            self.peak[0] = max(self.peak[0], ground.largest_rss_mb(self.pid))

    def __enter__(self):
        self.thread.start()
        return self.peak

    def __exit__(self, *_error):
        self.over.set()
        self.thread.join()
