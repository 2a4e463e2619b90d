"""Messages in doubt: settled by a receipt, or by asking the provider; never by guessing.

"Not found" must hold twice, some minutes apart: a slow provider may still take it. Then
a service notice is sent once more, a marketing SMS is given up. What no query settles
within a day needs a person.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from backoffice.kit.bulk import update_rows
from backoffice.kit.http import Session
from backoffice.platform.models import Parameter

from . import lost_answers
from .models import (
    Chunk,
    FailedNumber,
    Message,
    ProviderAccount,
    ProviderReference,
)
from .receipts import settle
from .transports import transport
from .transports.base import Asked

logger = logging.getLogger(__name__)

Status = Message.Status
NOT_FOUND = "not_found"

MOST_CHUNKS = 1_000  # in one run
PAGE = 1_000  # messages in one question to a transport, which cuts it as its provider wants


def query_due(now: datetime) -> int:
    """Ask providers about the unknown messages of the chunks whose query is due.

    Returns about how many was asked. Chunks together, for a notice is a chunk of one.
    """
    chunks = _claim(now)
    unknown = Message.objects.filter(
        chunk__in=chunks, status=Status.UNKNOWN, needs_person=False
    )
    _hand_to_person(unknown, now)
    asked = 0
    for account in ProviderAccount.objects.filter(pk__in=unknown.values("account")):
        asked += _ask_all(account, unknown.filter(account=account), now)
    _forget(chunks, now)
    return asked


@transaction.atomic
def _claim(now: datetime) -> list[int]:
    """Chunks that we ask about, and nobody else until the gap is over."""
    gap = timedelta(seconds=Parameter.read("unknown_query_gap_seconds"))
    due = Chunk.objects.filter(query_at__lte=now).order_by("query_at")
    free = due.select_for_update(skip_locked=True).values_list("pk", flat=True)
    chunks = list(free[:MOST_CHUNKS])
    Chunk.objects.filter(pk__in=chunks).update(query_at=now + gap)
    return chunks


@transaction.atomic
def _forget(chunks: Sequence[int], now: datetime) -> None:
    """Plan no query any more where nothing is in doubt; the lock waits for who doubts now."""
    locked = Chunk.objects.select_for_update().filter(pk__in=chunks).order_by("pk")
    ids = set(locked.values_list("pk", flat=True))
    doubt = Message.objects.filter(
        chunk__in=ids, status=Status.UNKNOWN, needs_person=False
    )
    ids -= set(doubt.values_list("chunk", flat=True))
    Chunk.objects.filter(pk__in=ids).update(query_at=None)


def _hand_to_person(unknown: QuerySet[Message], now: datetime) -> None:
    old = now - timedelta(hours=Parameter.read("unknown_person_hours"))
    unknown.filter(fenced_at__lt=old).update(needs_person=True)


def _ask_all(
    account: ProviderAccount, unknown: QuerySet[Message], now: datetime
) -> int:
    """Page by page, as long as the provider answers: one that does not holds us up once."""
    if not transport(account.transport).can_query:
        return lost_answers.learn(account, unknown)
    asked, last = 0, UUID(int=0)
    with Session() as http:
        while rows := list(unknown.filter(pk__gt=last).order_by("pk")[:PAGE]):
            if not _ask(account, rows, http, now):
                break
            asked, last = asked + len(rows), rows[-1].pk
    return asked


def _ask(
    account: ProviderAccount, rows: Sequence[Message], http: Session, now: datetime
) -> bool:
    """Whether the provider could be asked."""
    provider = transport(account.transport)
    try:
        answers = provider.query(account, asked_of(account, rows), http)
    except Exception as error:  # its file's mistake: the other accounts are asked
        logger.error("query of account %s: %s", account.pk, type(error).__name__)
        return False
    if answers is None:
        return False
    settle(account, [answer.event for answer in answers if answer.event], now=now)
    missing = {answer.id for answer in answers if answer.event is None}
    _not_found([row for row in rows if row.id in missing], now)
    return True


def asked_of(account: ProviderAccount, rows: Sequence[Message]) -> list[Asked]:
    """What a provider may be asked by."""
    known = dict(
        ProviderReference.objects.filter(account=account, message__in=rows)
        .order_by("pk")
        .values_list("message_id", "reference")
    )
    return [
        Asked(row.id, row.phone, row.fenced_at or row.created_at, known.get(row.id, ""))
        for row in rows
    ]


@transaction.atomic
def _not_found(rows: Sequence[Message], now: datetime) -> None:
    """Once: noted. Twice: sent once more, or given up; the message and its chunk together,
    for a queued message in a chunk without a due time would never be looked at again."""
    first = [row for row in rows if row.waiting != NOT_FOUND]
    twice = [row for row in rows if row.waiting == NOT_FOUND]
    # Bound: it was sent again after a doubt. Attempts that were throttled do not count.
    given_up = [row for row in twice if row.is_marketing or row.is_bound]
    again = [row for row in twice if not (row.is_marketing or row.is_bound)]
    _change(first, ["waiting"], NOT_FOUND)
    failure = Message.Failure.PROVIDER_ERROR.value
    fields = ["status", "failure", "waiting", "settled_at"]
    _change(given_up, fields, Status.FAILED.value, failure, "", now)
    FailedNumber.objects.record([row.id for row in given_up], now=now)
    # Over the account that may have it after all, and no other.
    fields = ["status", "waiting", "due_at", "is_bound"]
    if _change(again, fields, Status.QUEUED.value, "", now, True):
        chunks = {row.chunk_id for row in again}
        Chunk.objects.filter(pk__in=chunks).update(next_at=now)


def _change(rows: Sequence[Message], fields: list[str], *values: object) -> int:
    """Only of those still in doubt, in this attempt: a receipt may have come meanwhile."""
    changes = [(row.id, *values, row.attempts) for row in rows]
    where = "t.status = 15 AND t.attempts = v.attempts"
    return update_rows(Message, "id", [*fields, "attempts"], changes, where=where)
