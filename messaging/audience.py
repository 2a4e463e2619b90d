"""Real customers to look at a text with: one of them, and the longest values of all.

Bounded: at most SAMPLE customers are read, by one statement; names rest encrypted, so
that they are deciphered to be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.db.models import QuerySet

from backoffice.kit.crypto import at_rest, decrypt
from customers.models import Customer
from messaging.fields import values_of
from messaging.text import count_parts, is_gsm

SAMPLE = 2_000


@dataclass(frozen=True)
class Person:
    """A customer as the preview needs them."""

    pk: int
    number: str
    language: str
    attributes: object
    cipher: bytes = field(repr=False)

    @cached_property
    def name(self) -> str:
        return decrypt(self.cipher, "name")

    def values(self, fields: Iterable[str]) -> dict[str, str]:
        return values_of(
            fields, name=self.name, number=self.number, attributes=self.attributes
        )


@dataclass(frozen=True)
class Audience:
    """Who a text is for, as far as we look."""

    people: Sequence[Person]

    @classmethod
    def among(cls, customers: QuerySet[Customer]) -> Audience:
        """The newest SAMPLE of them."""
        columns = ("pk", "external_id", "language", "attributes", at_rest("name"))
        rows = customers.order_by("-pk").values_list(*columns)
        return cls([Person(*row) for row in rows[:SAMPLE]])

    @classmethod
    def speaking(cls, language: str) -> Audience:
        """Of the newest SAMPLE customers those of a language; all where none speaks it."""
        newest = cls.among(Customer.objects.all())
        spoken = [one for one in newest.people if one.language == language]
        return cls(spoken) if spoken else newest

    def person(self, pk: int | None, *, step: int = 0) -> Person | None:
        """The one with that id, or `step` places after them; the first where there is none."""
        if not self.people:
            return None
        places = {one.pk: place for place, one in enumerate(self.people)}
        place = places[pk] + step if pk in places else 0
        return self.people[place % len(self.people)]

    def lacking(self, fields: Iterable[str]) -> dict[str, int]:
        """How many have no value for a field, where somebody has none."""
        fields = list(fields)
        had = [one.values(fields).keys() for one in self.people]
        counts = {name: sum(name not in own for own in had) for name in fields}
        return {name: count for name, count in counts.items() if count}

    def longest(self, fields: Iterable[str]) -> list[dict[str, str]]:
        """Sets of values of which one makes as many parts as any mixture of values can.

        What is longest depends on the encoding, and one value outside GSM-7 decides the
        encoding of the whole text: so a set for each way to measure, and one for each
        field with such a value in it.
        """
        columns = self._columns(list(fields))
        sets = [_each(columns, size) for size in (_septets, len, _utf16)]
        for name, column in columns.items():
            costly = [value for value in column if not is_gsm(value)]
            if costly:
                sets.append({**sets[-1], name: max(costly, key=_utf16)})
        return sets

    def _columns(self, fields: list[str]) -> dict[str, list[str]]:
        """The distinct values of each field that anybody has."""
        given = [one.values(fields) for one in self.people]
        columns = {name: {row[name] for row in given if name in row} for name in fields}
        return {name: [*column] for name, column in columns.items() if column}


def _each(
    columns: Mapping[str, list[str]], size: Callable[[str], int]
) -> dict[str, str]:
    return {name: max(column, key=size) for name, column in columns.items()}


def _septets(value: str) -> int:
    """In GSM-7; what it has not got is shorter than anything that it has."""
    return count_parts(value, rule="gsm").units if is_gsm(value) else 0


def _utf16(value: str) -> int:
    return len(value.encode("utf-16-le")) // 2
