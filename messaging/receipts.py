"""Receipts: matched, applied in any order, any number of times (E4).

A receipt raises a message's rank and never lowers it. Thousands are settled by a handful
of statements; the messages are locked in the order of their ids, so that two workers, or
a worker that sends, do not deadlock. One that comes before our own commit of its response
code is parked (`messaging.parked`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from backoffice.kit.bulk import insert_rows, is_postgres, run_over, set_for_transaction
from backoffice.kit.crypto import blind_index

from .models import FailedNumber, Message, ProviderAccount, ProviderReference, Receipt
from .transports.base import ReceiptEvent

Status = Message.Status
Outcome = Receipt.Outcome
# Plain values: reading an enum's member costs, and this runs for every receipt.
SENDING, UNKNOWN = Status.SENDING.value, Status.UNKNOWN.value
FAILED, EXPIRED, DELIVERED = (
    one.value for one in (Status.FAILED, Status.EXPIRED, Status.DELIVERED)
)
FINAL = (FAILED, EXPIRED, DELIVERED)
APPLIED, REPEATED, CONFLICT, PARKED = (one.value for one in Outcome)
FAILURES: dict[str, str] = {"": "", **{one: one.value for one in Message.Failure}}
# Where a message stands that we gave up waiting for: any report of its end counts above.
GIVEN_UP = 30

# Rows are looked up by their keys: left to itself PostgreSQL reads the whole of a table of
# some hundred thousand for five thousand of them. And whoever sends has precedence: we
# give up waiting before it is told of a deadlock, and come again.
CAREFULLY = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "lock_timeout": "500ms",
}

# What a message was handed over as: an echoed id counts only from who has the SMS.
_BY_ID = (
    "SELECT v.id, CAST(t.id AS text) FROM {v} JOIN messaging_message t "
    "ON t.id = v.message_id AND t.account_id = v.account_id "
    "AND (length(v.phone_index) = 0 OR t.phone_index = v.phone_index)"
)
_BY_REFERENCE = (
    "SELECT v.id, CAST(r.message_id AS text) FROM {v} JOIN messaging_providerreference r "
    "ON r.reference = v.reference AND r.phone_index = v.phone_index "
    "AND r.account_id = v.account_id"
)
_STANDING = (
    "SELECT CAST(t.id AS text), t.status, t.failure "
    "FROM {v} JOIN messaging_message t ON t.id = v.id ORDER BY t.id"
)
_RAISED = (
    "UPDATE messaging_message AS t SET status = v.status, failure = v.failure, "
    "sent_at = COALESCE(t.sent_at, v.settled_at), settled_at = "
    "CASE WHEN v.status >= 40 THEN v.settled_at END, due_at = NULL, waiting = '', "
    "needs_person = FALSE FROM {v} WHERE t.id = v.id"
)
_LEARNED = (
    "INSERT INTO messaging_providerreference "
    "(account_id, reference, phone_index, part, message_id, code) "
    "SELECT t.account_id, v.reference, t.phone_index, 1, t.id, '' FROM {v} "
    "JOIN messaging_message t ON t.id = v.message_id WHERE t.account_id IS NOT NULL "
    "ON CONFLICT DO NOTHING"
)
_RECEIPT = (
    "account", "request", "message", "outcome", "reference", "phone_index", "status",
    "failure", "words", "provider_at",
)  # fmt: skip

# The provider's words stand in a plain column: a number in them does not.
_NUMBER = re.compile(r"\+?\d(?:[ -]?\d){6,}")


class Report(NamedTuple):
    """A receipt on its way in: whose, in which stored request, about which number."""

    account_id: int
    request_id: int | None
    event: ReceiptEvent
    phone_index: bytes


class Standing(NamedTuple):
    status: int
    failure: str


End = tuple[str | None, str]  # a report's message, and what it did to it


def effect(new: int, old: int) -> tuple[str, bool]:
    """What a report of rank `new` does to a message of rank `old`: its outcome, does it raise?

    Delivered after failed is taken and called a conflict; anything that does not raise
    changes nothing.
    """
    if new > old:
        return (CONFLICT if old in FINAL else APPLIED), True
    conflict = new != old and new in FINAL
    return (CONFLICT if conflict else REPEATED), False


def rank(status: int, failure: str) -> int:
    """How high a message stands. Expired for want of a receipt is our word, not a report."""
    return GIVEN_UP if status == EXPIRED and failure == "no_receipt" else status


def settle(
    account: ProviderAccount,
    events: Iterable[ReceiptEvent],
    *,
    now: datetime,
    request_id: int | None = None,
) -> int:
    """Record and apply reports of an account; returns how many found their message."""
    return settle_all(reports_of(account.pk, events, request_id), now=now)


def reports_of(
    account_id: int, events: Iterable[ReceiptEvent], request_id: int | None = None
) -> list[Report]:
    return [
        Report(account_id, request_id, event, phone_index(event)) for event in events
    ]


def phone_index(event: ReceiptEvent) -> bytes:
    return blind_index(plain(event.phone)) if event.phone else b""


@transaction.atomic
def settle_all(reports: Sequence[Report], *, now: datetime) -> int:
    """Record and apply reports in their order; returns how many found their message."""
    set_for_transaction(**CAREFULLY)
    found = find(reports)
    ends = raise_messages([one.event for one in reports], found, now)
    rows = [_row(report, end) for report, end in zip(reports, ends, strict=True)]
    insert_rows(Receipt, _RECEIPT, rows, same={"received_at": now})
    return len(ends) - ends.count((None, PARKED))


def find(reports: Sequence[Report]) -> list[str | None]:
    """Each report's message: by our id where it is echoed, else by the response code (E4)."""
    found: list[str | None] = [None] * len(reports)
    claims = [
        (n, event.message_id, account_id, index)
        for n, (account_id, _request, event, index) in enumerate(reports)
        if event.message_id
    ]
    fields = ("id", "message", "account", "phone_index")
    for n, pk in run_over(_BY_ID, ProviderReference, fields, claims):
        found[n] = pk
    codes = [
        (n, plain(event.reference)[:80], index, account_id)
        for n, (account_id, _request, event, index) in enumerate(reports)
        if found[n] is None and event.reference
    ]
    fields = ("id", "reference", "phone_index", "account")
    for n, pk in run_over(_BY_REFERENCE, ProviderReference, fields, codes):
        found[n] = pk
    return found


def raise_messages(
    events: Sequence[ReceiptEvent], found: Sequence[str | None], now: datetime
) -> list[End]:
    """Raise the messages, in the order of the reports; what each report came to."""
    standing = _lock(set(found) - {None})
    ranks = {pk: rank(*known) for pk, known in standing.items()}
    winning: dict[str, ReceiptEvent] = {}
    ends: list[End] = []
    for event, pk in zip(events, found, strict=True):
        if pk is None or pk not in ranks:
            ends.append((None, PARKED))
            continue
        outcome, raises = effect(event.status, ranks[pk])
        if raises:
            ranks[pk], winning[pk] = event.status, event
        ends.append((pk, outcome))
    _apply(standing, winning, now)
    return ends


def _lock(ids: Iterable[Any]) -> dict[str, Standing]:
    """How the messages stand; nobody else changes them until we commit."""
    statement = _STANDING + (" FOR UPDATE OF t" if is_postgres() else "")
    rows = run_over(statement, Message, ("id",), [(pk,) for pk in sorted(ids)])
    return {pk: Standing(status, failure) for pk, status, failure in rows}


def _apply(
    standing: Mapping[str, Standing], winning: Mapping[str, ReceiptEvent], now: datetime
) -> None:
    changes = [
        (pk, int(event.status), _failure(event), now)
        for pk, event in sorted(winning.items())
    ]
    run_over(_RAISED, Message, ("id", "status", "failure", "settled_at"), changes)
    _list_failed(standing, changes, now)
    learned = [
        (pk, plain(event.reference)[:80])
        for pk, event in winning.items()
        if event.reference and _teaches(event, standing[pk].status)
    ]
    run_over(_LEARNED, ProviderReference, ("message", "reference"), learned)


def _teaches(event: ReceiptEvent, status: int) -> bool:
    """Is the report's response code news? So it is of a message in doubt.

    One that names no number is an answer that found no worker waiting for it: the message
    may still be marked as being handed over.
    """
    return status == UNKNOWN or (status == SENDING and not event.phone)


def _list_failed(
    standing: Mapping[str, Standing], changes: Sequence[tuple[Any, ...]], now: datetime
) -> None:
    """Numbers not reached are listed (A6); one reached after all is taken off again."""
    failed = [UUID(pk) for pk, status, *_ in changes if status in (FAILED, EXPIRED)]
    FailedNumber.objects.record(failed, now=now)
    reached = [
        UUID(pk)
        for pk, status, *_ in changes
        if status == DELIVERED and standing[pk].status in FINAL
    ]
    FailedNumber.objects.reached(reached)


def _row(report: Report, end: End) -> tuple[Any, ...]:
    account_id, request_id, event, index = report
    return (
        account_id, request_id, *end, plain(event.reference)[:80], index, int(event.status),
        _failure(event), _words(event.words), _moment(event.at),
    )  # fmt: skip


def _moment(at: datetime | None) -> datetime | None:
    """The provider's time, if it is one: some databases take the year 1 and cannot say it."""
    return at if at and at.tzinfo and 2000 <= at.year < 2100 else None


def _failure(event: ReceiptEvent) -> str:
    """Why it was not delivered, in our words."""
    if event.status not in (FAILED, EXPIRED):
        return ""
    return FAILURES.get(event.failure, Message.Failure.OTHER.value)


@lru_cache(maxsize=1024)
def _words(text: str) -> str:
    return _NUMBER.sub("•", plain(text))[:120]


def plain(text: str) -> str:
    """Text that a database takes: JSON can say half a letter, or none (U+0000)."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "")
