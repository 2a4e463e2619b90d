"""Push standards (C6): what a criteria tree means, as an oracle and in words.

The window is (as_of - window_days, as_of] to the microsecond for records; the other
kinds are kept by the day (UTC), so theirs is the last `window_days` days, the day of
`as_of` included. `standards_sql.py` says the same to the database; a property test
holds the two equal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from .criteria import OPS, BadCriteria, Leaf, check, leaves, parse_leaf, split

__all__ = [
    "BadCriteria",
    "Fact",
    "Finding",
    "check",
    "explain",
    "holds",
    "in_words",
]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a customer did, or a day of them (`count`). Given oldest recorded first."""

    of: str
    at: datetime
    business_type: str
    amount: Decimal | None = None
    product: str = ""
    attributes: Mapping[str, object] = field(default_factory=dict)
    count: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What a leaf asks, what the customer has, and whether it holds (X2)."""

    question: str
    actual: str
    holds: bool


def holds(
    criteria: object, facts: Sequence[Fact], *, as_of: datetime, types: Collection[str]
) -> bool:
    """Does a customer with these facts meet the standard? `types`: the event's codes (C6)."""
    kind, inner = split(criteria)
    if kind == "leaf":
        return leaf_holds(parse_leaf(inner), facts, as_of=as_of, types=types)
    found = [holds(one, facts, as_of=as_of, types=types) for one in inner]
    return {"all": all(found), "any": any(found), "not": not found[0]}[kind]


def explain(
    criteria: object, facts: Sequence[Fact], *, as_of: datetime, types: Collection[str]
) -> list[Finding]:
    """Every leaf with what the customer has, in the order of the tree."""
    return [
        Finding(
            question=leaf_words(leaf),
            actual=_actual_words(leaf, actual(leaf, facts, as_of=as_of, types=types)),
            holds=leaf_holds(leaf, facts, as_of=as_of, types=types),
        )
        for leaf in leaves(criteria)
    ]


def in_words(criteria: object) -> str:
    """The standard as a sentence that staff can check."""
    kind, inner = split(criteria)
    if kind == "leaf":
        return leaf_words(parse_leaf(inner))
    parts = [in_words(one) for one in inner]
    if kind == "not":
        return _("not (%s)") % parts[0]
    joined = (f" {_('and')} " if kind == "all" else f" {_('or')} ").join(parts)
    return f"({joined})" if len(parts) > 1 else joined


# --- the oracle -------------------------------------------------------------------


def leaf_holds(
    leaf: Leaf, facts: Sequence[Fact], *, as_of: datetime, types: Collection[str]
) -> bool:
    """Nothing done has a count and a sum of 0, and no last time and no attribute."""
    value = actual(leaf, facts, as_of=as_of, types=types)
    return value is not None and OPS[leaf.op](value, leaf.value)


def actual(
    leaf: Leaf, facts: Sequence[Fact], *, as_of: datetime, types: Collection[str]
) -> Any:
    """What the leaf measures; None where there is nothing to measure."""
    within = [
        fact
        for fact in facts
        if fact.of == leaf.of
        and fact.business_type in (leaf.business_types or types)
        and _in_window(leaf, fact.at, as_of)
        and _matches(leaf, fact)
    ]
    if leaf.measure == "count":
        return sum(fact.count for fact in within)
    if leaf.measure == "sum":
        return sum((fact.amount or Decimal(0) for fact in within), Decimal(0))
    if not within:
        return None
    newest = max(enumerate(within), key=lambda pair: (pair[1].at, pair[0]))[1]
    if leaf.measure == "last_days":
        return days_between(newest.at, as_of)
    value = newest.attributes.get(leaf.name)
    return value if isinstance(value, str) else None


def days_between(earlier: datetime, later: datetime) -> Decimal:
    """Exact: a microsecond is a fraction of a day that Decimal holds."""
    gap = later - earlier
    return Decimal(gap // timedelta(microseconds=1)) / Decimal(86_400_000_000)


def _in_window(leaf: Leaf, at: datetime, as_of: datetime) -> bool:
    if leaf.of == "record":
        return as_of - timedelta(days=leaf.window_days) < at <= as_of
    today = as_of.astimezone(UTC).date()
    day = at.astimezone(UTC).date()
    return today - timedelta(days=leaf.window_days) < day <= today


def _matches(leaf: Leaf, fact: Fact) -> bool:
    if leaf.amount is not None:
        op, bound = leaf.amount
        if fact.amount is None or not OPS[op](fact.amount, bound):
            return False
    if leaf.product is not None and fact.product != leaf.product:
        return False
    return all(fact.attributes.get(key) == value for key, value in leaf.attributes)


# --- in words ---------------------------------------------------------------------


def leaf_words(leaf: Leaf) -> str:
    """`business records of the last 365 days (amount > 1000): number >= 2`."""
    text = _("%(what)s of the last %(days)d days") % {
        "what": _kinds()[leaf.of],
        "days": leaf.window_days,
    }
    if narrowed := _where_words(leaf):
        text += f" ({narrowed})"
    measure = _measures()[leaf.measure] % {"name": leaf.name}
    return f"{text}: {measure} {leaf.op.replace('==', '=')} {leaf.value}"


def _kinds() -> dict[str, str]:
    return {
        "record": _("business records"),
        "delivery": _("delivered SMS"),
        "reply": _("replies"),
        "click": _("clicks"),
        "sign_up": _("sign-ups"),
    }


def _measures() -> dict[str, str]:
    return {
        "count": _("number"),
        "sum": _("sum of amounts"),
        "last_days": _("days since the last"),
        "attribute": _("“%(name)s” of the newest"),
    }


def _where_words(leaf: Leaf) -> str:
    words = [", ".join(leaf.business_types)] if leaf.business_types else []
    if leaf.amount:
        words.append(
            f"{_('amount')} {leaf.amount[0].replace('==', '=')} {leaf.amount[1]}"
        )
    if leaf.product is not None:
        words.append(f"{_('product')} = {leaf.product}")
    return ", ".join([*words, *(f"{key} = {value}" for key, value in leaf.attributes)])


def _actual_words(leaf: Leaf, value: Any) -> str:
    if value is None:
        return _("none")
    return str(round(value, 1)) if leaf.measure == "last_days" else str(value)
