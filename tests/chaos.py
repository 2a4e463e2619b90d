"""A bad day, made on purpose: workers killed with -9 while the provider misbehaves.

And what must be true after it: nobody got an SMS twice, nothing is lost, each count is the
count of the rows.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backoffice.kit.jobs import later
from backoffice.platform.models import Parameter
from campaigns import pushes
from campaigns.models import Push
from messaging.models import Chunk, Message, ProviderAccount, QuietHours
from tests.builders import (
    make_business_type,
    make_chunk,
    make_customer,
    make_message_type,
    make_template,
    make_token,
)
from tests.campaigns.world import join_group, make_event
from tests.processes import children, kill, parent
from tests.simulator_process import SECRET, SimulatorProcess

Status = Message.Status
IN_WORK = (Status.QUEUED, Status.SENDING)
OPEN = (*IN_WORK, Status.UNKNOWN, Status.SENT)

# Percent of the provider's answers, 30 in all.
FAULTS = {"throttle": 4, "error": 6, "cut": 6}
FAULTS |= {"error_after": 3, "cut_after": 5, "garbage": 3, "slow": 3}
# Everything that waits is shortened: minutes of the protocol are seconds here.
HURRY = {
    "lease_seconds": 3,
    "unknown_query_after_seconds": 2,
    # Longer than the day is bad: what is sent again goes out when the provider is well.
    "unknown_query_gap_seconds": 300,
    "account_pause_seconds": 0,
    "marketing_cap": [],
    "send_chunk_size": 20,
    "fence_size": 5,
}
SWEEPS = (
    ("messaging.jobs.sweep", "default"),
    ("campaigns.jobs.sweep_pushes", "default"),
)


@dataclass(frozen=True)
class Size:
    """How bad a day. `pause`: seconds between kills, from and to."""

    notices: int
    recipients: int
    kills: int
    kills_while_sending: int
    pause: tuple[float, float]
    workers: int
    # Of so many kills one takes a worker with its horse, the others a horse alone.
    worker_each: int
    seconds_to_settle: float

    @property
    def messages(self) -> int:
        return self.notices + self.recipients


def seeded() -> random.Random:
    """Dice whose seed is printed; CHAOS_SEED throws them again."""
    number = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))
    print(f"CHAOS_SEED={number}")
    return random.Random(number)


def hurry(**parameters: Any) -> None:
    for name, value in parameters.items():
        assert Parameter.objects.filter(name=name).update(value=value), name
    Parameter.forget()
    QuietHours.objects.all().delete()


def provider_seed(base: str, account: ProviderAccount, **more: Any) -> dict[str, Any]:
    door = f"{base}/callbacks/{make_token(account)}"
    urls = {"receipt_url": f"{door}/receipts", "reply_url": f"{door}/replies"}
    return {**urls, "delay": 0.2, "latency": 0.15, "attempts": 60, **more}


def use(account: ProviderAccount, simulator: SimulatorProcess) -> None:
    account.settings = {"url": simulator.url}
    account.set_secrets({"secret": SECRET})
    account.save()


def make_messages(size: Size, dice: random.Random) -> Push:
    """Service notices in chunks of any size from one on, and a push of an event."""
    # Phones that the simulator delivers to. A service notice is sent once more on proof
    # that it was never taken, marketing is not.
    kind = make_message_type("chaos", purpose="service")
    version = make_template("{name}", message_type=kind)
    people = [make_customer(phone=phone(n)) for n in range(size.notices)]
    while people:
        some = dice.randint(1, 8)
        make_chunk(*people[:some], version=version)
        del people[:some]
    event = make_event(make_business_type("chaos"))
    for n in range(size.notices, size.messages):
        person = make_customer(phone=phone(n), language="en")
        join_group(person, make_business_type("chaos"))
    return pushes.start(event, by=None, now=timezone.now())


def phone(number: int) -> str:
    return f"+86138{number:06d}10"


@dataclass
class Fury:
    """Kills, and what they hit."""

    dice: random.Random
    size: Size
    crew_pid: int
    kills: int = 0
    while_sending: int = 0
    of: Counter[str] = field(default_factory=Counter)

    def rage(self, *, seconds: float) -> None:
        """Kill at random moments until it is enough, or nothing is left to disturb."""
        end = time.monotonic() + seconds
        waking = Waking(every=0.5)
        while not self.is_enough and time.monotonic() < end and in_work():
            waking.sweep()
            time.sleep(self.dice.uniform(*self.size.pause))
            self._strike()

    def __str__(self) -> str:
        hit = f"{self.while_sending} of them while rows were sending"
        return f"{self.size.messages} messages, {self.kills} kills, {hit}, {self.of}"

    @property
    def is_enough(self) -> bool:
        sending = self.while_sending >= self.size.kills_while_sending
        return sending and self.kills >= self.size.kills

    def _strike(self) -> None:
        workers = children(self.crew_pid)
        horses = [horse for worker in workers for horse in children(worker)]
        if not horses:
            return
        victim = self.dice.choice(horses)
        whom = "horse"
        if (self.kills + 1) % self.size.worker_each == 0:
            whom = "worker"
        struck = victim if whom == "horse" else parent(victim)
        if struck and kill(struck):
            self.kills += 1
            self.of[whom] += 1
            self.while_sending += left_sending(victim)


def left_sending(pid: int) -> bool:
    """Whether rows that the killed process fenced stand `sending`: nobody moves them now."""
    held = Chunk.objects.filter(lease_owner__contains=f":{pid}:")
    return Message.objects.filter(chunk__in=held, status=Status.SENDING).exists()


def in_work() -> bool:
    open_rows = Message.objects.filter(status__in=(*IN_WORK, Status.UNKNOWN))
    return open_rows.exists() or unmade()


def unmade() -> bool:
    return Push.objects.filter(parts__chunk__isnull=True).exists()


@dataclass
class Waking:
    """What the scheduler does, more often: the sweeps run as jobs and are killed, too."""

    every: float
    last: float = 0.0

    def sweep(self) -> None:
        if time.monotonic() - self.last < self.every:
            return
        self.last = time.monotonic()
        with transaction.atomic():
            for name, lane in SWEEPS:
                later(name, lane=lane)


def forget_flags() -> None:
    """A wake-up that died with its worker is not sent again for 20 seconds: shortened."""
    with redis.Redis.from_url(settings.QUEUE_URL) as client:
        if keys := list(client.scan_iter("wake:*")):
            client.delete(*keys)


def first_attempts(*, seconds: float) -> None:
    """Until every message was handed over once, or is final."""
    end, waking = time.monotonic() + seconds, Waking(every=1.0)
    forget_flags()
    untried = Message.objects.filter(status__in=IN_WORK, attempts=0)
    while untried.exists() or unmade():
        assert time.monotonic() < end, f"not tried: {standing()}"
        waking.sweep()
        time.sleep(0.1)


def settle(*, seconds: float) -> float:
    """The provider is well again, and time passes: until every message has its end."""
    hurry(unknown_query_gap_seconds=2)
    Chunk.objects.filter(query_at__isnull=False).update(query_at=timezone.now())
    began, waking = time.monotonic(), Waking(every=2.0)
    while not is_over():
        assert time.monotonic() - began < seconds, f"not settled: {standing()}"
        # What was throttled waits for seconds that prove nothing here.
        waits = Message.objects.filter(status=Status.QUEUED, waiting="throttled")
        waits.filter(due_at__gt=timezone.now()).update(due_at=timezone.now())
        Chunk.objects.filter(next_at__gt=timezone.now()).update(next_at=timezone.now())
        waking.sweep()
        time.sleep(0.25)
    return time.monotonic() - began


def is_over() -> bool:
    open_rows = Message.objects.filter(status__in=OPEN)
    planned = Q(next_at__isnull=False) | Q(query_at__isnull=False)
    plans = Chunk.objects.filter(planned)
    return not (unmade() or open_rows.exists() or plans.exists())


def standing() -> list[Any]:
    rows = Message.objects.values_list("status", "waiting", "attempts", "chunk__lane")
    return sorted(Counter(rows).items())


# --- what must be true afterwards --------------------------------------------------------


def check_nothing_twice(ledger: dict[str, int]) -> None:
    assert max(ledger.values()) == 1, "somebody got an SMS twice"


def check_nothing_lost(size: Size, ledger: dict[str, int]) -> None:
    """Every message has one end, and the right one: what the provider says it took."""
    by_status: dict[int, set[UUID]] = {}
    for pk, status in Message.objects.values_list("pk", "status"):
        by_status.setdefault(status, set()).add(pk)
    assert sum(map(len, by_status.values())) == size.messages
    assert set(by_status) <= {Status.DELIVERED, Status.FAILED}, standing()
    assert by_status[Status.DELIVERED] == {UUID(one) for one in ledger}


def check_counters(push: Push) -> None:
    """What is counted is what stands in the rows, and nobody holds anything any more."""
    for chunk in Chunk.objects.all():
        assert chunk.size == chunk.messages.count()
    push.refresh_from_db()
    progress = pushes.progress(push)
    ends = progress.get("delivered", 0) + progress.get("failed", 0)
    assert (progress["to_make"], ends) == (0, push.target_count)
    failed = Message.objects.filter(status=Status.FAILED)
    assert failed.filter(failed_number__isnull=True).count() == 0


def share_sent_again(ledger: dict[str, int]) -> tuple[int, int]:
    """Of the notices of which an attempt was never accepted: how many were finally sent."""
    notices = Message.objects.filter(is_marketing=False)
    lost = [
        pk
        for pk, attempts in notices.values_list("pk", "attempts")
        if attempts > 1 or str(pk) not in ledger
    ]
    return sum(str(pk) in ledger for pk in lost), len(lost)
