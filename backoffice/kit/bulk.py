"""Rows by the thousand: COPY on PostgreSQL, large batches on SQLite.

A table filled here is filled as its columns say: no field defaults, no signals. Values
are what the database takes (bytes, str, int, UUID, datetime, JSON as a str).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import NoneType
from typing import Any, Protocol, cast
from uuid import UUID

import psycopg
from django.db import connection, models

Row = Sequence[Any]


class _Copying(Protocol):
    def copy(self, statement: str) -> Any: ...


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def insert_rows(
    model: type[models.Model],
    fields: Sequence[str],
    rows: Sequence[Row],
    *,
    same: Mapping[str, Any] | None = None,
    ignore_conflicts: bool = False,
) -> int:
    """Insert rows; returns how many there are now that were not there before.

    `same`: fields that have one value in all of the rows. `ignore_conflicts` needs INSERT,
    so it is slower than COPY: use it where a row may already stand (a re-delivered record,
    a repeated receipt).
    """
    if not rows:
        return 0
    shared = same or {}
    columns = [model._meta.get_field(name) for name in (*fields, *shared)]
    if is_postgres() and not ignore_conflicts:
        return _copy(model, columns, rows, tuple(shared.values()))
    if shared:
        rows = [(*row, *shared.values()) for row in rows]
    if is_postgres():
        return _insert_arrays(model, columns, rows)
    return _insert(model, columns, rows, ignore_conflicts=ignore_conflicts)


def _column(field: Any) -> str:
    return connection.ops.quote_name(cast("str", field.column))


def _copy(
    model: type[models.Model],
    columns: Sequence[Any],
    rows: Sequence[Row],
    shared: Row,
) -> int:
    names = ", ".join(map(_column, columns))
    table = connection.ops.quote_name(model._meta.db_table)
    end = "".join("\t" + _copied(value) for value in shared) + "\n"
    with connection.cursor() as cursor:
        raw = cast("_Copying", cursor.cursor)
        with raw.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            copy.write(end.join(map(_line, rows)) + end)
    return len(rows)


def _line(row: Row) -> str:
    return "\t".join([_COPIED.get(type(value), _copied)(value) for value in row])


def _copied(value: Any) -> str:
    """A value in COPY's text form. psycopg's own writer takes four times as long."""
    known = _COPIED.get(type(value))
    if known is None:  # an enum's member, say
        own = (bytes, str, int, datetime)
        base = next((one for one in own if isinstance(value, one)), str)
        known = _COPIED[base]
    return known(value)


# What would end a column or a row, and the backslash that says so.
_MEANINGFUL = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_COPIED: dict[type, Callable[[Any], str]] = {
    NoneType: lambda _value: r"\N",
    bytes: lambda value: r"\\x" + value.hex(),
    str: lambda value: str(value).translate(_MEANINGFUL),
    int: str,
    bool: str,
    UUID: str,
    datetime: str,
}


def _insert_arrays(
    model: type[models.Model], columns: Sequence[Any], rows: Sequence[Row]
) -> int:
    names = ", ".join(map(_column, columns))
    table = connection.ops.quote_name(model._meta.db_table)
    source, params = arrays(columns, rows)
    return run_bound(
        f"INSERT INTO {table} ({names}) SELECT * FROM {source} ON CONFLICT DO NOTHING",  # noqa: S608
        params,
    )


def _insert(
    model: type[models.Model],
    columns: Sequence[Any],
    rows: Sequence[Row],
    *,
    ignore_conflicts: bool,
) -> int:
    names = ", ".join(map(_column, columns))
    table = connection.ops.quote_name(model._meta.db_table)
    one = "(" + ", ".join(["%s"] * len(columns)) + ")"
    tail = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({names}) VALUES {one}{tail}",  # noqa: S608
            [
                [_plain(c, value) for c, value in zip(columns, row, strict=True)]
                for row in rows
            ],
        )
        return int(cursor.rowcount)


def _plain(field: Any, value: Any) -> Any:
    """What SQLite takes: it knows no UUID, no Decimal and no time zone."""
    if value is None:
        return value
    own = getattr(
        field, "target_field", field
    )  # a foreign key rests as its target does
    return _SQLITE.get(own.get_internal_type(), lambda plain: plain)(value)


_SQLITE: dict[str, Any] = {
    "UUIDField": lambda value: value if isinstance(value, str) else value.hex,
    "DecimalField": str,
    "DateField": str,
    "DateTimeField": lambda value: connection.ops.adapt_datetimefield_value(value),
}


def update_rows(
    model: type[models.Model],
    key: str,
    fields: Sequence[str],
    rows: Sequence[Row],
    *,
    where: str = "TRUE",
) -> int:
    """One UPDATE by key for many rows, each `(key, *values)`; returns the rows changed.

    `where` guards the change: SQL over the row `t` and the new values `v.<column>`.
    """
    if not rows:
        return 0
    columns = [model._meta.get_field(name) for name in (key, *fields)]
    if is_postgres():
        return _update_from_arrays(model, columns, rows, where)
    return _update_from_values(model, columns, rows, where)


def _update_sql(
    model: type[models.Model], columns: Sequence[Any], source: str, where: str
) -> str:
    table = connection.ops.quote_name(model._meta.db_table)
    names = [_column(column) for column in columns]
    changes = ", ".join(f"{name} = v.{name}" for name in names[1:])
    return (
        f"UPDATE {table} AS t SET {changes} FROM {source} "  # noqa: S608
        f"WHERE t.{names[0]} = v.{names[0]} AND ({where})"
    )


def _update_from_arrays(
    model: type[models.Model],
    columns: Sequence[Any],
    rows: Sequence[Row],
    where: str,
) -> int:
    source, params = arrays(columns, rows)
    return run_bound(_update_sql(model, columns, source, where), params)


def run_bound(statement: str, params: Sequence[Any]) -> int:
    """Run a statement of PostgreSQL with parameters bound by the server; rows touched."""
    with _server_bound() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def run_over(
    statement: str,
    model: type[models.Model],
    fields: Sequence[str],
    rows: Sequence[Row],
) -> list[Any]:
    """Run a statement over rows: it calls them `{v}`, with the columns of the fields.

    What it returns. One statement on PostgreSQL; on SQLite one for some thousands of rows.
    """
    if not rows:
        return []
    columns = [model._meta.get_field(name) for name in fields]
    if is_postgres():
        source, params = arrays(columns, rows)
        return _returned(_server_bound(), statement.format(v=source), params)
    found: list[Any] = []
    for source, params in _values(columns, rows):
        found += _returned(connection.cursor(), statement.format(v=source), params)
    return found


def set_for_transaction(**settings: str) -> None:
    """PostgreSQL's settings to the end of this transaction, by one statement."""
    if is_postgres():
        run_bound(
            "SELECT set_config(name, value, true) "
            "FROM unnest(%s::text[], %s::text[]) AS given (name, value)",
            [list(settings), list(settings.values())],
        )


def _returned(opened: Any, statement: str, params: Sequence[Any]) -> list[Any]:
    with opened as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall()) if cursor.description else []


def _server_bound() -> Any:
    """A cursor whose parameters the server of PostgreSQL binds.

    Django's own writes them into the text: for long arrays that takes longer than the
    statement does.
    """
    connection.ensure_connection()
    raw: Any = psycopg.Cursor(cast("Any", connection.connection))
    logged = connection.queries_logged
    wrap = connection.make_debug_cursor if logged else connection.make_cursor
    return wrap(raw)


def arrays(columns: Sequence[Any], rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """Rows as a table `v` to select from, on PostgreSQL, and its parameters.

    A column with the same value in every row goes as that one value: outcomes of a batch
    differ in little. The first column is an array in any case: it makes the rows.
    """
    selected, unnested, marks, params, constants = [], [], [], [], []
    for place, (column, values) in enumerate(
        zip(columns, zip(*rows, strict=True), strict=True)
    ):
        name, kind = _column(column), _text_type(column)
        if place and values.count(values[0]) == len(values):
            selected.append(f"%s::{kind} AS {name}")
            constants.append(values[0])
        else:
            selected.append(f"u.{name}")
            unnested.append(name)
            marks.append(f"%s::{kind}[]")
            params.append(_array(values))
    source = f"unnest({', '.join(marks)}) AS u({', '.join(unnested)})"
    return f"(SELECT {', '.join(selected)} FROM {source}) AS v", [*constants, *params]  # noqa: S608


def _array(values: Sequence[Any]) -> str:
    """An array literal; psycopg dumps a list three times slower."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def _text_type(column: Any) -> str:
    # A cast to varchar(40) would cut a longer value silently; text lets the column refuse.
    return re.sub(r"varchar\(\d+\)", "text", base_type(column.db_type(connection)))


def base_type(db_type: str) -> str:
    """A column's type without serial and identity clauses: what an array may be of."""
    return {"bigserial": "bigint", "serial": "integer"}.get(
        db_type, db_type.split(" GENERATED")[0]
    )


def _update_from_values(
    model: type[models.Model],
    columns: Sequence[Any],
    rows: Sequence[Row],
    where: str,
) -> int:
    changed = 0
    with connection.cursor() as cursor:
        for source, params in _values(columns, rows):
            cursor.execute(_update_sql(model, columns, source, where), params)
            changed += cursor.rowcount
    return changed


def _values(
    columns: Sequence[Any], rows: Sequence[Row]
) -> Iterator[tuple[str, list[Any]]]:
    """Rows as tables `v` of SQLite, which takes so many parameters, with those."""
    names = ", ".join(f"column{n + 1} AS {_column(c)}" for n, c in enumerate(columns))
    one = "(" + ", ".join(["%s"] * len(columns)) + ")"
    size = max(1, 30_000 // len(columns))
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        values = ", ".join([one] * len(batch))
        yield (
            f"(SELECT {names} FROM (VALUES {values})) AS v",  # noqa: S608
            [
                _plain(c, value)
                for row in batch
                for c, value in zip(columns, row, strict=True)
            ],
        )


def chunks(rows: Iterable[Any], size: int) -> Iterable[list[Any]]:
    """Lists of at most `size`."""
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
