"""A worker dies at each point of the protocol: nothing twice, nothing lost (design.md)."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from backoffice.kit import failpoints
from backoffice.platform.models import Parameter
from messaging import jobs, sending, unknowns
from messaging.models import Chunk, Message, Submission
from messaging.transports.simulator import Simulator
from tests.builders import make_chunk, make_customer, make_message_type, make_template

pytestmark = pytest.mark.slow

Status = Message.Status
QUEUED, SENDING, SENT = Status.QUEUED, Status.SENDING, Status.SENT
FAILED, DELIVERED = Status.FAILED, Status.DELIVERED
TAKEN, NOT_TAKEN = 1, 0

# Where it dies; what stands in the database then; whether the provider has the SMS.
POINTS = [
    ("before_fence", QUEUED, NOT_TAKEN),
    ("after_fence", SENDING, NOT_TAKEN),
    ("after_send", SENDING, TAKEN),
    ("before_commit", SENDING, TAKEN),
    ("after_commit", SENT, TAKEN),
]


def make_one(purpose: str) -> Message:
    version = make_template(message_type=make_message_type("crash", purpose=purpose))
    chunk = make_chunk(make_customer(phone="+8613800000001"), version=version)
    return Message.objects.get(chunk=chunk)


def dies(chunk_id: int) -> bool:
    """Send the chunk in a fork, as a worker's horse does; whether kill -9 ended it."""
    connections.close_all()
    pid = os.fork()
    if not pid:
        try:
            sending.send_chunk(chunk_id)
        finally:
            os._exit(0)
    _pid, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def recover(queued) -> None:
    """The lease runs out; the sweep wakes, asks, and asks again ten minutes later."""
    Chunk.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    jobs.sweep()
    queued.run_all()
    gap = timedelta(seconds=Parameter.read("unknown_query_gap_seconds"))
    for turn in (1, 2):
        unknowns.query_due(timezone.now() + turn * gap)
    Chunk.objects.filter(next_at__isnull=False).update(next_at=timezone.now())
    Message.objects.filter(status=QUEUED).update(due_at=timezone.now())
    jobs.sweep()
    queued.run_all()


@pytest.fixture
def crash(simulator, queued, monkeypatch):
    def crash(point: str, purpose: str = "service") -> Message:
        message = make_one(purpose)
        queued.jobs.clear()  # the wake-up was taken by the worker that dies
        monkeypatch.setenv(failpoints.NAME, point)
        assert dies(message.chunk_id), f"it passed {point} alive"
        monkeypatch.delenv(failpoints.NAME)
        message.refresh_from_db()
        return message

    return crash


@pytest.mark.parametrize(("point", "status", "taken"), POINTS)
def test_state_after_the_crash(crash, simulator, point, status, taken):
    message = crash(point)
    assert (message.status, simulator.accepted(message.pk)) == (status, taken)


@pytest.mark.parametrize("point", [point for point, _status, _taken in POINTS])
def test_service_sms_goes_out_exactly_once(crash, simulator, queued, point):
    message = crash(point)
    recover(queued)
    message.refresh_from_db()
    assert message.status in (SENT, DELIVERED)
    assert simulator.accepted(message.pk) == 1


@pytest.mark.parametrize(("point", "taken"), [(p, t) for p, s, t in POINTS if s])
def test_marketing_sms_is_never_sent_again(crash, simulator, queued, point, taken):
    message = crash(point, "marketing")
    recover(queued)
    message.refresh_from_db()
    assert (message.status == FAILED) is not bool(taken)
    assert simulator.accepted(message.pk) == taken


def test_chunk_crashed_behind_the_commit_is_not_handed_over_again(
    crash, simulator, queued
):
    crash("after_commit")
    recover(queued)
    assert Submission.objects.count() == 1
    assert Chunk.objects.get().next_at is None


def test_worker_frozen_behind_its_fence_does_not_hand_over_when_it_wakes(
    simulator, queued, monkeypatch
):
    # Else what was sent again on proof would go out twice.
    message = make_one("service")
    Parameter.objects.filter(name="lease_seconds").update(value=1)
    Parameter.forget()
    freeze = {"after_fence": 1.5}
    monkeypatch.setattr(
        sending, "failpoint", lambda name: time.sleep(freeze.pop(name, 0))
    )
    with pytest.raises(sending.Frozen):
        sending.send_chunk(message.chunk_id)
    assert simulator.accepted(message.pk) == 0
    recover(queued)
    assert simulator.accepted(message.pk) == 1


def test_sms_that_a_providers_file_says_nothing_of_is_in_doubt(
    simulator, queued, monkeypatch
):
    message = make_one("service")
    monkeypatch.setattr(Simulator, "send", lambda *_args: [])
    sending.send_chunk(message.chunk_id)
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN
    assert Chunk.objects.get().query_at is not None
