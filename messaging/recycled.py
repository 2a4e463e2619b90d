"""Numbers that may have a new owner by now: flagged for staff, who know or ask.

Operators give a number out again some months after it was given up (90 days are usual in
China). What gives it away: one that did not exist works again; one that nobody answered
for a quarter of a year is reached; one that failed is a new customer's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from backoffice.kit.ids import first_id
from backoffice.platform.models import Parameter
from customers.models import Customer

from .models import FailedNumber, Message

Recycled, State = FailedNumber.Recycled, FailedNumber.State
Failure = Message.Failure

# SMS made within so long are looked at for what was delivered: the job runs once a day.
LATELY = timedelta(days=2)
INACTIVE = (Failure.UNREACHABLE, Failure.NO_RECEIPT)


def flag_recycled(now: datetime) -> dict[str, int]:
    """Flag what the last day brought; counts by the kind of flag."""
    return {
        "works": _gone().filter(_delivered(now)).update(recycled=Recycled.WORKS),
        "silent": _silent(now).update(recycled=Recycled.SILENT),
        "other": _gone().filter(_new_customer()).update(recycled=Recycled.OTHER),
    }


def _unflagged() -> QuerySet[FailedNumber]:
    waiting = (State.OPEN, State.RETRIED, State.ALLOWED)
    return FailedNumber.objects.filter(recycled="", state__in=waiting)


def _gone() -> QuerySet[FailedNumber]:
    return _unflagged().filter(failure=Failure.INVALID_NUMBER)


def _silent(now: datetime) -> QuerySet[FailedNumber]:
    """Not reached since long ago, and reached in the last days for the first time."""
    long_ago = now - timedelta(days=Parameter.read("recycled_days"))
    inactive = _unflagged().filter(failure__in=INACTIVE, at__lte=long_ago)
    between = Message.objects.filter(
        phone_index=OuterRef("phone_index"),
        created_at__gt=OuterRef("at"),
        created_at__lt=now - LATELY,
        status=Message.Status.DELIVERED,
    )
    return inactive.filter(_delivered(now)).exclude(Exists(between))


def _delivered(now: datetime) -> Exists:
    lately = Message.objects.filter(
        pk__gte=first_id(now - LATELY), status=Message.Status.DELIVERED
    )
    same = lately.filter(phone_index=OuterRef("phone_index"))
    return Exists(same.filter(created_at__gt=OuterRef("at")))


def _new_customer() -> Exists:
    """Somebody else with the number, who came after it failed: no household member."""
    others = Customer.objects.filter(phone_index=OuterRef("phone_index"))
    return Exists(
        others.filter(created_at__gt=OuterRef("at")).exclude(pk=OuterRef("customer"))
    )
