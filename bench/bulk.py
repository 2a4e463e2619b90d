"""`bulk_100`: an event of 100,000 recipients, 100 a request: start -> all submitted and recorded."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from django.db import connection
from django.utils import timezone

from bench import ground, world
from bench.results import Result
from campaigns import pushes
from customers.models import Customer
from messaging.models import Chunk, Message, QuietHours

ROWS = 100_000


def run():
    """The rate of our whole path, the bare pipeline's in the same run, and the workers' memory."""
    world.customers(ROWS, world.business_type())
    assert Customer.objects.filter(source="bench").count() == ROWS
    forget_messages(connection)
    QuietHours.objects.all().delete()
    with ground.sink() as port:
        bare = float(
            subprocess.check_output(
                [
                    sys.executable,
                    "-m",
                    "bench.limits.bulk",
                    ground.DSN,
                    str(port),
                    str(ROWS),
                ]
            )
        )
        event = world.event(port)
        settle()  # what the bare pipeline left to be written is not ours to pay
        with ground.workers(4) as crew, memory(crew.pid) as peak:
            time.sleep(3)
            began = time.perf_counter()
            push = pushes.start(event, by=None, now=timezone.now())
            parts = push.parts.count()
            chunks = Chunk.objects.filter(origin=push.origin)
            ground.until(
                lambda: chunks.filter(next_at__isnull=True).count() == parts,
                seconds=300,
            )
            seconds = time.perf_counter() - began
        sent = Message.objects.filter(chunk__origin=push.origin, status=20).count()
    assert sent == ROWS, f"{sent} of {ROWS} sent"
    return [
        Result("bulk_100", ROWS / seconds, "messages/s", bare),
        Result("worker_rss_mb", peak[0], "MB", 300),
    ]


def settle():
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def forget_messages(connection):
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE messaging_message, messaging_chunk, messaging_submission, messaging_providerreference, "
            "messaging_receipt, tracking_trackingrecord, tracking_click, campaigns_recipient, campaigns_pushpart, "
            "campaigns_push, campaigns_marketingevent CASCADE"
        )
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
