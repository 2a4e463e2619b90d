"""The user-group table and the day roll-ups: set-based counts of behaviour (C3, X1).

Deliveries and replies are behaviour too: they are counted where they lie, not copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, models, transaction
from django.db.models import Count, Max, QuerySet, Sum

from backoffice.kit.bulk import arrays, is_postgres
from customers.models import BusinessType, Customer
from messaging.models import InboundMessage, Message, Receipt

from .models import DayRollup, ReadPosition, UserGroup

# business type id, customer id, when, amount
Fact = tuple[int, int, datetime, Decimal | None]

BATCH = 5_000
# How long a parked receipt or an unmatched reply may still find its message.
_PATIENCE = timedelta(days=7)
_MOST_WAITING = 20_000

Row = dict[str, Any]


class _Stream(NamedTuple):
    name: str
    model: type[models.Model]
    kind: str
    fields: tuple[str, ...]
    counts: Callable[[Row], bool]
    waits: Callable[[Row], bool]


_COMMON = ("pk", "received_at", "message__business_type_id", "message__customer_id")
_STREAMS = (
    _Stream(
        name="deliveries",
        model=Receipt,
        kind=DayRollup.Kind.DELIVERY,
        fields=("status", "outcome"),
        # A conflict of status delivered was taken too: delivered after failed.
        counts=lambda row: (
            row["status"] == Message.Status.DELIVERED
            and row["outcome"] in (Receipt.Outcome.APPLIED, Receipt.Outcome.CONFLICT)
        ),
        waits=lambda row: row["outcome"] == Receipt.Outcome.PARKED,
    ),
    _Stream(
        name="replies",
        model=InboundMessage,
        kind=DayRollup.Kind.REPLY,
        fields=("message_id",),
        counts=lambda row: row["message_id"] is not None,
        waits=lambda row: row["message_id"] is None,
    ),
)


class GroupLine(NamedTuple):
    """A line of the user-group table: a business type with its user group (C3)."""

    business_type: BusinessType
    members: int
    records: int
    last_at: datetime | None


def user_groups() -> list[GroupLine]:
    """Every business type with the size of its user group, by code (C3)."""
    counted: dict[int, dict[str, Any]] = {
        row["business_type"]: dict(row)
        for row in UserGroup.objects.values("business_type").annotate(
            members=Count("pk"), records=Sum("count"), last=Max("last_at")
        )
    }
    nobody: dict[str, Any] = {"members": 0, "records": 0, "last": None}
    return [
        GroupLine(kind, row["members"], row["records"], row["last"])
        for kind in BusinessType.objects.all()
        for row in [counted.get(kind.pk, nobody)]
    ]


def roll_up(facts: Sequence[Fact], *, kind: str) -> None:
    """Count behaviour into the day roll-ups and, for business records, the groups.

    Call it once for each new fact, in the transaction that makes the fact new: counts
    are added. Facts of customers who are gone are left out.
    """
    if not facts:
        return
    if kind == DayRollup.Kind.RECORD:
        _add_members(facts)
    _add_days(facts, kind)


def _add_members(facts: Iterable[Fact]) -> None:
    rows: dict[tuple[int, int], list[Any]] = {}
    for type_id, customer_id, at, _amount in facts:
        row = rows.get((type_id, customer_id))
        if row is None:
            rows[type_id, customer_id] = [at, at, 1]
            continue
        row[0], row[1] = min(row[0], at), max(row[1], at)
        row[2] += 1
    _upsert(
        UserGroup,
        ("business_type", "customer"),
        {"first_at": _least(), "last_at": _greatest(), "count": "{old} + {new}"},
        [(*key, *rows[key]) for key in sorted(rows)],
    )


def _add_days(facts: Iterable[Fact], kind: str) -> None:
    rows: dict[tuple[Any, ...], list[Any]] = {}
    for type_id, customer_id, at, amount in facts:
        key = (type_id, kind, at.astimezone(UTC).date(), customer_id)
        row = rows.get(key)
        if row is None:
            rows[key] = [1, amount or Decimal(0), at]
            continue
        row[0] += 1
        row[1] += amount or 0
        row[2] = max(row[2], at)
    _upsert(
        DayRollup,
        ("business_type", "kind", "day", "customer"),
        {"count": "{old} + {new}", "total": "{old} + {new}", "last_at": _greatest()},
        [(*key, *rows[key]) for key in sorted(rows)],
    )


def _least() -> str:
    return "LEAST({old}, {new})" if is_postgres() else "MIN({old}, {new})"


def _greatest() -> str:
    return "GREATEST({old}, {new})" if is_postgres() else "MAX({old}, {new})"


def _upsert(
    model: type[models.Model],
    key: Sequence[str],
    changes: dict[str, str],
    rows: Sequence[Sequence[Any]],
) -> None:
    """INSERT rows, each `(*key, *values)`, or change those that stand, in key order.

    Sorted rows let two writers wait for each other instead of deadlocking.
    """
    fields: list[Any] = [model._meta.get_field(name) for name in (*key, *changes)]
    names = [connection.ops.quote_name(field.column) for field in fields]
    sets = ", ".join(
        f"{name} = " + how.format(old=f"t.{name}", new=f"excluded.{name}")
        for name, how in zip(names[len(key) :], changes.values(), strict=True)
    )
    size = len(rows) if is_postgres() else 30_000 // len(fields)
    for start in range(0, len(rows), size):
        values, params = _values(fields, names, rows[start : start + size])
        statement = (
            f"INSERT INTO {model._meta.db_table} AS t ({', '.join(names)}) "  # noqa: S608
            f"SELECT {', '.join('v.' + name for name in names)} FROM {values} "
            f"JOIN {Customer._meta.db_table} c ON c.id = v.customer_id "
            f"JOIN {BusinessType._meta.db_table} b ON b.id = v.business_type_id "
            f"WHERE TRUE ON CONFLICT ({', '.join(names[: len(key)])}) DO UPDATE SET {sets}"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, params)


def _values(
    fields: Sequence[Any], names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> tuple[str, list[Any]]:
    """The rows as a table `v` to select from, with its parameters."""
    if is_postgres():
        return arrays(fields, rows)
    one = "(" + ", ".join(["%s"] * len(fields)) + ")"
    named = ", ".join(f"column{n + 1} AS {name}" for n, name in enumerate(names))
    values = ", ".join([one] * len(rows))
    params = [
        field.get_db_prep_save(value, connection)
        for row in rows
        for field, value in zip(fields, row, strict=True)
    ]
    return f"(SELECT {named} FROM (VALUES {values})) AS v", params  # noqa: S608


def read_messaging(now: datetime) -> dict[str, int]:
    """Count new deliveries and replies into the day roll-ups, each once (X1).

    The position moves in the transaction that counts. Returns the rows counted by name.
    """
    return {stream.name: _drain(stream, now) for stream in _STREAMS}


def _drain(stream: _Stream, now: datetime) -> int:
    head = _finished_head(stream.model)
    ReadPosition.objects.get_or_create(name=stream.name)
    counted = _tell_waiting(stream, now)
    while True:
        read, told = _read_batch(stream, head)
        counted += told
        if read < BATCH:
            return counted


def _finished_head(model: type[models.Model]) -> int:
    """The highest id below which every row is committed or will never be.

    Ids are given before the commit, so a row may show up below one already read. On
    PostgreSQL: see the highest id first, then that nobody else is still writing the
    table; a writer who starts later gets higher ids. Else nothing is read this time.
    SQLite has one writer.
    """
    head: int = model._base_manager.aggregate(head=Max("pk"))["head"] or 0
    return 0 if is_postgres() and _is_being_written(model) else head


def _is_being_written(model: type[models.Model]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = %s::regclass"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid())",
            [model._meta.db_table],
        )
        return bool(cursor.fetchone()[0])


@transaction.atomic
def _read_batch(stream: _Stream, head: int) -> tuple[int, int]:
    """Take the next rows up to `head`: how many were read, and how many counted."""
    position = ReadPosition.objects.select_for_update().get(name=stream.name)
    found = stream.model._base_manager.filter(pk__gt=position.position, pk__lte=head)
    rows = _rows(stream, found.order_by("pk")[:BATCH])
    if not rows:
        return 0, 0
    waiting = [row["pk"] for row in rows if stream.waits(row)]
    position.position = rows[-1]["pk"]
    position.waiting = (position.waiting + waiting)[-_MOST_WAITING:]
    position.save()
    return len(rows), _count(stream, rows)


@transaction.atomic
def _tell_waiting(stream: _Stream, now: datetime) -> int:
    """Count those passed by before that have found their message since."""
    position = ReadPosition.objects.select_for_update().get(name=stream.name)
    if not position.waiting:
        return 0
    rows = _rows(stream, stream.model._base_manager.filter(pk__in=position.waiting))
    position.waiting = [
        row["pk"]
        for row in rows
        if stream.waits(row) and row["received_at"] > now - _PATIENCE
    ]
    position.save()
    return _count(stream, [row for row in rows if not stream.waits(row)])


def _rows(stream: _Stream, found: QuerySet[Any]) -> list[Row]:
    return list(found.values(*_COMMON, *stream.fields))


def _count(stream: _Stream, rows: list[Row]) -> int:
    facts: list[Fact] = [
        (
            row["message__business_type_id"],
            row["message__customer_id"],
            row["received_at"],
            None,
        )
        for row in rows
        if stream.counts(row)
        and row["message__business_type_id"]
        and row["message__customer_id"]
    ]
    roll_up(facts, kind=stream.kind)
    return len(facts)
