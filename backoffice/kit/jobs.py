"""The one way to wake a worker. A job is a wake-up: its rows are the queue."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import django_rq
from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# Seconds a job may take. A screening of millions of customers goes to this lane, too.
LONGEST = {"marketing": 4 * 3600}

Argument = int | str | bool | None

_served: list[str] = []  # by this process, where it is a worker


def later(
    name: str, *args: Argument, lane: str = "default", once: bool = False
) -> None:
    """Have a worker of `lane` call the function `name` after the commit.

    `name` is dotted, so that models and jobs need not import each other; arguments are
    ids and plain values, never personal data. An absent Redis loses only the wake-up:
    the sweep of the same subject finds the rows (design.md, Queue).

    `once`: not again while the same wake-up waits in the queue; such a job calls
    `awake(name, *args)` before it looks at its rows.
    """
    if lane not in settings.LANES:
        raise ValueError(f"no such lane: {lane}")
    transaction.on_commit(partial(_enqueue, name, args, lane, once), robust=True)


def wake(name: str, *args: Argument, lane: str) -> None:
    """At once, whatever the transaction, and only where the same does not wait yet."""
    _enqueue(name, args, lane, once=True)


def awake(name: str, *args: Argument) -> None:
    """The job runs now: what comes from here on may wake it again."""
    try:
        _redis().delete(_flag(name, args))
    except RedisError:
        pass


def waiting(lane: str) -> int:
    """How many wake-ups wait in a lane; 0 where the queue cannot be asked."""
    try:
        return int(_queue(lane).count)
    except RedisError:
        return 0


def serve(lanes: Sequence[str]) -> None:
    """This process is a worker of these lanes, the most urgent first."""
    _served[:] = lanes


def is_wanted_elsewhere(lane: str) -> bool:
    """Does something wait in a lane that this worker serves before `lane`?"""
    before = _served[: _served.index(lane)] if lane in _served else []
    return any(map(waiting, before))


@lru_cache(maxsize=1)
def _redis() -> Redis:
    """A connection that is kept: making one costs five calls."""
    connection: Redis = django_rq.get_connection("default")
    return connection


@lru_cache
def _queue(lane: str) -> Any:
    return django_rq.get_queue(lane, connection=_redis())


def _flag(name: str, args: tuple[Argument, ...]) -> str:
    return "wake:" + ":".join(map(str, (name, *args)))


def _enqueue(name: str, args: tuple[Argument, ...], lane: str, once: bool) -> None:
    try:
        # The flag falls by itself, should the worker that took the wake-up die.
        if once and not _redis().set(_flag(name, args), 1, nx=True, ex=20):
            return
        _queue(lane).enqueue_call(
            name,
            args=args,
            result_ttl=60,
            failure_ttl=7 * 86400,
            timeout=LONGEST.get(lane, 600),
        )
    except RedisError as error:
        logger.warning("no wake-up for %s: %s", name, type(error).__name__)


def resolves(name: str) -> Callable[..., object]:
    """The function behind a dotted name; used by the test that resolves them all."""
    module, _, function = name.rpartition(".")
    found: Callable[..., object] = getattr(
        __import__(module, fromlist=[function]), function
    )
    return found
