"""Messages in doubt: settled by a receipt, or by asking the provider; never by guessing.

"Not found" must hold twice, some minutes apart: a slow provider may still take it. Then
a service notice is sent once more, a marketing SMS is given up. What no query settles
within a day needs a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from backoffice.kit.bulk import update_rows
from backoffice.kit.http import Session
from backoffice.platform.models import Parameter

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

Status = Message.Status
NOT_FOUND = "not_found"


def query_due(now: datetime) -> int:
    """Ask providers about the unknown messages of every chunk whose query is due."""
    return sum(
        _query(chunk, now) for chunk in Chunk.objects.filter(query_at__lte=now)[:100]
    )


def _query(chunk: Chunk, now: datetime) -> int:
    gap = timedelta(seconds=Parameter.read("unknown_query_gap_seconds"))
    mine = Chunk.objects.filter(pk=chunk.pk, query_at=chunk.query_at)
    if not mine.update(query_at=now + gap):
        return 0  # another worker asks
    unknown = chunk.messages.filter(status=Status.UNKNOWN, needs_person=False)
    _hand_to_person(chunk, now)
    asked = 0
    for account in ProviderAccount.objects.filter(pk__in=unknown.values("account")):
        rows = list(unknown.filter(account=account)[:1000])
        asked += _ask(account, rows, now)
    if not unknown.exists():
        Chunk.objects.filter(pk=chunk.pk).update(query_at=None)
        if unknown.exists():  # made so by a worker in between
            chunk.ask_soon(now)
    return asked


def _hand_to_person(chunk: Chunk, now: datetime) -> None:
    old = now - timedelta(hours=Parameter.read("unknown_person_hours"))
    chunk.messages.filter(status=Status.UNKNOWN, fenced_at__lt=old).update(
        needs_person=True
    )


def _ask(account: ProviderAccount, rows: Sequence[Message], now: datetime) -> int:
    provider = transport(account.transport)
    if not provider.can_query:
        return 0
    with Session() as http:
        answers = provider.query(account, _asked(account, rows), http)
    if answers is None:
        return 0
    settle(account, [answer.event for answer in answers if answer.event], now=now)
    missing = {answer.id for answer in answers if answer.event is None}
    _not_found([row for row in rows if row.id in missing], now)
    return len(rows)


def _asked(account: ProviderAccount, rows: Sequence[Message]) -> list[Asked]:
    known = dict(
        ProviderReference.objects.filter(account=account, message__in=rows)
        .order_by("pk")
        .values_list("message_id", "reference")
    )
    return [
        Asked(row.id, row.phone, row.fenced_at or row.created_at, known.get(row.id, ""))
        for row in rows
    ]


def _not_found(rows: Sequence[Message], now: datetime) -> None:
    again, given_up, first = [], [], []
    for row in rows:
        if row.waiting != NOT_FOUND:
            first.append((row.id, NOT_FOUND))
        elif row.is_marketing or row.attempts > 1:
            given_up.append(
                (
                    row.id,
                    Status.FAILED.value,
                    Message.Failure.PROVIDER_ERROR.value,
                    "",
                    now,
                )
            )
        else:
            again.append((row.id, Status.QUEUED.value, "", now))
    update_rows(Message, "id", ["waiting"], first, where="t.status = 15")
    update_rows(
        Message,
        "id",
        ["status", "failure", "waiting", "settled_at"],
        given_up,
        where="t.status = 15",
    )
    FailedNumber.objects.record([row[0] for row in given_up], now=now)
    if update_rows(
        Message, "id", ["status", "waiting", "due_at"], again, where="t.status = 15"
    ):
        chunks = {row.chunk_id for row in rows}
        Chunk.objects.filter(pk__in=chunks).update(next_at=now)
