"""Push standards as SQL (C6): the same meaning as `standards.holds`, for all customers at once.

Each leaf is one grouped read of the behaviour, joined to the customers: it costs the
rows of its window, whatever the size of the table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from backoffice.kit.bulk import is_postgres
from customers.models import BusinessType

from .criteria import BadCriteria, Leaf, check, parse_leaf, split

RECORDS = "tracking_behaviourrecord"
ROLLUPS = "tracking_dayrollup"
# The time since the last one is long where its time is early.
_FLIPPED = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}


@dataclass(slots=True)
class Standard:
    """Joins onto customers `c` and a condition over them, each with its parameters."""

    joins: str = ""
    join_params: list[Any] = field(default_factory=list)
    condition: str = "TRUE"
    condition_params: list[Any] = field(default_factory=list)


def compile_standard(
    criteria: object, *, types: tuple[int, ...], as_of: datetime
) -> Standard:
    """A criteria tree as SQL. `types`: ids of the event's business types.

    Raises BadCriteria, also for a code that no business type has.
    """
    check(criteria)
    compiler = _Compiler(types, as_of)
    condition = compiler.tree(criteria)
    found = compiler.standard
    found.condition = condition
    return found


def db_time(value: datetime) -> Any:
    """A moment as the database's driver wants it in plain SQL."""
    return connection.ops.adapt_datetimefield_value(value)


def marks(values: tuple[Any, ...]) -> str:
    """`(%s, %s)`; an empty list is in nothing."""
    return f"({', '.join(['%s'] * len(values))})" if values else "(NULL)"


class _Compiler:
    def __init__(self, types: tuple[int, ...], as_of: datetime) -> None:
        self.types, self.as_of = types, as_of
        self.standard, self.number = Standard(), 0

    def tree(self, criteria: object) -> str:
        kind, inner = split(criteria)
        if kind == "leaf":
            return self.leaf(parse_leaf(inner))
        parts = [self.tree(one) for one in inner]
        if kind == "not":
            return f"NOT ({parts[0]})"
        return "(" + (" AND " if kind == "all" else " OR ").join(parts) + ")"

    def leaf(self, leaf: Leaf) -> str:
        """Add the leaf's join; returns its condition, true or false and never unknown."""
        name = f"s{self.number}"
        self.number += 1
        where, params = self._rows(leaf)
        sql, more = _grouped(leaf, where)
        self.standard.joins += f" LEFT JOIN ({sql}) {name} ON {name}.customer_id = c.id"
        self.standard.join_params += [*params, *more]
        condition, value = _compared(leaf, name, self.as_of)
        self.standard.condition_params.append(value)
        return condition

    def _rows(self, leaf: Leaf) -> tuple[str, list[Any]]:
        types = _ids(leaf.business_types) if leaf.business_types else self.types
        where = f"customer_id IS NOT NULL AND business_type_id IN {marks(types)}"
        params: list[Any] = [*types]
        if leaf.of == "record":
            start = self.as_of - timedelta(days=leaf.window_days)
            more, extra = _narrowed(leaf)
            return (
                where + " AND at > %s AND at <= %s" + more,
                [*params, db_time(start), db_time(self.as_of), *extra],
            )
        today = self.as_of.astimezone(UTC).date()
        start_day = today - timedelta(days=leaf.window_days)
        days = [connection.ops.adapt_datefield_value(d) for d in (start_day, today)]
        return where + " AND kind = %s AND day > %s AND day <= %s", [
            *params,
            leaf.of,
            *days,
        ]


def _ids(codes: tuple[str, ...]) -> tuple[int, ...]:
    known = dict(BusinessType.objects.filter(code__in=codes).values_list("code", "id"))
    for code in codes:
        if code not in known:
            raise BadCriteria("business_types", _("there is no “%s”.") % code)
    return tuple(known.values())


def _narrowed(leaf: Leaf) -> tuple[str, list[Any]]:
    """The conditions of `where`."""
    sql, params = "", list[Any]()
    if leaf.amount is not None:
        op, bound = leaf.amount
        sql += f" AND {_CENTS} {_sql_op(op)} %s"
        params.append(_cents(bound))
    if leaf.product is not None:
        sql += " AND product = %s"
        params.append(leaf.product)
    for key, value in leaf.attributes:
        condition, more = _attribute(key, value)
        sql += f" AND {condition}"
        params += more
    return sql, params


# Whole cents: SQLite keeps a decimal as a float, whose sums would be off.
_CENTS = "CAST(ROUND(amount * 100) AS bigint)"


def _cents(value: Decimal | str) -> int:
    return int(Decimal(value) * 100)


def _attribute(key: str, value: str) -> tuple[str, list[Any]]:
    if is_postgres():
        return "attributes -> %s = %s::jsonb", [key, json.dumps(value)]
    # The key's letters are checked by standards: no quote can stand in it.
    return "json_extract(attributes, %s) = %s", [f'$."{key}"', value]


def _grouped(leaf: Leaf, where: str) -> tuple[str, list[Any]]:
    """One row a customer, `value` being the measure; parameters after those of `where`."""
    table = RECORDS if leaf.of == "record" else ROLLUPS
    if leaf.measure == "attribute":
        condition, params = _attribute(leaf.name, str(leaf.value))
        sql = (
            "SELECT customer_id, 1 AS value FROM (SELECT customer_id, attributes,"  # noqa: S608
            " ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY at DESC, id DESC) AS nth"
            f" FROM {table} WHERE {where}) newest WHERE nth = 1 AND {condition}"
        )
        return sql, params
    time = "at" if leaf.of == "record" else "last_at"
    measure = {
        "count": "COUNT(*)" if leaf.of == "record" else "SUM(count)",
        "sum": f"SUM({_CENTS})",
        "last_days": f"MAX({time})",
    }[leaf.measure]
    sql = (
        f"SELECT customer_id, {measure} AS value FROM {table} "  # noqa: S608
        f"WHERE {where} GROUP BY customer_id"
    )
    return sql, []


def _compared(leaf: Leaf, name: str, as_of: datetime) -> tuple[str, Any]:
    if leaf.measure == "attribute":
        return f"COALESCE({name}.value = %s, FALSE)", 1
    if leaf.measure == "last_days":
        days = Decimal(leaf.value) * 86_400_000_000
        moment = as_of - timedelta(microseconds=int(days))
        return (
            f"COALESCE({name}.value {_FLIPPED[leaf.op]} %s, FALSE)",
            db_time(moment),
        )
    value = _cents(leaf.value) if leaf.measure == "sum" else _exact(leaf.value)
    return f"COALESCE({name}.value, 0) {_sql_op(leaf.op)} %s", value


def _exact(value: Decimal | str) -> Any:
    """A count is compared with what was asked for, "at least 1.5" too."""
    number = Decimal(value)
    return int(number) if number == int(number) else float(number)


def _sql_op(op: str) -> str:
    return "=" if op == "==" else op
