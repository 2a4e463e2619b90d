"""How long a worker stays with a chunk."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backoffice.kit import jobs
from backoffice.kit.http import Answer
from backoffice.platform.models import Parameter
from messaging import pacing, sending, visit
from messaging.models import Chunk, Message, ProviderAccount, Stop
from messaging.models.stop import account_target
from tests.builders import (
    make_account,
    make_chunk,
    make_customer,
    make_message_type,
    make_template,
)
from tests.messaging.wire import Wire, caught

pytestmark = pytest.mark.django_db

Status = Message.Status


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return caught(monkeypatch)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds waited, instead of waiting."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def people(count: int) -> list[Any]:
    return [make_customer() for _n in range(count)]


def left(chunk: Chunk) -> int:
    return chunk.messages.filter(status=Status.QUEUED).count()


def take_all_room(account: ProviderAccount, seconds: float) -> None:
    key = account_target(account.pk)
    pacing.take(key, seconds, now=timezone.now(), near=0)


def test_account_with_a_rate_gets_a_seconds_worth_in_a_fence(
    wire: Wire, slept: list[float]
) -> None:
    account, chunk = make_account(rate=2), make_chunk(*people(4))
    sizes = []
    wire.answer = lambda items: sizes.append(len(items)) or wire.accept(items)
    sending.send_chunk(chunk.pk)
    assert sizes == [2, 2]
    assert slept == pytest.approx([0, 1], abs=0.5)
    assert account.rate == 2


@pytest.mark.parametrize(("unit", "room"), [("messages", 0.1), ("parts", 0.2)])
def test_room_is_counted_as_the_account_counts(
    wire: Wire,
    slept: list[float],
    monkeypatch: pytest.MonkeyPatch,
    unit: str,
    room: float,
) -> None:
    asked: list[float] = []

    def take(key: str, seconds: float, **over: Any) -> pacing.Room:
        asked.append(seconds)
        return pacing.take(key, seconds, **over)

    monkeypatch.setattr(visit, "take", take)
    make_account(rate=10, rate_unit=unit)
    version = make_template("Hello {name} " + "x" * 150)  # two parts
    sending.send_chunk(make_chunk(*people(1), version=version).pk)
    assert asked == pytest.approx([room])


def test_marketing_leaves_where_room_is_far_and_comes_back_then(
    wire: Wire, slept: list[float]
) -> None:
    take_all_room(make_account(rate=10), 8)
    chunk = make_chunk(*people(2))
    sending.send_chunk(chunk.pk)
    chunk.refresh_from_db()
    assert (wire.sent, left(chunk), chunk.waiting) == ([], 2, "rate")
    assert timedelta(seconds=6) < chunk.next_at - timezone.now() < timedelta(seconds=9)


def test_service_notice_waits_for_room_that_marketing_would_not(
    wire: Wire, slept: list[float]
) -> None:
    take_all_room(make_account(rate=10), 4)
    kind = make_message_type("repaid", purpose="service")
    chunk = make_chunk(version=make_template(message_type=kind))
    sending.send_chunk(chunk.pk)
    assert len(wire.sent) == 1
    assert slept == pytest.approx([4], abs=0.5)


def test_account_without_a_rate_costs_nothing(
    wire: Wire, django_assert_num_queries: Any
) -> None:
    chunk, account = make_chunk(*people(1)), make_account()
    clock = sending.DatabaseClock()
    with django_assert_num_queries(0):
        stay = visit.Visit(chunk, account, clock)
        assert stay.goes_on([1])
        assert stay.fence(250) == 250


def test_account_that_took_nothing_is_left_alone_by_everybody(wire: Wire) -> None:
    account = make_account()
    Parameter.objects.filter(name="fence_size").update(value=1)
    Parameter.objects.filter(name="account_pause_seconds").update(value=60)
    wire.answer = lambda items: Answer(429)
    chunk, other = make_chunk(*people(3)), make_chunk(*people(1))
    sending.send_chunk(chunk.pk)
    sending.send_chunk(other.pk)
    assert len(wire.sent) == 1
    account.refresh_from_db()
    chunk.refresh_from_db()
    assert account.slow_until > timezone.now() + timedelta(seconds=50)
    assert chunk.waiting == "throttled"


def test_account_that_took_some_of_a_fence_goes_on(wire: Wire) -> None:
    make_account()
    good = iter([True, True, False])

    def throttle_one(items: list[dict[str, Any]]) -> Answer:
        return wire.accept(items) if next(good) else Answer(429)

    ProviderAccount.objects.update(settings={"url": "http://127.0.0.1:1", "batch": 1})
    wire.answer = throttle_one
    sending.send_chunk(make_chunk(*people(3)).pk)
    assert ProviderAccount.objects.get().slow_until is None


def test_worker_leaves_for_more_urgent_work_and_the_rest_is_woken(
    wire: Wire, queued: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account()
    Parameter.objects.filter(name="fence_size").update(value=1)
    monkeypatch.setattr(visit, "ASK_EVERY", 0)
    monkeypatch.setattr(visit, "is_wanted_elsewhere", lambda lane: bool(wire.sent))
    chunk = make_chunk(*people(3))
    queued.jobs.clear()
    sending.send_chunk(chunk.pk)
    assert left(chunk) == 2
    assert queued.jobs == [("messaging.jobs.send_chunk", (chunk.pk,), "marketing")]


def test_worker_does_not_stay_until_the_judgement_is_stale(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account()
    Parameter.objects.filter(name="fence_size").update(value=1)
    monkeypatch.setattr(visit, "LONGEST", timedelta(microseconds=1))
    monkeypatch.setattr(visit.Visit, "fence", lambda self, most: 1)
    chunk = make_chunk(*people(2))
    sending.send_chunk(chunk.pk)
    assert left(chunk) == 2


@pytest.mark.parametrize(
    ("served", "waiting", "is_wanted"),
    [
        (("service", "receipts", "marketing"), ["service"], True),
        (("service", "receipts", "marketing"), ["receipts"], True),
        (("service", "receipts", "marketing"), ["marketing"], False),
        (("marketing", "default", "service"), ["service"], False),
        (("marketing", "default"), ["service"], False),
        ((), ["service"], False),
    ],
)
def test_who_is_wanted_elsewhere(
    served: tuple[str, ...],
    waiting: list[str],
    is_wanted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "_served", list(served))
    monkeypatch.setattr(jobs, "waiting", lambda lane: waiting.count(lane))
    assert jobs.is_wanted_elsewhere("marketing") == is_wanted


# --- the rate of a run --------------------------------------------------------------------


def test_run_with_a_rate_sends_its_turn_and_keeps_no_worker(
    wire: Wire, slept: list[float]
) -> None:
    make_account()
    chunk = make_chunk(*people(5), origin="push:7", per_minute=12)  # two in ten seconds
    sending.send_chunk(chunk.pk)
    assert (len(wire.sent), slept) == (2, [])
    assert left(chunk) == 3


def test_chunk_whose_turn_it_is_not_is_not_judged(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account()
    monkeypatch.setattr(sending, "judge", pytest.fail)
    pacing.take("push:7", 60, now=timezone.now(), near=0)
    chunk = make_chunk(*people(2), origin="push:7", per_minute=12)
    assert sending.send_chunk(chunk.pk) == {}
    chunk.refresh_from_db()
    assert chunk.waiting == "rate"
    assert chunk.next_at > timezone.now() + timedelta(seconds=50)


@pytest.mark.parametrize(
    ("message", "chunk", "target", "words"),
    [
        ({}, {}, "", ""),
        ({"waiting": "quiet_hours"}, {}, "", "quiet hours"),
        ({}, {"waiting": "rate"}, "", "its turn at the set rate"),
        ({"waiting": "quiet_hours"}, {}, "push:7", "stopped: Spring"),
        ({"status": Status.SENT, "waiting": "not_found"}, {"waiting": "rate"}, "", ""),
    ],
)
def test_what_a_message_waits_for_is_said(
    message: Any, chunk: Any, target: str, words: str
) -> None:
    made = make_chunk(origin="push:7")
    made.messages.update(**message)
    Chunk.objects.update(**{"lane": "marketing"} | chunk)
    if target:
        Stop.objects.create(target=target, label="Spring", since=timezone.now())
    assert Message.objects.get().waits_for == words
