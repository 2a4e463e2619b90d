"""Workers killed with -9 at random moments: nobody gets an SMS twice, nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.utils import timezone

from backoffice.platform.models import Parameter
from messaging import jobs
from messaging.models import Message
from tests.builders import (
    make_account,
    make_chunk,
    make_customer,
    make_message_type,
    make_template,
    make_token,
)
from tests.simulator_process import SECRET, running_simulator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc"),
]

ROOT = Path(__file__).parents[2]
MESSAGES, A_CHUNK, KILLS = 520, 10, 22
Status = Message.Status
OPEN = (Status.QUEUED, Status.SENDING, Status.UNKNOWN)


def test_nobody_gets_an_sms_twice_and_nothing_is_lost(server, child_env):
    chance = seeded()
    hurry(lease_seconds=2, unknown_query_after_seconds=1, unknown_query_gap_seconds=1)
    account = make_account()
    urls = callback_urls(server.url, account)
    with running_simulator({**urls, "delay": 0.2, "latency": 0.4}) as simulator:
        account.settings = {"url": simulator.url}
        account.set_secrets({"secret": SECRET})
        account.save()
        make_service_messages()
        crew = start_workers(child_env)
        try:
            kills = kill_some(crew, chance)
            settle(seconds=150)
        finally:
            os.killpg(crew.pid, signal.SIGKILL)
            crew.wait()
        stats = simulator.stats()
    print(f"{kills} kills, {stats}")
    statuses = list(Message.objects.values_list("status", flat=True))
    assert kills >= KILLS
    assert stats["max_accepted_per_id"] == 1
    assert stats["accepted"] == MESSAGES
    assert statuses.count(Status.DELIVERED) == MESSAGES


def seeded():
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    return random.Random(seed)


def hurry(**seconds):
    for name, value in seconds.items():
        Parameter.objects.filter(name=name).update(value=value)
    Parameter.forget()


def callback_urls(base, account):
    path = f"{base}/callbacks/{make_token(account)}"
    return {"receipt_url": f"{path}/receipts", "reply_url": f"{path}/replies"}


def make_service_messages():
    # Phones that the simulator delivers to; a service notice is sent once more on proof
    # that it was never taken.
    version = make_template(message_type=make_message_type("killed", purpose="service"))
    people = [make_customer(phone=f"+86138{n:06d}10") for n in range(MESSAGES)]
    for start in range(0, MESSAGES, A_CHUNK):
        make_chunk(*people[start : start + A_CHUNK], version=version)


def start_workers(env):
    return subprocess.Popen(
        [sys.executable, "manage.py", "runworkers", "--count", "2"],
        cwd=ROOT,
        env=env,
        start_new_session=True,
    )


def kill_some(crew, chance):
    """Kill work horses, and twice their worker, while there is something to send."""
    kills = 0
    while kills < KILLS and Message.objects.filter(status__in=OPEN).exists():
        jobs.sweep()
        time.sleep(chance.uniform(0.1, 1.0))
        workers = children(crew.pid)
        horses = [horse for worker in workers for horse in children(worker)]
        victims = workers if kills in (7, 14) else horses
        if victims:
            kills += kill(chance.choice(victims))
    return kills


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def settle(*, seconds):
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        jobs.sweep()
        waiting = Message.objects.filter(status__in=(*OPEN, Status.SENT))
        if not waiting.exists():
            return
        time.sleep(0.5)
    left = list(Message.objects.values_list("status", "waiting", "attempts").distinct())
    raise AssertionError(f"not settled at {timezone.now()}: {left}")


def children(pid):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(folder.name))
    return found
