"""The criteria tree of a push standard: read, checked, its errors named by place (C6).

A tree is `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}` or a leaf:
`{"measure": "count", "of": "record", "op": ">=", "value": 2, "window_days": 365}`.
Measures: `count`; `sum` of amounts; `last_days`, the time since the newest one, in days;
`attribute`, the newest record's attribute by `name` (op `==`). Of what: `record`,
`delivery`, `reply`, `click`, `sign_up`. `where` narrows records: `{"amount": [">", "1000"],
"product": "card", "attributes": {"k": "v"}}`. `business_types` (codes) looks elsewhere
than in the event's own types.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

OPS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
}
KINDS = ("record", "delivery", "reply", "click", "sign_up")
MEASURES = ("count", "sum", "last_days", "attribute")
_NAME = re.compile(r"[\w.-]{1,60}")
_KEYS = {
    *("measure", "of", "op", "value", "window_days"),
    *("where", "name", "business_types"),
}


class BadCriteria(ValueError):
    """The tree cannot be used; the message names the place in it and what to do."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}" if place else text)
        self.place = place


@dataclass(frozen=True, slots=True)
class Leaf:
    """A checked leaf. `value` is text for an attribute, else a number."""

    measure: str
    of: str
    op: str
    value: Decimal | str
    window_days: int
    name: str = ""
    amount: tuple[str, Decimal] | None = None
    product: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    business_types: tuple[str, ...] = ()


def check(criteria: object) -> None:
    """Raise BadCriteria for the first thing wrong with a tree."""
    for _leaf in leaves(criteria):
        pass


def split(criteria: object, place: str = "") -> tuple[str, list[Any]]:
    """("all" | "any" | "not", its members) or ("leaf", [the leaf, its place])."""
    if not isinstance(criteria, dict) or not criteria:
        raise BadCriteria(place, _("an object such as {“all”: […]} is wanted."))
    groups = criteria.keys() & {"all", "any", "not"}
    if not groups:
        return "leaf", [criteria, place]
    if len(criteria) > 1:
        raise BadCriteria(place, _("one of “all”, “any”, “not” and nothing beside it."))
    kind = groups.pop()
    inner = [criteria[kind]] if kind == "not" else criteria[kind]
    if not isinstance(inner, list) or not inner:
        raise BadCriteria(_at(place, kind), _("a list of at least one is wanted."))
    return kind, inner


def leaves(criteria: object, place: str = "") -> Iterator[Leaf]:
    """The leaves from left to right. Raises BadCriteria."""
    kind, inner = split(criteria, place)
    if kind == "leaf":
        yield parse_leaf(inner)
        return
    for number, one in enumerate(inner):
        yield from leaves(
            one, _at(place, kind if kind == "not" else f"{kind}[{number}]")
        )


def _at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def parse_leaf(pair: Sequence[Any]) -> Leaf:
    """A leaf out of what `split` gave. Raises BadCriteria naming the key."""
    raw, place = pair[0], pair[1]
    for key in raw.keys() - _KEYS:
        raise BadCriteria(_at(place, str(key)), _("there is no such key."))
    measure = _one_of(raw, "measure", MEASURES, place)
    of = _one_of(raw, "of", KINDS, place, default="record")
    op = _one_of(raw, "op", tuple(OPS), place)
    if of != "record" and (measure in ("sum", "attribute") or raw.get("where")):
        raise BadCriteria(
            place, _("sum, attribute and “where” are for “of”: “record” only.")
        )
    amount, product, attributes = _where(raw.get("where") or {}, _at(place, "where"))
    return Leaf(
        measure=measure,
        of=of,
        op=op,
        value=_value(raw, measure, op, place),
        window_days=_window(raw, place),
        name=_attribute_name(raw, measure, place),
        amount=amount,
        product=product,
        attributes=attributes,
        business_types=_texts(
            raw.get("business_types", []), _at(place, "business_types")
        ),
    )


def _one_of(
    raw: dict[str, Any], key: str, allowed: tuple[str, ...], place: str, **given: str
) -> str:
    value = raw.get(key, given.get("default"))
    if value not in allowed:
        raise BadCriteria(
            _at(place, key), _("one of %s is wanted.") % ", ".join(allowed)
        )
    return str(value)


def _value(raw: dict[str, Any], measure: str, op: str, place: str) -> Decimal | str:
    at = _at(place, "value")
    if measure == "attribute":
        if op != "==" or not isinstance(raw.get("value"), str):
            raise BadCriteria(at, _("an attribute is compared by “==” with a text."))
        return _text(raw["value"], at)
    if measure == "last_days" and op == "==":
        raise BadCriteria(
            _at(place, "op"), _("last_days is compared by >=, >, <= or <.")
        )
    number = _number(raw.get("value"), at)
    if measure == "last_days" and not 0 <= number <= 36_500:
        raise BadCriteria(at, _("a number of days from 0 is wanted."))
    return number


def _number(value: object, place: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    exact = number.is_finite() and abs(number) < 10**12 and number == round(number, 2)
    if isinstance(value, bool) or not exact:
        raise BadCriteria(place, _("a number with at most two decimals is wanted."))
    return number


def _window(raw: dict[str, Any], place: str) -> int:
    days = raw.get("window_days")
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= 36_500:
        raise BadCriteria(
            _at(place, "window_days"), _("a whole number of days from 1 is wanted.")
        )
    return days


def _attribute_name(raw: dict[str, Any], measure: str, place: str) -> str:
    name = raw.get("name", "")
    if (measure == "attribute") != bool(name):
        raise BadCriteria(
            _at(place, "name"), _("“name” says which attribute; only there.")
        )
    return _checked_name(name, _at(place, "name")) if name else ""


def _checked_name(name: object, place: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadCriteria(
            place, _("a name of letters, digits, “_”, “.” and “-” is wanted.")
        )
    return name


def _where(
    where: object, place: str
) -> tuple[tuple[str, Decimal] | None, str | None, tuple[tuple[str, str], ...]]:
    if not isinstance(where, dict):
        raise BadCriteria(place, _("an object such as {“product”: “card”} is wanted."))
    for key in where.keys() - {"amount", "product", "attributes"}:
        raise BadCriteria(_at(place, str(key)), _("there is no such key."))
    product = where.get("product")
    if product is not None:
        product = _text(product, _at(place, "product"))
    attributes = where.get("attributes", {})
    if not isinstance(attributes, dict):
        raise BadCriteria(_at(place, "attributes"), _("an object is wanted."))
    at = _at(place, "attributes")
    pairs = tuple(
        (_checked_name(key, at), _text(value, f"{at}.{key}"))
        for key, value in attributes.items()
    )
    return _where_amount(where.get("amount"), _at(place, "amount")), product, pairs


def _where_amount(amount: object, place: str) -> tuple[str, Decimal] | None:
    if amount is None:
        return None
    if not isinstance(amount, list) or len(amount) != 2 or amount[0] not in tuple(OPS):
        raise BadCriteria(place, _("a pair such as [“>”, “1000”] is wanted."))
    return amount[0], _number(amount[1], place)


def _texts(values: object, place: str) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise BadCriteria(place, _("a list of codes is wanted."))
    return tuple(_text(value, place) for value in values)


def _text(value: object, place: str) -> str:
    # PostgreSQL keeps no NUL.
    if not isinstance(value, str) or "\0" in value:
        raise BadCriteria(place, _("a text is wanted."))
    return value
