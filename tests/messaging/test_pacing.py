from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from messaging import pacing
from messaging.models import Chunk
from tests.builders import make_chunk, make_customer

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


def chunk_of(per_minute: int | None, *, size: int = 5_000) -> Chunk:
    chunk = make_chunk(make_customer(), origin="push:7", per_minute=per_minute)
    chunk.size = size
    return chunk


@pytest.mark.django_db
def test_room_is_taken_one_after_the_other():
    rooms = [pacing.take("account:1", 0.5, now=NOW, near=5) for _n in range(3)]
    starts = [(room.at - NOW).total_seconds() for room in rooms]
    assert starts == pytest.approx([0, 0.5, 1.0], abs=1e-3)


@pytest.mark.django_db
def test_room_that_begins_late_is_not_taken_and_says_when():
    pacing.take("account:1", 10, now=NOW, near=1)
    far = pacing.take("account:1", 10, now=NOW, near=1)
    assert not far.is_taken
    assert (far.at - NOW).total_seconds() == pytest.approx(10, abs=1e-3)
    later = pacing.take("account:1", 10, now=NOW + seconds(10), near=1)
    assert later.is_taken


@pytest.mark.django_db
def test_keys_share_nothing():
    pacing.take("account:1", 10, now=NOW, near=0)
    assert pacing.take("account:2", 10, now=NOW, near=0).is_taken


@pytest.mark.django_db
def test_room_that_nobody_took_is_gone_without_credit():
    pacing.take("account:1", 1, now=NOW, near=0)
    rooms = [
        pacing.take("account:1", 1, now=NOW + seconds(60), near=0).is_taken
        for _n in range(3)
    ]
    assert rooms == [True, False, False]


@pytest.mark.django_db
@pytest.mark.parametrize("per_second", [3, 100, 2_000])
def test_workers_together_keep_an_accounts_rate_and_use_it(per_second):
    """Four workers over a simulated minute: each takes a fence, waits for it, sends it."""
    fence = min(250, per_second)
    clocks = dict.fromkeys(range(4), 0.0)
    sent: list[float] = []
    while min(clocks.values()) < 60:
        worker = min(clocks, key=clocks.__getitem__)
        now = NOW + seconds(clocks[worker])
        room = pacing.take("account:1", fence / per_second, now=now, near=1)
        clocks[worker] = (room.at - NOW).total_seconds() + 0.01
        if room.is_taken:
            sent += [clocks[worker]] * fence
    in_a_minute = [at for at in sent if at < 60]
    assert len(in_a_minute) == pytest.approx(60 * per_second, rel=0.03)
    for begin in range(59):
        window = [at for at in in_a_minute if begin <= at < begin + 1]
        assert len(window) <= per_second + fence


@pytest.mark.django_db
@pytest.mark.parametrize("per_minute", [1, 100, 6_000])
def test_run_keeps_its_rate_however_late_its_turns_come(per_minute):
    chunk, sent, now = chunk_of(per_minute), 0, NOW
    while now < NOW + seconds(600):
        count, _room = pacing.turn(chunk, now)
        sent += count
        now += seconds(5)  # as often as chunks are woken
    assert sent == pytest.approx(10 * per_minute, rel=0.05, abs=1)


@pytest.mark.django_db
def test_run_without_a_rate_costs_no_statement(django_assert_num_queries):
    chunk = chunk_of(None)
    with django_assert_num_queries(0):
        count, _room = pacing.turn(chunk, NOW)
    assert count is None


@pytest.mark.django_db
def test_waiting_chunks_of_a_run_are_looked_at_less_often_the_more_they_are():
    room = pacing.Room(NOW, is_taken=False)
    alone = chunk_of(60)
    assert pacing.look_again(alone, room) == NOW
    for _n in range(40):
        chunk_of(60)
    spread = [pacing.look_again(alone, room) - NOW for _n in range(200)]
    assert seconds(40) < max(spread) <= seconds(200)


@pytest.mark.django_db(transaction=True)
def test_threads_never_take_the_same_room():
    starts: list[float] = []

    def work() -> None:
        for _n in range(25):
            room = pacing.take("account:1", 1.0, now=NOW, near=1_000)
            starts.append(round((room.at - NOW).total_seconds()))
        connection.close()

    threads = [threading.Thread(target=work) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(starts) == list(range(100))
