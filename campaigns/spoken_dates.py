"""Dates as people say, write or key them, in English and Chinese."""

from __future__ import annotations

import re
from datetime import date

from campaigns import hanzi
from campaigns.spoken_digits import TEENS, TENS, UNITS, digits

_LEAP_YEAR = 2000  # stands for an unknown year: it has a 29 February

_CHINESE = re.compile(
    r"(?:([0-9]{4})年)?([0-9]{1,2})月([0-9]{1,2})(?:[日号]|(?![0-9]))"
)
_YEAR_FIRST = re.compile(
    r"(?<![0-9])([0-9]{4})\s*[-/. ]\s*([0-9]{1,2})\s*[-/. ]\s*([0-9]{1,2})(?![0-9])"
)
_YEAR_LAST = re.compile(
    r"(?<![0-9])([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})(?![0-9])"
)
_MONTH_DAY = re.compile(r"([0-9]{2})-([0-9]{2})")
_MONTHS = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_MONTH_WORD = re.compile(
    r"\b(?:(jan)(?:uary)?|(feb)(?:ruary)?|(mar)(?:ch)?|(apr)(?:il)?|(may)|(june?)|(july?)"
    r"|(aug)(?:ust)?|(sept?)(?:ember)?|(oct)(?:ober)?|(nov)(?:ember)?|(dec)(?:ember)?)\b"
)
_ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
    "eleventh": 11,
    "twelfth": 12,
    "thirteenth": 13,
    "fourteenth": 14,
    "fifteenth": 15,
    "sixteenth": 16,
    "seventeenth": 17,
    "eighteenth": 18,
    "nineteenth": 19,
    "twentieth": 20,
    "thirtieth": 30,
}
_NUMBERS = UNITS | TEENS | TENS | _ORDINALS
_WORD = re.compile(r"[a-z]+|[0-9]+")
_NUMBERED = re.compile(r"\b([0-9]{1,2})(?:st|nd|rd|th)\b")


def iso_date(plain: str) -> str:
    """ "1990-05-20", without a year "05-20", "" where no one date was said.

    `plain` is folded and simplified. "05/06/1990" is two dates, so it is none; keyed
    digits are YYYYMMDD or MMDD.
    """
    text = hanzi.with_digits(plain)
    for read in (_chinese, _numeric, _english):
        if found := read(text):
            return found
    return _compact(digits(text))


def _chinese(text: str) -> str:
    found = _CHINESE.search(text)
    return _iso(found[1], found[2], found[3]) if found else ""


def _numeric(text: str) -> str:
    if found := _YEAR_FIRST.search(text):
        return _iso(*found.groups())
    if found := _YEAR_LAST.search(text):
        return _unordered(*found.groups())
    found = _MONTH_DAY.fullmatch(text)
    return _iso(None, found[1], found[2]) if found else ""


def _unordered(one: str, other: str, year: str) -> str:
    # Day first or month first: told apart only by a number over 12.
    readings = {_iso(year, one, other), _iso(year, other, one)} - {""}
    return readings.pop() if len(readings) == 1 else ""


def _compact(keyed: str) -> str:
    if len(keyed) == 8:
        return _iso(keyed[:4], keyed[4:6], keyed[6:])
    return _iso(None, keyed[:2], keyed[2:]) if len(keyed) == 4 else ""


def _english(text: str) -> str:
    months = list(_MONTH_WORD.finditer(text))
    if len(months) != 1:
        return ""
    month = _MONTHS.index(months[0][0][:3]) + 1
    before = _numbers(text[: months[0].start()])
    after = _numbers(text[months[0].end() :])
    # "20 May 1990", "1990 May 20", "May 20 1990": the day is alone or next to the month.
    if len(before) == 1 and before[0] <= 31:
        day, year = before[0], after
    else:
        day, year = (after[0] if after else 0), before or after[1:]
    return _iso(_year(year), month, day) if _year(year) != "?" else ""


def _numbers(text: str) -> list[int]:
    """ "the twenty first, nineteen ninety one" -> [21, 19, 91]."""
    numbers: list[int] = []
    previous = ""
    for word in _WORD.findall(_NUMBERED.sub(r"\1", text)):
        if word == "thousand" and numbers:
            numbers[-1] *= 1000
        elif (value := _number(word)) is not None:
            _add(numbers, value, previous)
        previous = word if word != "and" else previous
    return numbers


def _add(numbers: list[int], value: int, previous: str) -> None:
    tens_then_unit = previous in TENS and 0 < value < 10
    if numbers and (tens_then_unit or (previous == "thousand" and value < 1000)):
        numbers[-1] += value
    else:
        numbers.append(value)


def _number(word: str) -> int | None:
    return int(word[:9]) if word.isdigit() else _NUMBERS.get(word)


def _year(numbers: list[int]) -> str | None:
    """None where no year was said, "?" where it cannot be read."""
    match numbers:
        case []:
            return None
        case [year] if 1000 <= year <= 9999:
            return str(year)
        case [century, rest] if 10 <= century <= 99 and 10 <= rest <= 99:
            return f"{century}{rest}"
        case [century, 0, rest] if 10 <= century <= 99 and rest <= 9:
            return f"{century}0{rest}"
    return "?"


def _iso(year: str | None, month: str | int, day: str | int) -> str:
    try:
        found = date(int(year or _LEAP_YEAR), int(month), int(day))
    except ValueError:
        return ""
    return found.isoformat() if year else f"{found:%m-%d}"
