"""Users that a record names -> customers, at once or when they arrive (C2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Max
from django.db.models.expressions import RawSQL

from backoffice.kit.bulk import is_postgres, update_rows
from customers.models import Customer

from .groups import roll_up
from .models import BehaviourRecord, BehaviourSource, DayRollup, ReadPosition

BATCH = 5_000
# A customer's row may be committed after one with a higher id: look this far back.
_LATE = timedelta(hours=1)
_MARK = "\x1f"


def known_customers(source: BehaviourSource, numbers: Iterable[str]) -> dict[str, int]:
    """Customer numbers -> ids, among the customers of the source's `customer_source`.

    Where none is named, those of any source; a number that two of them use is nobody's.
    """
    found: dict[str, int] = {}
    twice: set[str] = set()
    wanted = sorted(set(numbers))
    for start in range(0, len(wanted), BATCH):
        rows = _numbered(_customers_of(source), wanted[start : start + BATCH])
        for number, pk in rows.values_list("external_id", "pk"):
            if found.setdefault(number, pk) != pk:
                twice.add(number)
    return {number: pk for number, pk in found.items() if number not in twice}


def _numbered(
    customers: models.QuerySet[Customer], numbers: list[str]
) -> models.QuerySet[Customer]:
    if not is_postgres():
        return customers.filter(external_id__in=numbers)
    # One parameter instead of thousands. A number never holds the separator.
    split = RawSQL(
        "SELECT unnest(string_to_array(%s, %s))", [_MARK.join(numbers), _MARK]
    )
    return customers.filter(external_id__in=split)


def _customers_of(source: BehaviourSource) -> models.QuerySet[Customer]:
    customers = Customer.objects.all()
    if source.customer_source:
        customers = customers.filter(source=source.customer_source)
    return customers


def match_unknown(now: datetime) -> int:
    """Give records of unknown users their customer, now that it has arrived (C2).

    Looks only at customers who came since the last time. Returns the records matched.
    """
    return sum(_match(source, now) for source in BehaviourSource.objects.all())


def forget_matching(source: BehaviourSource) -> None:
    """Look at every customer again: the source's customers are now others."""
    ReadPosition.objects.filter(name=_position_name(source)).delete()


def _position_name(source: BehaviourSource) -> str:
    return f"customers:{source.pk}"


def _match(source: BehaviourSource, now: datetime) -> int:
    position, _made = ReadPosition.objects.get_or_create(name=_position_name(source))
    arrived = _customers_of(source).filter(pk__gt=position.position)
    settled = arrived.filter(created_at__lt=now - _LATE).aggregate(pk=Max("pk"))["pk"]
    matched, after = 0, 0
    while True:
        last, changed = _match_batch(source, arrived, after)
        matched += changed
        if last is None:
            break
        after = last
    if settled:
        ReadPosition.objects.filter(pk=position.pk).update(position=settled)
    return matched


@transaction.atomic
def _match_batch(
    source: BehaviourSource, arrived: models.QuerySet[Customer], after: int
) -> tuple[int | None, int]:
    """One batch above record id `after`: the last id looked at, and how many matched."""
    waiting = BehaviourRecord.objects.filter(
        source=source,
        customer__isnull=True,
        pk__gt=after,
        external_id__in=arrived.values("external_id"),
    )
    # Locked: of two runs only one counts a record.
    rows = list(
        waiting.select_for_update()
        .order_by("pk")
        .values_list("pk", "external_id", "business_type_id", "at", "amount")[:BATCH]
    )
    if not rows:
        return None, 0
    known = known_customers(source, (row[1] for row in rows))
    rows_known = [row for row in rows if row[1] in known]
    update_rows(
        BehaviourRecord,
        "id",
        ["customer"],
        [(row[0], known[row[1]]) for row in rows_known],
    )
    roll_up(
        [
            (type_id, known[number], at, amount)
            for _, number, type_id, at, amount in rows_known
        ],
        kind=DayRollup.Kind.RECORD,
    )
    return rows[-1][0], len(rows_known)
