"""What a provider said of a fence is written down: submissions, response codes, outcomes (E3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from backoffice.kit.bulk import arrays, insert_rows, is_postgres, run_bound, update_rows
from backoffice.kit.crypto import encrypt
from backoffice.kit.ids import uuid7s

from .gate import Failure, Passed
from .models import (
    Chunk,
    FailedNumber,
    Message,
    ProviderAccount,
    ProviderReference,
    Submission,
)
from .transports.base import Exchange, Outcome

Status = Message.Status
# Plain numbers: reading an enum's member costs, and this runs for every SMS.
QUEUED, SENT, FAILED = Status.QUEUED.value, Status.SENT.value, Status.FAILED.value
UNKNOWN = Status.UNKNOWN.value

MOST_ATTEMPTS = 5
BACKOFF = timedelta(seconds=10)

Fenced = Mapping[UUID, tuple[Passed, int]]  # what was handed over, with its parts
Row = tuple[Any, ...]

_CHANGE = (
    "id", "attempts", "status", "failure", "sent_at", "settled_at", "due_at", "waiting", "parts",
)  # fmt: skip
_REFERENCE = ("reference", "phone_index", "submission", "code")
_SUBMISSION = (
    "id", "message_count", "unknown_count", "http_status", "problem", "answer",
)  # fmt: skip
# A lease that ran out may have made some of them unknown: the answer settles that.
# One of an earlier attempt says nothing about a later one.
_OURS = "t.status IN (10, 15) AND t.attempts = v.attempts"


def record(
    account: ProviderAccount,
    chunk: Chunk,
    exchanges: Sequence[Exchange],
    fenced: Fenced,
    now: datetime,
) -> Counter[str]:
    """Write down what came of a fence, in as many statements for one SMS as for many.

    Call it inside a transaction. Counts by the name of the new status.
    """
    if not exchanges:
        return Counter()
    submissions, changes, references = [], list[Row](), list[Row]()
    for pk, exchange in zip(uuid7s(len(exchanges)), exchanges, strict=True):
        submissions.append(_submission(pk, exchange))
        for outcome in exchange.outcomes:
            message, parts = fenced[outcome.id]
            changes.append(_change(outcome, message, parts, now))
            references.append(
                (outcome.reference[:80], message.phone_index, pk, outcome.code[:40])
            )
    same = {"account": account.pk, "chunk": chunk.pk, "at": now}
    insert_rows(Submission, _SUBMISSION, submissions, same=same)
    _write(account, changes, references)
    FailedNumber.objects.record(_failed(changes), now=now)
    by_status = Counter(change[2] for change in changes)
    counts = Counter({Status(one).name.lower(): n for one, n in by_status.items()})
    if counts["unknown"]:
        chunk.ask_soon(now)
    return counts


def _write(
    account: ProviderAccount, changes: Sequence[Row], references: Sequence[Row]
) -> None:
    """Outcomes and response codes: on PostgreSQL by one statement, for a round trip and
    the reading of two arrays cost as much as writing them."""
    if is_postgres():
        _write_together(account, changes, references)
        return
    update_rows(Message, "id", _CHANGE[1:], changes, where=_OURS)
    insert_rows(
        ProviderReference,
        ("message", *_REFERENCE),
        [(c[0], *r) for c, r in zip(changes, references, strict=True) if r[0]],
        same={"account": account.pk, "part": 1},
        ignore_conflicts=True,
    )


_COLUMNS = [
    *(Message._meta.get_field(name) for name in _CHANGE),
    *(ProviderReference._meta.get_field(name) for name in _REFERENCE),
]


def _write_together(
    account: ProviderAccount, changes: Sequence[Row], references: Sequence[Row]
) -> None:
    rows = [(*c, *r) for c, r in zip(changes, references, strict=True)]
    source, params = arrays(_COLUMNS, rows)
    written = ", ".join(f"{name} = v.{name}" for name in _CHANGE[1:])
    run_bound(
        f"WITH v AS (SELECT * FROM {source}), changed AS ("  # noqa: S608
        f"UPDATE messaging_message AS t SET {written} FROM v WHERE t.id = v.id AND {_OURS}) "
        "INSERT INTO messaging_providerreference "
        "(account_id, part, message_id, reference, phone_index, submission_id, code) "
        "SELECT %s, 1, id, reference, phone_index, submission_id, code FROM v "
        "WHERE reference <> '' ON CONFLICT DO NOTHING",
        [*params, account.pk],
    )


def _submission(pk: UUID, exchange: Exchange) -> Row:
    answer = encrypt(exchange.answer, "text")
    count = len(exchange.outcomes)
    unknown = sum(outcome.status == UNKNOWN for outcome in exchange.outcomes)
    return pk, count, unknown, exchange.http_status, exchange.problem[:60], answer


def _change(outcome: Outcome, message: Passed, parts: int, now: datetime) -> Row:
    """The message's new columns, in the order of `_CHANGE`."""
    attempts = message.attempts + 1
    status, failure = int(outcome.status), str(outcome.failure)
    sent_at = settled_at = due_at = None
    waiting = ""
    if status == SENT:
        sent_at = now
    elif status == QUEUED and attempts < MOST_ATTEMPTS:
        due_at, waiting = now + BACKOFF * 4**message.attempts, "throttled"
    elif status == QUEUED:
        status, failure = FAILED, Failure.PROVIDER_ERROR.value
    if status == FAILED:
        settled_at = now
    return (
        outcome.id, attempts, status, failure, sent_at, settled_at, due_at, waiting, parts,
    )  # fmt: skip


def _failed(changes: Sequence[Row]) -> list[UUID]:
    return [change[0] for change in changes if change[2] == FAILED]
