"""SMS whose answer was lost, at a provider that cannot be asked and echoes no id of ours.

SMPP is such a one: where the connection breaks, an SMS may have been taken, and its
receipt names a code that nobody knows. It names the number, too. Where that number has
one SMS in doubt over the account and the parked receipts about it speak of one code, the
code is that SMS's: it is learned, and the receipt is matched by it as any other.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from backoffice.kit.bulk import chunks, insert_rows

from .models import Message, ProviderAccount, ProviderReference, Receipt

Status = Message.Status
BATCH = 1_000
# Of one that is being handed over just now, the answer may still come.
IN_DOUBT = (Status.SENDING, Status.UNKNOWN)

_REFERENCE = ("account", "reference", "phone_index", "part", "message", "code")

Codes = dict[bytes, dict[str, datetime]]  # by number: codes, and when first heard of


def learn(account: ProviderAccount, unknown: QuerySet[Message]) -> int:
    """Give messages in doubt the codes that their numbers' parked receipts name; how many."""
    indexes = unknown.values_list("phone_index", flat=True).distinct()
    return sum(
        _learn(account, [bytes(one) for one in some])
        for some in chunks(indexes.iterator(BATCH), BATCH)
    )


def _learn(account: ProviderAccount, indexes: list[bytes]) -> int:
    codes = _unknown_codes(account, indexes)
    doubtful = _in_doubt(account, list(codes))
    rows = []
    for index, heard in codes.items():
        messages = doubtful[index]
        if len(heard) != 1 or len(messages) != 1:
            continue  # whose it is cannot be told: a person may
        [(code, at)], [message] = heard.items(), messages
        is_before = message.fenced_at is not None and message.fenced_at <= at
        if message.status == Status.UNKNOWN and is_before:
            rows.append((account.pk, code, index, 1, message.pk, ""))
    return insert_rows(ProviderReference, _REFERENCE, rows, ignore_conflicts=True)


def _unknown_codes(account: ProviderAccount, indexes: list[bytes]) -> Codes:
    """What parked receipts about these numbers name, known codes apart."""
    known = ProviderReference.objects.filter(
        account=account,
        reference=OuterRef("reference"),
        phone_index=OuterRef("phone_index"),
    )
    parked = Receipt.objects.filter(
        message__isnull=True, account=account, phone_index__in=indexes
    ).exclude(reference="")
    rows = parked.exclude(Exists(known)).order_by("-received_at")
    codes: Codes = defaultdict(dict)
    for index, code, at in rows.values_list("phone_index", "reference", "received_at"):
        codes[bytes(index)][code] = at
    return codes


def _in_doubt(
    account: ProviderAccount, indexes: list[bytes]
) -> dict[bytes, list[Message]]:
    messages = Message.objects.filter(
        phone_index__in=indexes, account=account, status__in=IN_DOUBT
    )
    by_number: dict[bytes, list[Message]] = defaultdict(list)
    for message in messages.only("phone_index", "status", "fenced_at"):
        by_number[bytes(message.phone_index)].append(message)
    return by_number
