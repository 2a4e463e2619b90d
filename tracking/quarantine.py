"""Rows set aside: fed again after a fix, and their unknown words made known (C1, C2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, QuerySet

from backoffice.kit.bulk import update_rows
from customers.models import BusinessType, BusinessTypeAlias

from .ingest import SET_ASIDE, Ingested, take_rows
from .models import BehaviourFile, QuarantinedRow

BATCH = 5_000


class Fed(NamedTuple):
    """What feeding came to: rows that are resolved, rows still set aside, rows not tried."""

    resolved: int
    left: int
    more: int


def feed_again(
    rows: QuerySet[QuarantinedRow], *, now: datetime, at_most: int = 50_000
) -> Fed:
    """Read rows anew, by what the source and the aliases say now.

    A row that still cannot be read stays, with its reason of now. At most `at_most` are
    tried: the rest waits for the next call.
    """
    open_rows = QuarantinedRow.objects.filter(
        pk__in=rows.values("pk"), resolved_at__isnull=True
    )
    resolved, tried, after = 0, 0, 0
    while tried < at_most:
        last, size, good = _feed_batch(open_rows.filter(pk__gt=after), now)
        if last is None:
            break
        resolved, tried, after = resolved + good, tried + size, last
    more = open_rows.filter(pk__gt=after).count() if tried >= at_most else 0
    return Fed(resolved, tried - resolved, more)


def add_word(
    row: QuarantinedRow, business_type: BusinessType, *, any_source: bool, now: datetime
) -> Fed:
    """Make the row's unknown word an alias, and feed every row that it held back."""
    source = "" if any_source else row.source.name
    BusinessTypeAlias.objects.update_or_create(
        source=source, word=row.word, defaults={"business_type": business_type}
    )
    waiting = with_word(row)
    if any_source:
        waiting = QuarantinedRow.objects.filter(word=row.word, resolved_at__isnull=True)
    return feed_again(waiting, now=now)


def with_word(row: QuarantinedRow) -> QuerySet[QuarantinedRow]:
    """The rows of the same source that wait for the same word."""
    return QuarantinedRow.objects.filter(
        source=row.source, word=row.word, resolved_at__isnull=True
    )


@transaction.atomic
def _feed_batch(
    rows: QuerySet[QuarantinedRow], now: datetime
) -> tuple[int | None, int, int]:
    """One batch: the last id, how many rows, how many of them are resolved."""
    batch = list(
        rows.select_for_update(of=("self",))
        .select_related("source", "file")
        .order_by("pk")[:BATCH]
    )
    if not batch:
        return None, 0, 0

    def home(row: QuarantinedRow) -> tuple[int, int]:
        return row.source_id, row.file_id or 0

    resolved = sum(
        _feed(list(group), now)
        for _home, group in groupby(sorted(batch, key=home), home)
    )
    return batch[-1].pk, len(batch), resolved


def _feed(rows: Sequence[QuarantinedRow], now: datetime) -> int:
    """Feed rows of one source and file; how many are resolved."""
    source, file = rows[0].source, rows[0].file
    # Numbered by themselves: rows of the API have no number that is theirs alone.
    by_number = {row.row_number if file else row.pk: row for row in rows}
    numbered = [(number, json.loads(row.row)) for number, row in by_number.items()]
    taken = take_rows(source, numbered, file=file, now=now)
    bad = [o for o in taken.outcomes if o.result == SET_ASIDE]
    good = [o for o in taken.outcomes if o.result != SET_ASIDE]
    update_rows(
        QuarantinedRow,
        "id",
        ["reason", "word"],
        [(by_number[o.row_number].pk, o.reason, o.word) for o in bad],
    )
    update_rows(
        QuarantinedRow,
        "id",
        ["resolved_at"],
        [(by_number[o.row_number].pk, now) for o in good],
    )
    if file:
        _recount(file, taken, len(good))
    return len(good)


def _recount(file: BehaviourFile, taken: Ingested, resolved: int) -> None:
    BehaviourFile.objects.filter(pk=file.pk).update(
        record_count=F("record_count") + taken.records,
        repeated_count=F("repeated_count") + taken.repeated,
        ignored_count=F("ignored_count") + taken.ignored,
        quarantined_count=F("quarantined_count") - resolved,
    )
