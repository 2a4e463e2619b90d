"""INSERT ... ON CONFLICT DO UPDATE for many rows: by unnest on PostgreSQL, VALUES on SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models

from .bulk import Row, _column, _plain, arrays, is_postgres, run_bound


def upsert_rows(  # noqa: PLR0913  what an upsert is made of
    model: type[models.Model],
    fields: Sequence[str],
    rows: Sequence[Row],
    *,
    key: Sequence[str],
    update: Mapping[str, str] | Sequence[str],
    where: str = "TRUE",
) -> int:
    """Insert rows, or change those that stand under the same key; returns both counted.

    `update` names the fields to overwrite; as a mapping, field -> SQL over the standing
    row `t` and the new one `excluded`. `where` (same words) leaves a standing row alone.
    Of rows with the same key the last one wins. Values are as for `insert_rows`.
    """
    places = [list(fields).index(name) for name in key]
    unique = list({tuple(row[n] for n in places): row for row in rows}.values())
    if not unique:
        return 0
    columns = [model._meta.get_field(name) for name in fields]
    tail = _on_conflict(model, key, update, where)
    table = connection.ops.quote_name(model._meta.db_table)
    names = ", ".join(map(_column, columns))
    head = f"INSERT INTO {table} AS t ({names}) "
    if is_postgres():
        return _from_arrays(columns, unique, head, tail)
    return _from_values(columns, unique, head, tail)


def _on_conflict(
    model: type[models.Model],
    key: Sequence[str],
    update: Mapping[str, str] | Sequence[str],
    where: str,
) -> str:
    target = ", ".join(_column(model._meta.get_field(name)) for name in key)
    if not update:
        return f" ON CONFLICT ({target}) DO NOTHING"
    changes = []
    for name in update:
        column = _column(model._meta.get_field(name))
        value = update[name] if isinstance(update, Mapping) else f"excluded.{column}"
        changes.append(f"{column} = {value}")
    return f" ON CONFLICT ({target}) DO UPDATE SET {', '.join(changes)} WHERE {where}"


def _from_arrays(
    columns: Sequence[Any], rows: Sequence[Row], head: str, tail: str
) -> int:
    source, params = arrays(columns, rows)
    return run_bound(f"{head} SELECT * FROM {source} {tail}", params)  # noqa: S608


def _from_values(
    columns: Sequence[Any], rows: Sequence[Row], head: str, tail: str
) -> int:
    one = "(" + ", ".join(["%s"] * len(columns)) + ")"
    size = max(1, 30_000 // len(columns))
    touched = 0
    with connection.cursor() as cursor:
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            cursor.execute(
                f"{head} VALUES {', '.join([one] * len(batch))} {tail}",
                [
                    _plain(column, value)
                    for row in batch
                    for column, value in zip(columns, row, strict=True)
                ],
            )
            touched += cursor.rowcount
    return touched
