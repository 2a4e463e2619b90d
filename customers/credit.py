"""Credit facts and lines stored set-based, wherever they come from: file, API, source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from backoffice.kit.upsert import upsert_rows

from .conditions import CREDIT_FACTS
from .models import CreditFacts, CreditLine

LINE_FIELDS = ("kind", "product", "amount", "is_open")


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What was said of one customer, by name (`blacklisted`, ...), and when it was so.

    Facts that are not named stay as they are.
    """

    customer_id: int
    facts: Mapping[str, bool]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A credit line; `kind` is light or heavy."""

    customer_id: int
    reference: str
    kind: str
    product: str = ""
    amount: Decimal | None = None
    is_open: bool = True


@transaction.atomic
def store_facts(known: Sequence[KnownFacts], *, source: str) -> int:
    """Store facts; returns how many customers now have them (B2).

    What is older than the stored facts changes nothing. Raises KeyError for an unknown
    fact.
    """
    alike: dict[frozenset[str], list[KnownFacts]] = defaultdict(list)
    for one in known:
        if unknown := set(one.facts) - set(CREDIT_FACTS):
            raise KeyError(min(unknown))
        alike[frozenset(one.facts)].append(one)
    return sum(
        _store_alike(rows, sorted(named), source) for named, rows in alike.items()
    )


def _store_alike(known: list[KnownFacts], named: list[str], source: str) -> int:
    rows = [
        (
            one.customer_id,
            one.as_of,
            source,
            *(bool(one.facts.get(fact, False)) for fact in CREDIT_FACTS),
        )
        for one in sorted(known, key=lambda one: one.as_of)
    ]
    return upsert_rows(
        CreditFacts,
        ["customer", "as_of", "source", *CREDIT_FACTS],
        rows,
        key=["customer"],
        update=["as_of", "source", *named],
        where="t.as_of <= excluded.as_of",
    )


def store_lines(
    lines: Sequence[KnownLine], *, only: Sequence[str] = LINE_FIELDS
) -> int:
    """Add credit lines, or change the fields `only` of those known by their reference."""
    rows = [
        (
            line.customer_id,
            line.reference,
            line.kind,
            line.product,
            line.amount,
            line.is_open,
        )
        for line in lines
    ]
    return upsert_rows(
        CreditLine,
        ["customer", "reference", *LINE_FIELDS],
        rows,
        key=["customer", "reference"],
        update=list(only),
    )
