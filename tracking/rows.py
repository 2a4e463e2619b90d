"""One row of a source -> behaviour records, or the reason why not. Pure (C2)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_noop

from .models import BehaviourFile, BehaviourSource

# Our fields that a source's columns are mapped to; `attribute_<name>` beside them.
FIELDS = ("record_key", "external_id", "business_type", "at", "amount", "product")
ATTRIBUTE = "attribute_"

# Stored as they are, shown translated; a reason never holds what the row holds.
NO_CUSTOMER = gettext_noop("The customer number is empty.")
LONG_CUSTOMER = gettext_noop("A customer number is longer than 64 characters.")
NO_KEY = gettext_noop("The record key is empty.")
LONG_KEY = gettext_noop("The record key is longer than 80 characters.")
UNKNOWN_WORD = gettext_noop("The business type is not known: add its word as an alias.")
NO_TIME = gettext_noop("The time is empty.")
BAD_TIME = gettext_noop("The time is not written in the source's date format.")
BAD_AMOUNT = gettext_noop("The amount is not a number with at most two decimals.")
LONG_PRODUCT = gettext_noop("The product is longer than 60 characters.")
BAD_CHARACTERS = gettext_noop("The row holds characters that cannot be stored.")
REASONS = (
    NO_CUSTOMER,
    LONG_CUSTOMER,
    NO_KEY,
    LONG_KEY,
    UNKNOWN_WORD,
    NO_TIME,
    BAD_TIME,
    BAD_AMOUNT,
    LONG_PRODUCT,
    BAD_CHARACTERS,
)

_to_json = json.JSONEncoder(ensure_ascii=False).encode
_SEVERAL = re.compile(r"[;|,]")
_AMOUNT = re.compile(r"[+-]?(\d{1,12}|\d{1,3}(,\d{3}){1,3})(\.\d{0,2}0*)?", re.ASCII)


class RowProblem(ValueError):
    """The row cannot become a record; `word` where its business type is unknown."""

    def __init__(self, reason: str, word: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.word = word


class Record(NamedTuple):
    """A business record of one user, as it will be stored."""

    key: str
    external_id: str
    business_type_id: int
    at: datetime
    amount: Decimal | None
    product: str
    attributes: str  # a JSON object


class RowReader:
    """Reads the rows of one source.

    `words`: what the source may call a business type -> its id. Without mapped columns
    a row speaks our own field names.
    """

    def __init__(
        self,
        source: BehaviourSource,
        words: Mapping[str, int],
        *,
        file: BehaviourFile | None,
        now: datetime,
    ) -> None:
        mapped: dict[str, str] = {k: v for k, v in source.columns.items() if v}
        self._own_names = not mapped
        self._column = mapped or {name: name for name in FIELDS}
        self._attributes = _attributes_of(mapped)
        self._words = words
        self._ignored = set(source.ignored_words)
        self._default = source.default_type_id
        self._format = source.date_format
        self._zone = source.time_zone
        self._file = file
        self._now = now

    def read(self, number: int, row: Mapping[str, str]) -> list[Record]:
        """The records of a row, one a user; none where it has no business type.

        Raises RowProblem with the reason.
        """
        if self._file is None:
            _check_characters(row)  # a file has been decoded and looked through
        type_id = self._type(self._cell(row, "business_type") or "")
        if type_id is None:
            return []
        key = self._key(number, row)
        at, amount = self._at(row), _amount(self._cell(row, "amount") or "")
        product = self._cell(row, "product") or ""
        if len(product) > 60:
            raise RowProblem(LONG_PRODUCT)
        attributes = self._extra(row)
        return [
            Record(key, user, type_id, at, amount, product, attributes)
            for user in _users(self._cell(row, "external_id") or "")
        ]

    def _cell(self, row: Mapping[str, str], field: str) -> str | None:
        """The cell of our field; None where the row has no such column."""
        value = row.get(self._column.get(field, ""))
        return value.strip() if value else value

    def _type(self, word: str) -> int | None:
        if word in self._ignored:
            return None
        if not word:
            return self._default
        try:
            return self._words[word]
        except KeyError:
            # A word that fits no alias cannot be added as one.
            raise RowProblem(UNKNOWN_WORD, word if len(word) <= 80 else "") from None

    def _key(self, number: int, row: Mapping[str, str]) -> str:
        key = self._cell(row, "record_key")
        if key is None and self._file:
            return f"{self._file.sha256}:{number}"
        if not key:
            raise RowProblem(NO_KEY)
        if len(key) > 80:
            raise RowProblem(LONG_KEY)
        return key

    def _at(self, row: Mapping[str, str]) -> datetime:
        """When it happened; the moment of ingestion where the source does not say."""
        text = self._cell(row, "at")
        if text is None:
            return self._now
        if not text:
            raise RowProblem(NO_TIME)
        try:
            return _moment(text, self._format, self._zone)
        except (ValueError, OverflowError):
            raise RowProblem(BAD_TIME) from None

    def _extra(self, row: Mapping[str, str]) -> str:
        pairs = self._attributes
        if self._own_names:
            own = (name for name in row if name not in FIELDS)
            pairs = [(name.removeprefix(ATTRIBUTE), name) for name in own]
        found = {name: row[column] for name, column in pairs if row.get(column)}
        return _to_json(found) if found else "{}"


def mapped_columns(source: BehaviourSource) -> list[str]:
    """The columns that a file of this source must have."""
    return [column for column in source.columns.values() if column] or ["external_id"]


def _attributes_of(mapped: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (field.removeprefix(ATTRIBUTE), column)
        for field, column in mapped.items()
        if field not in FIELDS
    ]


def _check_characters(row: Mapping[str, str]) -> None:
    # One such row would otherwise stop the whole batch in the database.
    text = "".join(row.values())
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RowProblem(BAD_CHARACTERS) from None
    if "\0" in text:
        raise RowProblem(BAD_CHARACTERS)


def _users(cell: str) -> list[str]:
    """One or several customer numbers, each once: `17;18|19,20` (C2)."""
    users = [cell] if cell else []
    if _SEVERAL.search(cell):
        parts = map(str.strip, _SEVERAL.split(cell))
        users = list(dict.fromkeys(part for part in parts if part))
    if not users:
        raise RowProblem(NO_CUSTOMER)
    if max(map(len, users)) > 64:
        raise RowProblem(LONG_CUSTOMER)
    return users


def _amount(text: str) -> Decimal | None:
    if not text:
        return None
    if not _AMOUNT.fullmatch(text):
        raise RowProblem(BAD_AMOUNT)
    return Decimal(text.replace(",", "")).quantize(Decimal("0.01"))


@lru_cache(maxsize=10_000)
def _moment(text: str, date_format: str, zone: str) -> datetime:
    if date_format:
        moment = datetime.strptime(text, date_format)  # noqa: DTZ007  zoned below
    else:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC)
