"""What a provider said of a fence is written down: submissions, response codes, outcomes (E3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from backoffice.kit.bulk import insert_rows, update_rows

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

MOST_ATTEMPTS = 5
BACKOFF = timedelta(seconds=10)

Fenced = Mapping[UUID, tuple[Passed, int]]  # what was handed over, with its parts
Said = tuple[Submission, Outcome, Passed, int]

_REFERENCE = (
    "account", "reference", "phone_index", "part", "message", "submission", "code",
)  # fmt: skip
_CHANGE = (
    "attempts", "status", "failure", "sent_at", "settled_at", "due_at", "waiting", "parts",
)  # fmt: skip


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
    submissions = [_submission(account, chunk, exchange, now) for exchange in exchanges]
    said = list(_said(submissions, exchanges, fenced))
    references = [_reference(*one) for one in said if one[1].reference]
    changes = [
        _change(outcome, message, parts, now) for _s, outcome, message, parts in said
    ]
    Submission.objects.bulk_create(submissions)
    insert_rows(ProviderReference, _REFERENCE, references, ignore_conflicts=True)
    # A lease that ran out may have made some of them unknown: the answer settles that.
    # One of an earlier attempt says nothing about a later one.
    ours = "t.status IN (10, 15) AND t.attempts = v.attempts"
    update_rows(Message, "id", _CHANGE, changes, where=ours)
    FailedNumber.objects.record(_failed(changes), now=now)
    by_status = Counter(change[2] for change in changes)
    counts = Counter({Status(one).name.lower(): n for one, n in by_status.items()})
    if counts["sent"] or counts["unknown"]:
        chunk.expect_reports(now, doubt=counts["unknown"] > 0)
    return counts


def _said(
    submissions: Sequence[Submission], exchanges: Sequence[Exchange], fenced: Fenced
) -> Iterator[Said]:
    for submission, exchange in zip(submissions, exchanges, strict=True):
        for outcome in exchange.outcomes:
            yield submission, outcome, *fenced[outcome.id]


def _submission(
    account: ProviderAccount, chunk: Chunk, exchange: Exchange, now: datetime
) -> Submission:
    return Submission(
        account=account,
        chunk=chunk,
        at=now,
        message_count=len(exchange.outcomes),
        http_status=exchange.http_status,
        problem=exchange.problem,
        answer=exchange.answer,
    )


def _reference(
    submission: Submission, outcome: Outcome, message: Passed, _parts: int
) -> tuple[object, ...]:
    return (
        submission.account_id, outcome.reference[:80], message.phone_index, 1,
        outcome.id, submission.pk, outcome.code[:40],
    )  # fmt: skip


def _change(
    outcome: Outcome, message: Passed, parts: int, now: datetime
) -> tuple[Any, ...]:
    """The message's new columns, in the order of `_CHANGE` behind its id."""
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


def _failed(changes: Sequence[tuple[Any, ...]]) -> list[UUID]:
    return [change[0] for change in changes if change[2] == FAILED]
