from __future__ import annotations

import threading
import time

import pytest
from redis.exceptions import RedisError

from backoffice.kit import jobs
from backoffice.kit.waking import Waker
from backoffice.supervisor.parts import wait_until

JOB = "tests.backoffice.jobs_for_workers.nothing"
pytestmark = pytest.mark.once


@pytest.fixture
def woken(monkeypatch):
    """The wake-ups so far: when each came."""
    times = []
    monkeypatch.setattr(jobs, "_enqueue", lambda *_a, **_k: times.append(time.time()))
    return times


def test_many_calls_are_few_wake_ups_and_the_last_one_is_followed_by_one(woken):
    waker = Waker(JOB, lane="receipts", every=0.05)
    end = time.time() + 0.5
    calls = 0
    while time.time() < end:
        waker()
        calls += 1
    last = time.time()
    assert wait_until(lambda: woken[-1] >= last - 0.001, seconds=10)
    assert calls > 1_000
    assert len(woken) < 20


def test_queue_that_does_not_answer_holds_up_no_caller(monkeypatch):
    hold = threading.Event()
    monkeypatch.setattr(jobs, "_enqueue", lambda *_a, **_k: hold.wait(30))
    waker = Waker(JOB, lane="receipts")
    began = time.monotonic()
    for _n in range(100):
        waker()
    assert time.monotonic() - began < 5
    hold.set()


def test_wake_up_that_fails_is_not_the_last(monkeypatch):
    seen = []

    def fails_once(*_args, **_kwargs):
        seen.append(1)
        if len(seen) == 1:
            raise RedisError

    monkeypatch.setattr(jobs, "_enqueue", fails_once)
    waker = Waker(JOB, lane="receipts", every=0.01)
    waker()
    assert wait_until(lambda: len(seen) == 1, seconds=10)
    waker()
    assert wait_until(lambda: len(seen) == 2, seconds=10)
