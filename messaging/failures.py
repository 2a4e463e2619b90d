"""What staff do with a number that an SMS did not reach (A6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from backoffice.kit.bulk import insert_rows
from backoffice.kit.crypto import blind_index
from backoffice.kit.phones import to_e164
from backoffice.platform.models import AuditEntry
from customers.models import Suppression
from messaging.models import FailedNumber, Message

State = FailedNumber.State
Failure = Message.Failure

# The same text to the same number fails again: only a corrected number helps.
PERMANENT = (Failure.INVALID_NUMBER, Failure.BLOCKED, Failure.REJECTED_CONTENT)


def retryable(rows: QuerySet[FailedNumber]) -> QuerySet[FailedNumber]:
    """Those that another SMS may reach: corrected, or failed for a passing reason.

    Not where a late receipt said delivered after all: nobody gets the same SMS twice.
    """
    passing = Q(state=State.OPEN) & ~Q(failure__in=PERMANENT)
    failed = rows.filter(message__status=Message.Status.FAILED)
    return failed.filter(passing | Q(state=State.CORRECTED))


@transaction.atomic
def correct(failed: FailedNumber, phone: str, *, by: Any) -> bool:
    """Set the right number, here and for the customer; returns whether the latter's changed.

    The message keeps the number it went to. The customer's number stays where it is
    another one by now. Raises BadPhone for what is no number.
    """
    number = to_e164(phone, region=settings.DEFAULT_PHONE_REGION)
    wrong = bytes(failed.phone_index)
    customer = failed.customer
    changes = customer is not None and bytes(customer.phone_index) == wrong
    if customer is not None and changes:
        customer.set_phone(number)
        customer.save()
    failed.phone, failed.phone_index = number, blind_index(number)
    failed.state = State.CORRECTED
    failed.save(update_fields=["phone", "phone_index", "state"])
    AuditEntry.write(by, "number corrected", failed, customer_changed=changes)
    return changes


@transaction.atomic
def suppress(rows: QuerySet[FailedNumber], *, by: Any, now: datetime) -> int:
    """No SMS of any purpose to these numbers any more; returns how many rows it was."""
    ids, indexes = _keys(rows.exclude(state=State.SUPPRESSED))
    insert_rows(
        Suppression,
        ("phone_index", "scope", "reason", "created_at"),
        [
            (index, Suppression.Scope.EVERYTHING.value, "failed number", now)
            for index in indexes
        ],
        ignore_conflicts=True,
    )
    # The number and not the row: it may stand in the list for several messages.
    same = FailedNumber.objects.filter(Q(pk__in=ids) | Q(phone_index__in=indexes))
    same.update(state=State.SUPPRESSED)
    AuditEntry.write(by, "failed numbers suppressed", count=len(ids))
    return len(ids)


def _keys(rows: QuerySet[FailedNumber]) -> tuple[Sequence[int], list[bytes]]:
    found = list(rows.order_by("pk").values_list("pk", "phone_index"))
    return [pk for pk, _index in found], list({bytes(index) for _pk, index in found})
