"""What the door stored is read here: receipts settle messages, replies and calls are taken.

Some thousand receipts are one transaction, whatever requests they came in. Where one of
them spoils it, those requests are applied one by one, so that it holds up no other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import accumulate
from typing import NamedTuple, TypeVar

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Length

from backoffice.kit.bulk import update_rows
from backoffice.kit.crypto import key_ring

from . import calls, replies
from .callbacks import BODY
from .models import CallbackRequest, ProviderAccount
from .receipts import Report, reports_of, settle_all
from .transports import transport
from .transports.base import Unreadable

logger = logging.getLogger(__name__)

Kind = CallbackRequest.Kind
Found = TypeVar("Found")

# Of one transaction: what it may hold in memory, and how long it holds its locks.
FIRST_REQUESTS = 50
MOST_REQUESTS = 2_000
MOST_BYTES = 4_000_000
MOST_RECEIPTS = 5_000
# Replies, and calls, before it: an opt-out does not wait for a flood of receipts.
MOST_OTHERS = 100
WAITS = (0.05, 0.2, 0.8)  # seconds
# Of one job: then a service message has its turn with the worker.
MOST_ROUNDS = 10


class Stored(NamedTuple):
    """A request as the door stored it, its body still encrypted."""

    id: int
    account: ProviderAccount
    kind: str
    body: bytes | memoryview

    def plain(self) -> bytes:
        return key_ring().decrypt_bytes(self.body, BODY)


def apply_waiting(now: datetime, *, rounds: int = 0) -> tuple[int, bool]:
    """Apply stored callbacks in the order they came: how many, and may there be more?"""
    applied, most = 0, FIRST_REQUESTS
    for _round in range(rounds or MOST_ROUNDS):
        others = _apply_others(now)
        done, reported = _patiently(partial(_apply_receipts, now, most))
        applied += done + others
        if not done + others:
            return applied, False
        if done:
            most = _fitting(done, reported)
    return applied, True


def _patiently(work: Callable[[], Found]) -> Found:
    """Again, where messages were held by somebody else for long: a send has precedence."""
    for wait in WAITS:
        try:
            return work()
        except OperationalError as error:
            logger.warning("callbacks wait: %s", type(error.__cause__).__name__)
            time.sleep(wait)
    return work()


def _fitting(requests: int, receipts: int) -> int:
    """How many requests to lock next, so that none is kept from other workers for nothing."""
    each = max(1, receipts / requests)
    return max(1, min(MOST_REQUESTS, int(MOST_RECEIPTS / each)))


def _waiting(kind: str) -> QuerySet[CallbackRequest]:
    """Oldest first; locked rows are another worker's."""
    waiting = CallbackRequest.objects.filter(applied_at__isnull=True, kind=kind)
    return waiting.order_by("pk").select_for_update(skip_locked=True)


# --- receipts ----------------------------------------------------------------------


@transaction.atomic
def _apply_receipts(now: datetime, most: int) -> tuple[int, int]:
    """Of at most so many requests; how many were applied, and how much they reported."""
    problems: dict[int, str] = {}
    reports: list[Report] = []
    taken: list[Stored] = []
    for request in _claim(most):
        taken.append(request)
        problems[request.id] = _read(request, reports)
        if len(reports) >= MOST_RECEIPTS:
            break
    if not _settled(reports, now):
        problems = {request.id: _apply_alone(request, now) for request in taken}
    changes = [(pk, problem, now) for pk, problem in problems.items()]
    update_rows(CallbackRequest, "id", ["problem", "applied_at"], changes)
    return len(changes), len(reports)


def _claim(most: int) -> Iterator[Stored]:
    """Waiting requests with receipts, locked; no more than may be held in memory."""
    rows = list(
        _waiting(Kind.RECEIPTS).values_list("pk", "account_id", Length("body"))[:most]
    )
    sizes = accumulate(size for _pk, _account, size in rows)
    fitting = sum(size <= MOST_BYTES for size in sizes) or 1
    accounts = ProviderAccount.objects.in_bulk({account for _pk, account, _s in rows})
    ids = [pk for pk, *_ in rows[:fitting]]
    bodies = CallbackRequest.objects.filter(pk__in=ids).values_list("pk", "body")
    by_id = dict(bodies)
    for pk, account, _size in rows[:fitting]:
        yield Stored(pk, accounts[account], Kind.RECEIPTS, by_id[pk])


def _read(request: Stored, reports: list[Report]) -> str:
    """Add what the request reports; empty, or why it cannot be read."""
    try:
        events = transport(request.account.transport).parse_receipts(request.plain())
        reports += reports_of(request.account.pk, events, request.id)
    except Exception as error:
        return _problem(request.id, error)
    return ""


def _settled(reports: Sequence[Report], now: datetime) -> bool:
    """Settle them together; false where one of them cannot be."""
    try:
        settle_all(reports, now=now)
    except (OperationalError, InterfaceError):
        raise  # what may pass by itself: all of them are tried again
    except Exception as error:
        logger.error("callbacks one by one: %s", type(error).__name__)
        return False
    return True


# --- one by one ----------------------------------------------------------------------


def _apply_others(now: datetime) -> int:
    applied = 0
    for kind in (Kind.REPLIES, Kind.CALLS):
        most = applied + MOST_OTHERS
        while applied < most and _apply_next(kind, now):
            applied += 1
    return applied


@transaction.atomic
def _apply_next(kind: str, now: datetime) -> bool:
    """The oldest of a kind: a transaction of its own, for it may lock any message."""
    row = _waiting(kind).first()
    if row is None:
        return False
    row.problem = _apply_alone(Stored(row.pk, row.account, row.kind, row.body), now)
    row.applied_at = now
    row.save(update_fields=["problem", "applied_at"])
    return True


def _apply_alone(request: Stored, now: datetime) -> str:
    """Empty, or what is wrong with the body: it stays as it came, for a person to read.

    One that cannot be applied must not stand before all others for ever. What may pass by
    itself (a deadlock, a lost connection) is raised: it is tried again.
    """
    try:
        with transaction.atomic():
            _take(request, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        return _problem(request.id, error)
    return ""


def _take(request: Stored, now: datetime) -> None:
    account, body = request.account, request.plain()
    match Kind(request.kind):
        case Kind.CALLS:
            calls.apply(account, body, now)
        case Kind.REPLIES:
            events = transport(account.transport).parse_replies(body)
            replies.take(account, events, now=now)
        case Kind.RECEIPTS:
            receipts = transport(account.transport).parse_receipts(body)
            settle_all(reports_of(account.pk, receipts, request.id), now=now)


def _problem(request_id: int, error: Exception) -> str:
    """In words that quote nothing of the body."""
    if isinstance(error, Unreadable):
        return str(error)[:200]
    logger.error("callback %s: %s", request_id, type(error).__name__)
    return type(error).__name__
