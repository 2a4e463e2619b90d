"""What a thousand messages of a push cost in jobs, Redis calls and SQL, on the real path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import django_rq
import psycopg
import pytest
from django.db import connection
from redis.connection import AbstractConnection
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty

from campaigns.pushes import start
from customers.models import BusinessType
from messaging.models import Message
from tests.builders import NOON, make_business_type
from tests.campaigns.test_statements_per_chunk import make_members, make_sink
from tests.campaigns.world import make_event

SIZE = 5_000  # a chunk, as it is sent
# On SQLite, which is in the same process, a fence is written by two statements more, and
# its BEGIN is one, too.
MOST_SQL = {"postgresql": 16, "sqlite": 28}


class Worker(SimpleWorker):
    death_penalty_class = TimerDeathPenalty


@pytest.mark.django_db(transaction=True)
def test_a_thousand_messages_cost_at_most_1_job_5_redis_calls_and_16_statements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_sink(monkeypatch)
    crowd, crowds = make_business_type("crowd"), make_business_type("crowds")
    make_members(SIZE, crowd, first=0)
    make_members(2 * SIZE, crowds, first=SIZE)
    one, two = price(crowd), price(crowds)
    # What a worker and a push cost by themselves is in both.
    each = {name: (two[name] - one[name]) * 1_000 / SIZE for name in two}
    assert each["jobs"] <= 1
    assert each["redis"] <= 5
    assert each["sql"] <= MOST_SQL[connection.vendor]


def price(kind: BusinessType) -> Counter[str]:
    """What a run of an event for a business type costs, from its start to the last SMS."""
    event, queue = make_event(kind), django_rq.get_queue("marketing")
    with counted() as counts:
        push = start(event, by=None, now=NOON)
        counts["jobs"] = queue.count
        worker = Worker([queue], connection=queue.connection, serializer=JSONSerializer)
        worker.work(burst=True)
    sent = Message.objects.filter(chunk__origin=push.origin, status=20)
    assert sent.count() == push.target_count
    return counts


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Statements (COPY is one) and calls to Redis (a pipeline is one) in the block."""
    counts: Counter[str] = Counter()

    def counting(name: str, real: Any) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            counts[name] += 1
            return real(*args, **named)

        return call

    calls = AbstractConnection.send_packed_command
    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(counting("sql", _run)))
        for owner, name, real, kind in (
            (AbstractConnection, "send_packed_command", calls, "redis"),
            (psycopg.Cursor, "copy", psycopg.Cursor.copy, "sql"),
        ):
            stack.enter_context(mock.patch.object(owner, name, counting(kind, real)))
        yield counts


def _run(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    return execute(sql, params, many, context)
