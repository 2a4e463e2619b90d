"""Receipts that came before their SMS was known: matched later, at last forgotten.

A provider may report before our own commit of its response code: such a receipt is
looked at with every sweep while it is young, and each hour after that. A partial index
holds the parked ones alone, so that a look costs what is parked, not what was received.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from backoffice.kit.bulk import set_for_transaction, update_rows
from backoffice.platform.models import Parameter

from .models import CallbackRequest, ProviderReference, Receipt
from .receipts import CAREFULLY, Report, find, raise_messages
from .transports.base import ReceiptEvent

# Our commit follows within seconds; a worker that lost its lease needs some minutes.
YOUNG = timedelta(minutes=10)
BATCH = 5_000


def match_young(now: datetime) -> int:
    """Apply young parked receipts whose response code has arrived; how many."""
    return _match(_parked().filter(received_at__gt=now - YOUNG), now)


def match_all(now: datetime) -> int:
    """The same for all of them: a response code may be learned a day later."""
    return _match(_parked(), now)


def _parked() -> QuerySet[Receipt]:
    return Receipt.objects.filter(message__isnull=True)


def _match(parked: QuerySet[Receipt], now: datetime) -> int:
    arrived = ProviderReference.objects.filter(
        account=OuterRef("account"),
        reference=OuterRef("reference"),
        phone_index=OuterRef("phone_index"),
    )
    matched, last = 0, 0
    ready = parked.filter(Exists(arrived)).order_by("pk")
    while ids := list(ready.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
        matched += _apply(ids, now)
        last = ids[-1]
    return matched


@transaction.atomic
def _apply(ids: Sequence[int], now: datetime) -> int:
    """Every one of them, in the order they came: each may be the one that counts."""
    set_for_transaction(**CAREFULLY)
    locked = _parked().filter(pk__in=ids).order_by("pk")
    rows = list(locked.select_for_update(of=("self",)))
    reports = [_report(row) for row in rows]
    ends = raise_messages([one.event for one in reports], find(reports), now)
    changes = [(row.pk, *end) for row, end in zip(rows, ends, strict=True) if end[0]]
    return update_rows(Receipt, "id", ["message", "outcome"], changes)


def _report(row: Receipt) -> Report:
    event = ReceiptEvent(row.reference, "", row.status, row.failure)
    return Report(row.account_id, row.request_id, event, bytes(row.phone_index))


def forget(now: datetime) -> dict[str, int]:
    """Delete parked receipts and raw requests that have been kept long enough."""
    parked = _parked().filter(received_at__lt=now - _days("parked_receipt_days"))
    return {
        "receipts": parked.delete()[0],
        "requests": _forget_requests(now - _days("callback_days")),
    }


def _days(parameter: str) -> timedelta:
    return timedelta(days=Parameter.read(parameter))


def _forget_requests(before: datetime) -> int:
    """Oldest first, by id: they came in about that order, and no other index is needed."""
    deleted = 0
    while True:
        oldest = CallbackRequest.objects.order_by("pk").values_list("pk", "received_at")
        rows = list(oldest.filter(applied_at__isnull=False)[:BATCH])
        ids = [pk for pk, received_at in rows if received_at < before]
        deleted += CallbackRequest.objects.filter(pk__in=ids).delete()[0]
        if len(ids) < BATCH:
            return deleted
