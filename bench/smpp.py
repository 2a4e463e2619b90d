"""`smpp`: an event over one SMPP session, window 50, receipts on, npm's smpp as the SMSC.

From the start of the event to the last SMS submitted and recorded, and, as
`smpp_delivered`, to the last receipt stored and applied. Beside them the bare client of
bench/limits/smpp.py against the same SMSC: it ends with its last receipt.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager

from django.utils import timezone

from bench import campaign, ground, receipts, world
from bench.results import Result
from campaigns import pushes
from messaging import parked
from messaging.models import Message, ProviderAccount, QuietHours
from tests.smpp_gateway import bound
from tests.smsc_process import running_smsc

ROWS, WINDOW = 40_000, 50


def run():
    kind = world.members(ROWS)
    QuietHours.objects.all().delete()
    receipts.forget()
    with running_smsc(quiet=True, fates=False) as smsc:
        command = [sys.executable, "-m", "bench.limits.smpp"]
        options = [str(smsc.port), str(ROWS), str(WINDOW)]
        bare = float(subprocess.check_output([*command, *options]))
    with (
        running_smsc(quiet=True, fates=False) as smsc,
        over(smsc.port),
        ground.workers(4),
    ):
        event = world.event(0, kind)
        campaign.settle()
        time.sleep(3)
        sent, delivered = _send(event)
    return [
        Result("smpp", ROWS / sent, "messages/s", bare),
        Result("smpp_delivered", ROWS / delivered, "messages/s", bare),
    ]


def _send(event):
    """Seconds until all were sent, and until all were delivered."""
    began = time.perf_counter()
    push = pushes.start(event, by=None, now=timezone.now())
    mine = Message.objects.filter(chunk__origin=push.origin)
    # Read by the push's chunks and seldom: counting is not ours to pay.
    ground.until(lambda: _count(mine, 20) == ROWS, seconds=300, every=0.5)
    sent = time.perf_counter() - began
    ground.until(lambda: _delivered(mine) == ROWS, seconds=300, every=0.5)
    return sent, time.perf_counter() - began


def _delivered(messages):
    """Receipts that came before our own commit are matched as the sweep does it."""
    parked.match_young(timezone.now())
    return _count(messages, 50)


def _count(messages, status):
    """How many have come so far or farther; in doubt or failed there is to be none."""
    assert not messages.filter(status__in=(15, 40)).exists()
    return messages.filter(status__gte=status).count()


@contextmanager
def over(port):
    """The house's only account speaks SMPP to this port, by a gateway of its own."""
    os.environ["SMPP_GATEWAY"] = url = f"http://127.0.0.1:{ground.free_port()}"
    account = ProviderAccount.objects.get_or_create(
        name="smsc", defaults={"channel": "sms", "transport": "smpp"}
    )[0]
    account.settings = {"host": "127.0.0.1", "port": port, "window": WINDOW, "source": "10690000"}  # fmt: skip
    account.set_secrets({"system_id": "esme", "password": "secret"})
    account.is_enabled = True
    account.save()
    world.account()
    others = ProviderAccount.objects.exclude(pk=account.pk)
    others.update(is_enabled=False)
    try:
        with ground.process("manage.py", "runsmpp"):
            ground.until(lambda: bound(url, account.pk), seconds=30)
            yield
    finally:
        others.update(is_enabled=True)
        ProviderAccount.objects.filter(pk=account.pk).update(is_enabled=False)
