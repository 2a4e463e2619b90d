"""Customers stored set-based, wherever they come from: file or API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from backoffice.kit.bulk import is_postgres
from backoffice.kit.crypto import blind_index, encrypt
from backoffice.kit.phones import prefix7
from backoffice.kit.upsert import upsert_rows

from .models import Customer

LANGUAGE = "zh-hans"
TIME_ZONE = "Asia/Shanghai"
_FIELDS = (
    "source",
    "external_id",
    "phone",
    "phone_index",
    "prefix_index",
    "name",
    "name_index",
    "language",
    "time_zone",
    "attributes",
    "created_at",
    "updated_at",
)


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """What was said of one customer; `phone` is E.164.

    Of a customer who is known already, an empty name, language or zone changes nothing,
    and attributes are added to those that stand.
    """

    external_id: str
    phone: str
    name: str = ""
    language: str = ""
    time_zone: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """`ids` by customer number; how many were new."""

    ids: dict[str, int]
    added: int


@transaction.atomic
def store_customers(
    known: Sequence[KnownCustomer], *, source: str, now: datetime
) -> Stored:
    """Add customers of one source, or change those known by their number."""
    numbers = [one.external_id for one in known]
    before = Customer.objects.ids_by_number(source, numbers)
    # Who says nothing of language or zone must not reset it: it is not in that update.
    for keep in ((), ("language",), ("time_zone",), ("language", "time_zone")):
        rows = [one for one in known if _unsaid(one) == keep]
        _upsert(rows, source, now, keep)
    ids = Customer.objects.ids_by_number(source, numbers)
    return Stored(ids, len(ids) - len(before))


def _unsaid(one: KnownCustomer) -> tuple[str, ...]:
    return tuple(n for n in ("language", "time_zone") if not getattr(one, n))


def _upsert(
    known: Sequence[KnownCustomer],
    source: str,
    now: datetime,
    keep: Sequence[str],
) -> None:
    changes = {name: value for name, value in _changes().items() if name not in keep}
    upsert_rows(
        Customer,
        _FIELDS,
        [_row(one, source, now) for one in known],
        key=["source", "external_id"],
        update=changes,
    )


def _row(one: KnownCustomer, source: str, now: datetime) -> tuple[object, ...]:
    return (
        source,
        one.external_id,
        encrypt(one.phone, "phone"),
        blind_index(one.phone),
        blind_index(prefix7(one.phone), "prefix"),
        encrypt(one.name, "name"),
        blind_index(one.name, "name") if one.name else None,
        one.language or LANGUAGE,
        one.time_zone or TIME_ZONE,
        json.dumps(dict(one.attributes), ensure_ascii=False),
        now,
        now,
    )


def _changes() -> dict[str, str]:
    merged = (
        "t.attributes || excluded.attributes"
        if is_postgres()
        else "json_patch(t.attributes, excluded.attributes)"
    )
    unnamed = "excluded.name_index IS NULL"
    return {
        "phone": "excluded.phone",
        "phone_index": "excluded.phone_index",
        "prefix_index": "excluded.prefix_index",
        "name": f"CASE WHEN {unnamed} THEN t.name ELSE excluded.name END",
        "name_index": "COALESCE(excluded.name_index, t.name_index)",
        "language": "excluded.language",
        "time_zone": "excluded.time_zone",
        "attributes": merged,
        "updated_at": "excluded.updated_at",
    }
