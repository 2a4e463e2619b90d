"""Receipts: matched, applied in any order, any number of times (E4).

A receipt raises a message's rank and never lowers it. One that comes before our own
commit of its response code is parked and matched by the sweep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from backoffice.kit.bulk import insert_rows, update_rows
from backoffice.kit.crypto import blind_index

from .models import FailedNumber, Message, ProviderAccount, ProviderReference, Receipt
from .transports.base import ReceiptEvent

Status = Message.Status
Outcome = Receipt.Outcome
FINAL = (Status.FAILED, Status.EXPIRED, Status.DELIVERED)

_RECEIPT = [
    "account", "request", "message", "reference", "phone_index", "status",
    "failure", "words", "provider_at", "received_at", "outcome",
]  # fmt: skip
_REFERENCE = ["account", "reference", "phone_index", "part", "message", "code"]


# The provider's words stand in a plain column: a number in them does not.
_NUMBER = re.compile(r"\+?\d(?:[ -]?\d){6,}")

End = tuple[UUID | None, Outcome]  # a report's message, and what it did to it


def effect(new: int, old: int) -> tuple[Outcome, bool]:
    """What a report of rank `new` does to a message of rank `old`: its outcome, does it raise?

    Delivered after failed is taken and called a conflict; anything that does not raise
    changes nothing.
    """
    if new > old:
        return (Outcome.CONFLICT if old in FINAL else Outcome.APPLIED), True
    conflict = new != old and new in FINAL
    return (Outcome.CONFLICT if conflict else Outcome.REPEATED), False


@transaction.atomic
def settle(
    account: ProviderAccount,
    events: Sequence[ReceiptEvent],
    *,
    now: datetime,
    request_id: int | None = None,
) -> int:
    """Record and apply reports of an account; returns how many found their message."""
    known = _by_reference(account, {event.reference for event in events})
    ours = _handed_to(account, {event.message_id for event in events} - {None})
    found = [
        event.message_id
        if event.message_id in ours
        else known.get((event.reference, _index(event)))
        for event in events
    ]
    ends = _raise(list(zip(events, found, strict=True)), now)
    rows = [
        _row(account, event, end, (request_id, now))
        for event, end in zip(events, ends, strict=True)
    ]
    insert_rows(Receipt, _RECEIPT, rows)
    return len([pk for pk, _outcome in ends if pk])


def _by_reference(
    account: ProviderAccount, references: set[str]
) -> dict[tuple[str, bytes], UUID]:
    """The messages of these response codes, by code and number."""
    known = ProviderReference.objects.filter(
        account=account, reference__in=references - {""}
    ).values_list("reference", "phone_index", "message_id")
    return {(reference, bytes(index)): pk for reference, index, pk in known}


def _handed_to(account: ProviderAccount, ids: set[UUID | None]) -> set[UUID]:
    """Those that went to this account: nobody reports on what another provider has."""
    if not ids:
        return set()
    handed = Message.objects.filter(pk__in=ids, account=account)
    return set(handed.values_list("pk", flat=True))


def _raise(
    reports: Sequence[tuple[ReceiptEvent, UUID | None]], now: datetime
) -> list[End]:
    """Raise the messages, in the order of the reports; what each report came to."""
    messages = _lock(pk for _event, pk in reports if pk)
    ranks = {pk: message.status for pk, message in messages.items()}
    winning: dict[UUID, ReceiptEvent] = {}
    ends: list[End] = []
    for event, pk in reports:
        if pk is None or pk not in ranks:
            ends.append((None, Outcome.PARKED))
            continue
        outcome, raises = effect(event.status, ranks[pk])
        if raises:
            ranks[pk], winning[pk] = event.status, event
        ends.append((pk, outcome))
    _apply(messages, winning, now)
    return ends


def _index(event: ReceiptEvent) -> bytes:
    return blind_index(event.phone) if event.phone else b""


def _lock(ids: Iterable[UUID]) -> dict[UUID, Message]:
    # In order of the key: two workers that settle the same messages do not deadlock.
    rows = Message.objects.select_for_update().order_by("pk").filter(pk__in=set(ids))
    return {row.pk: row for row in rows.defer("parameters")}


def _row(
    account: ProviderAccount,
    event: ReceiptEvent,
    end: End,
    came: tuple[int | None, datetime],
) -> tuple[Any, ...]:
    words = _NUMBER.sub("•", event.words)[:120]
    return (
        account.pk, came[0], end[0], event.reference[:80], _index(event), int(event.status),
        str(event.failure), words, event.at, came[1], str(end[1]),
    )  # fmt: skip


def _apply(
    messages: dict[UUID, Message], winning: dict[UUID, ReceiptEvent], now: datetime
) -> None:
    changes = []
    for pk, event in winning.items():
        sent_at = messages[pk].sent_at or now
        settled_at = now if event.status in FINAL else None
        changes.append(
            (pk, int(event.status), str(event.failure), sent_at, settled_at, None, "")
        )
    fields = ["status", "failure", "sent_at", "settled_at", "due_at", "waiting"]
    update_rows(Message, "id", fields, changes, where="t.status < v.status")
    failed = [pk for pk, event in winning.items() if event.status == Status.FAILED]
    FailedNumber.objects.record(failed, now=now)
    _learn_references(messages, winning)


def _learn_references(
    messages: dict[UUID, Message], winning: dict[UUID, ReceiptEvent]
) -> None:
    """A message in doubt gets its response code from the report that settles it."""
    rows = [
        (
            messages[pk].account_id,
            event.reference[:80],
            bytes(messages[pk].phone_index),
            1,
            pk,
            "",
        )
        for pk, event in winning.items()
        if messages[pk].status == Status.UNKNOWN
        and event.reference
        and messages[pk].account_id
    ]
    insert_rows(ProviderReference, _REFERENCE, rows, ignore_conflicts=True)


def match_parked(now: datetime) -> int:
    """Apply parked receipts whose response code has arrived by now."""
    arrived = ProviderReference.objects.filter(
        account=OuterRef("account"),
        reference=OuterRef("reference"),
        phone_index=OuterRef("phone_index"),
    )
    parked = (
        Receipt.objects.filter(message__isnull=True)
        .filter(Exists(arrived))
        .order_by("pk")
    )
    rows = list(parked.select_related("account")[:5000])
    for account in {row.account for row in rows}:
        _apply_parked(account, [row.pk for row in rows if row.account == account], now)
    return len(rows)


@transaction.atomic
def _apply_parked(account: ProviderAccount, ids: Sequence[int], now: datetime) -> None:
    """Every one of them, in the order they came: each may be the one that counts."""
    parked = Receipt.objects.filter(pk__in=ids, message__isnull=True).order_by("pk")
    rows = list(parked.select_for_update(of=("self",)))
    known = _by_reference(account, {row.reference for row in rows})
    found = [known.get((row.reference, bytes(row.phone_index))) for row in rows]
    ends = _raise([(_event(row), pk) for row, pk in zip(rows, found, strict=True)], now)
    changes = [(row.pk, *end) for row, end in zip(rows, ends, strict=True)]
    update_rows(Receipt, "id", ["message", "outcome"], changes)


def _event(row: Receipt) -> ReceiptEvent:
    return ReceiptEvent(row.reference, "", row.status, row.failure)
