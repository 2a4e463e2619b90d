"""Rows of a source become behaviour records, once each, with their groups (C1, C2, C3)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, cast

from django.db import connection, transaction
from django.db.models import Q

from backoffice.kit.bulk import insert_rows, is_postgres
from backoffice.kit.crypto import encrypt
from customers.models import BusinessType, BusinessTypeAlias

from .groups import roll_up
from .matching import known_customers
from .models import (
    BehaviourFile,
    BehaviourRecord,
    BehaviourSource,
    DayRollup,
    QuarantinedRow,
)
from .rows import Record, RowProblem, RowReader

NumberedRow = tuple[int, Mapping[str, str]]
# What makes a record one, beside its source: the record key and the user.
_Key = tuple[str, str]

RECORDED, REPEATED, IGNORED, SET_ASIDE = "recorded", "repeated", "ignored", "set_aside"

_TABLE = BehaviourRecord._meta.db_table
_COLUMNS = (
    "source_id, file_id, record_key, customer_id, external_id, business_type_id,"
    " at, amount, product, attributes"
)
# SQLite takes at most 32,766 parameters a statement.
_AT_ONCE = 3_000


class Outcome(NamedTuple):
    """What became of a row; `reason`, and the unknown `word`, where it was set aside."""

    row_number: int
    result: str
    reason: str = ""
    word: str = ""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of rows. `records` and `repeated` count a row once for each user."""

    records: int
    repeated: int
    ignored: int
    quarantined: int
    outcomes: list[Outcome]


def ingest(
    source: BehaviourSource,
    rows: Sequence[Mapping[str, str]],
    *,
    first_row: int,
    file: BehaviourFile | None,
    now: datetime,
) -> Ingested:
    """Take rows that are numbered from `first_row` on. See `ingest_numbered`."""
    numbered = list(enumerate(rows, start=first_row))
    return ingest_numbered(source, numbered, file=file, now=now)


@transaction.atomic
def ingest_numbered(
    source: BehaviourSource,
    rows: Sequence[NumberedRow],
    *,
    file: BehaviourFile | None,
    now: datetime,
) -> Ingested:
    """Record rows, count them into the groups, set aside what cannot be read.

    All or nothing. A record that stands already is left as it is and counted as repeated,
    so rows may come any number of times. At most some thousand rows at once.
    """
    taken = take_rows(source, rows, file=file, now=now)
    by_number = dict(rows)
    aside = [
        (
            source.pk,
            file and file.pk,
            o.row_number,
            as_read(by_number[o.row_number]),
            o.reason,
            o.word,
            now,
        )
        for o in taken.outcomes
        if o.result == SET_ASIDE
    ]
    fields = ["source", "file", "row_number", "row", "reason", "word", "at"]
    insert_rows(QuarantinedRow, fields, aside, ignore_conflicts=file is not None)
    return taken


def as_read(row: Mapping[str, str]) -> bytes:
    """A row as it rests in quarantine: encrypted, it may name people."""
    return encrypt(json.dumps(row), "text")


@transaction.atomic
def take_rows(
    source: BehaviourSource,
    rows: Iterable[NumberedRow],
    *,
    file: BehaviourFile | None,
    now: datetime,
) -> Ingested:
    """As `ingest_numbered`, but rows that cannot be read are only told, not set aside."""
    reader = RowReader(source, _words(source), file=file, now=now)
    read = [(number, _read(reader, number, row)) for number, row in rows]
    unique: dict[_Key, Record] = {}
    for _number, found in read:
        for record in found if isinstance(found, list) else ():
            unique.setdefault((record.key, record.external_id), record)
    new = _store(source, file, unique)
    asked = sum(len(found) for _n, found in read if isinstance(found, list))
    made = len(new)
    outcomes = [_outcome(number, found, new) for number, found in read]
    results = [outcome.result for outcome in outcomes]
    return Ingested(
        records=made,
        repeated=asked - made,
        ignored=results.count(IGNORED),
        quarantined=results.count(SET_ASIDE),
        outcomes=outcomes,
    )


def _words(source: BehaviourSource) -> dict[str, int]:
    """What the source may call a business type; its own alias before one of any source."""
    words = dict(BusinessType.objects.values_list("code", "pk"))
    aliases = BusinessTypeAlias.objects.filter(Q(source="") | Q(source=source.name))
    words.update(aliases.order_by("source").values_list("word", "business_type_id"))
    return words


def _read(
    reader: RowReader, number: int, row: Mapping[str, str]
) -> list[Record] | RowProblem:
    try:
        return reader.read(number, row)
    except RowProblem as problem:
        return problem


def _outcome(number: int, found: list[Record] | RowProblem, new: set[_Key]) -> Outcome:
    if isinstance(found, RowProblem):
        return Outcome(number, SET_ASIDE, found.reason, found.word)
    if not found:
        return Outcome(number, IGNORED)
    keys = {(record.key, record.external_id) for record in found}
    is_new = not keys.isdisjoint(new)
    # The first row that brought a record has it: the next one repeats.
    new -= keys
    return Outcome(number, RECORDED if is_new else REPEATED)


def _store(
    source: BehaviourSource, file: BehaviourFile | None, records: dict[_Key, Record]
) -> set[_Key]:
    """Insert those that do not stand yet and roll them up; which they were."""
    if not records:
        return set()
    customers = known_customers(source, (number for _key, number in records))
    file_id = file.pk if file else None
    rows = [
        (source.pk, file_id, r.key, customers.get(r.external_id), r.external_id, *r[2:])
        for r in records.values()
    ]
    new = _copy_new(rows) if is_postgres() else _insert_new(rows)
    facts = [
        (r.business_type_id, customers[r.external_id], r.at, r.amount)
        for key, r in records.items()
        if key in new and r.external_id in customers
    ]
    roll_up(facts, kind=DayRollup.Kind.RECORD)
    return new


class _Copying(Protocol):
    def copy(self, statement: str) -> Any: ...


def _copy_new(rows: Sequence[tuple[Any, ...]]) -> set[_Key]:
    """PostgreSQL: COPY beside the table, then INSERT ... SELECT what is new."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS arriving_behaviour ON COMMIT DELETE ROWS"  # noqa: S608
            f" AS SELECT {_COLUMNS} FROM {_TABLE} WITH NO DATA"
        )
        cursor.execute("TRUNCATE arriving_behaviour")
        raw = cast("_Copying", cursor.cursor)
        with raw.copy(f"COPY arriving_behaviour ({_COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        # In order, so that two writers of the same records wait instead of deadlocking.
        cursor.execute(
            f"INSERT INTO {_TABLE} ({_COLUMNS}) SELECT {_COLUMNS}"  # noqa: S608
            " FROM arriving_behaviour ORDER BY record_key, external_id"
            " ON CONFLICT DO NOTHING RETURNING record_key, external_id"
        )
        return set(cursor.fetchall())


def _insert_new(rows: Sequence[tuple[Any, ...]]) -> set[_Key]:
    """SQLite: large INSERTs."""
    new: set[_Key] = set()
    one = "(" + ", ".join(["%s"] * len(rows[0])) + ")"
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _AT_ONCE):
            batch = rows[start : start + _AT_ONCE]
            values = ", ".join([one] * len(batch))
            cursor.execute(
                f"INSERT INTO {_TABLE} ({_COLUMNS}) VALUES {values}"  # noqa: S608
                " ON CONFLICT DO NOTHING RETURNING record_key, external_id",
                [value for row in batch for value in _plain(row)],
            )
            new.update(cursor.fetchall())
    return new


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row as SQLite takes it: no time zone, no Decimal."""
    *first, at, amount, product, attributes = row
    moment = connection.ops.adapt_datetimefield_value(at)
    return (
        *first,
        moment,
        None if amount is None else str(amount),
        product,
        attributes,
    )
