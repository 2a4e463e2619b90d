"""What a provider said of a fence is written down: submissions, response codes, outcomes (E3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Model

from backoffice.kit.bulk import arrays, insert_rows, is_postgres, run_bound, update_rows
from backoffice.kit.crypto import encrypt
from backoffice.kit.ids import uuid7s

from .gate import Passed
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

# What a provider surely did not take is tried again ever more rarely, while it is valid:
# a line that is down for an hour, or a day's limit, must not cost a bank's notices.
BACKOFF, LONGEST = timedelta(seconds=10), timedelta(minutes=15)

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


@dataclass(frozen=True, slots=True)
class Said:
    """Rows of what a provider said; a change and a reference for each message."""

    submissions: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    references: list[Row] = field(default_factory=list)


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
    said = _said(exchanges, fenced, now)
    write = _write_at_once if is_postgres() else _write
    write(said, {"account": account.pk, "chunk": chunk.pk, "at": now})
    FailedNumber.objects.record(_failed(said.changes), now=now)
    by_status = Counter(change[2] for change in said.changes)
    counts = Counter({Status(one).name.lower(): n for one, n in by_status.items()})
    if counts["unknown"]:
        chunk.ask_soon(now)
    return counts


def _said(exchanges: Sequence[Exchange], fenced: Fenced, now: datetime) -> Said:
    said = Said()
    for pk, exchange in zip(uuid7s(len(exchanges)), exchanges, strict=True):
        said.submissions.append(_submission(pk, exchange))
        for outcome in exchange.outcomes:
            message, parts = fenced[outcome.id]
            said.changes.append(_change(outcome, message, parts, now))
            said.references.append(
                (outcome.reference[:80], message.phone_index, pk, outcome.code[:40])
            )
    return said


def _write(said: Said, same: dict[str, Any]) -> None:
    insert_rows(Submission, _SUBMISSION, said.submissions, same=same)
    update_rows(Message, "id", _CHANGE[1:], said.changes, where=_OURS)
    both = zip(said.changes, said.references, strict=True)
    insert_rows(
        ProviderReference,
        ("message", *_REFERENCE),
        [(change[0], *reference) for change, reference in both if reference[0]],
        same={"account": same["account"], "part": 1},
        ignore_conflicts=True,
    )


def _columns(model: type[Model], names: Iterable[str]) -> list[Any]:
    return [model._meta.get_field(name) for name in names]


_SUBMITTED = _columns(Submission, (*_SUBMISSION, "account", "chunk", "at"))
_OUTCOME = [*_columns(Message, _CHANGE), *_columns(ProviderReference, _REFERENCE)]


def _write_at_once(said: Said, same: dict[str, Any]) -> None:
    """The same by one statement, for PostgreSQL: a round trip, and the reading of an array
    a second time, cost as much as the writing."""
    submissions = [(*row, *same.values()) for row in said.submissions]
    outcomes = [
        (*change, *reference)
        for change, reference in zip(said.changes, said.references, strict=True)
    ]
    submitted, params = arrays(_SUBMITTED, submissions)
    source, more = arrays(_OUTCOME, outcomes)
    run_bound(
        _AT_ONCE.format(submitted=submitted, source=source),
        [*params, *more, same["account"]],
    )


_AT_ONCE = f"""
WITH submitted AS (
  INSERT INTO messaging_submission ({", ".join(one.column for one in _SUBMITTED)})
  SELECT * FROM {{submitted}}
), v AS (
  SELECT * FROM {{source}}
), changed AS (
  UPDATE messaging_message AS t SET {", ".join(f"{name} = v.{name}" for name in _CHANGE[1:])}
  FROM v WHERE t.id = v.id AND {_OURS}
)
INSERT INTO messaging_providerreference
  (account_id, part, message_id, reference, phone_index, submission_id, code)
SELECT %s, 1, id, reference, phone_index, submission_id, code FROM v
WHERE reference <> '' ON CONFLICT DO NOTHING
"""  # noqa: S608  names of our own; every value is a parameter


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
    elif status == QUEUED:
        pause = min(BACKOFF * 4 ** min(message.attempts, 9), LONGEST)
        due_at, waiting = now + pause, "throttled"
    elif status == FAILED:
        settled_at = now
    return (
        outcome.id, attempts, status, failure, sent_at, settled_at, due_at, waiting, parts,
    )  # fmt: skip


def _failed(changes: Sequence[Row]) -> list[UUID]:
    return [change[0] for change in changes if change[2] == FAILED]
