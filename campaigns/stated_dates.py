"""Dates that a text states, as people write them in Chinese and English.

"21/11/2026" stands for each reading it has; a date without a year for every year. A day
alone ("21日前", "本月21日", "tomorrow") is not read: it says too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import permutations

from campaigns.stated_amounts import folded

_HAN = dict(zip("〇零一二三四五六七八九", "00123456789", strict=True))
_NAMES = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
# "may" in small letters is a verb.
_MONTHS = {
    form: number
    for number, name in enumerate(_NAMES, start=1)
    for word in {name, name[:3], "sept" if name == "september" else name}
    for form in {word.title(), word.upper(), *([word] if word != "may" else [])}
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_PATTERNS = [
    re.compile(
        r"(?:(?P<y>[0-9]{4}|[0-9]{2}|[〇零一二三四五六七八九]{4}|[〇零一二三四五六七八九]{2})\s?年\s?)?"
        r"(?<![0-9])(?P<m>[0-9]{1,2}|[一二三四五六七八九十]{1,3})\s?月\s?"
        r"(?P<d>[0-9]{1,2}|[一二三四五六七八九十]{1,3})\s?[日号]"
    ),
    re.compile(
        r"(?<![0-9./-])(?P<y>[0-9]{4})\s?[-/.]\s?(?P<m>[0-9]{1,2})\s?[-/.]\s?(?P<d>[0-9]{1,2})(?![0-9])"
    ),
    re.compile(
        rf"(?<![0-9A-Za-z])(?P<d>[0-9]{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?[\s-]*(?P<m>{_MONTH})(?![A-Za-z])"
        r"(?:[.,]?[\s-]*(?P<y>[0-9]{4})(?![0-9:]))?"
    ),
    re.compile(
        rf"(?<![A-Za-z])(?P<m>{_MONTH})\.?\s*(?P<d>[0-9]{{1,2}})(?:st|nd|rd|th)?(?![0-9:])"
        r"(?:,?\s+(?P<y>[0-9]{4})(?![0-9:]))?"
    ),
    # Last of all: which of its numbers is which is not known.
    re.compile(
        r"(?<![0-9./-])(?P<one>[0-9]{1,2})(?P<sign>\s?[./-]\s?)(?P<two>[0-9]{1,2})(?P=sign)"
        r"(?P<three>[0-9]{4}|(?<=/)[0-9]{2})(?![./-]?[0-9])"
    ),
]
# Of a deadline: before the date in its clause, or right behind it.
_DUE_BEFORE = re.compile(
    r"到期|还款日|应还|扣款|扣收|期限|截止日|最[后迟晚]|\bby\s*$|\bbefore\s*$|\bdue\b|deadline|no later than|payable"
    r"|\bdebit|deduct|\brepay|\bpay\b",
    re.IGNORECASE,
)
_DUE_AFTER = re.compile(
    r"^[^0-9]{0,4}(?:之|以)?前(?![往来述期])|^[^0-9]{0,6}(?:到期|扣款|扣收|还清|为?(?:最后|您的)?还款日)"
    r"|^\s*(?:is|was)?\s*(?:the |your )?(?:due\b|deadline|last day)",
    re.IGNORECASE,
)
# It says from when, or how things stood: no deadline.
_OTHER_BEFORE = re.compile(
    r"(?:截至|截止到?|自|从|起|计至|\bas (?:of|at)|\bsince|\bfrom|\bdated)\s?:?\s?$",
    re.I,
)
_OTHER_AFTER = re.compile(
    r"^\s?(?:起|之?后|以后|开始|生效|申请|办理|借款|放款|消费|交易|账单)"
)
_RANGE_BEFORE = re.compile(r"[0-9日号]\s?(?:[-~–—至到]|to|until|through)\s?$")
_RANGE_AFTER = re.compile(r"^\s?(?:[-~–—至到]|to|until|through)\s?[0-9]")
# What happened is told with the day it happened on.
_PAST = re.compile(
    r"已|成功|失败|到账|收到|申请|放款|办理|发生|交易|消费|入账|退款|调账|received|credited|\bpaid\b|applied|disbursed"
    r"|refund|posted|booked|failed",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,、。;；!！?？\n]|\.\s")

Reading = tuple[int | None, int, int]  # year where it is given, month, day


@dataclass(frozen=True, slots=True)
class Stated:
    """A date as written. `is_due`: the text calls it a deadline; `is_aside`: it is none."""

    written: str
    readings: frozenset[Reading]
    is_due: bool
    is_aside: bool

    def agrees(self, day: date) -> bool:
        return any(
            year in (None, day.year) and (month, number) == (day.month, day.day)
            for year, month, number in self.readings
        )


def dates(text: str) -> list[Stated]:
    """The dates that a text states, in order."""
    plain = folded(text)
    found = sorted(_found(plain), key=lambda one: one.start())
    return [
        _stated(plain, one, begin=before.end() if before else 0)
        for before, one in zip([None, *found], found, strict=False)
    ]


def tells_of_the_past(text: str) -> bool:
    """Whether a date in it may well be the day on which something happened."""
    return bool(_PAST.search(folded(text)))


def _found(plain: str) -> Iterator[re.Match[str]]:
    taken: list[tuple[int, int]] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(plain):
            free = all(match.end() <= a or match.start() >= b for a, b in taken)
            if free and _readings(match):
                taken.append(match.span())
                yield match


def _stated(plain: str, found: re.Match[str], *, begin: int) -> Stated:
    before = _CLAUSE.split(plain[max(begin, found.start() - 24) : found.start()])[-1]
    after = plain[found.end() : found.end() + 16]
    is_range = _RANGE_BEFORE.search(plain[: found.start()]) or _RANGE_AFTER.search(
        after
    )
    is_other = _OTHER_BEFORE.search(before) or _OTHER_AFTER.search(after)
    is_aside = bool(is_range or is_other)
    due = _DUE_BEFORE.search(before) or _DUE_AFTER.search(after)
    return Stated(found[0], _readings(found), bool(due) and not is_aside, is_aside)


def _readings(found: re.Match[str]) -> frozenset[Reading]:
    groups = found.groupdict()
    if "one" in groups:
        numbers = [groups[name] for name in ("one", "two", "three")]
        orders = (
            permutations(numbers) if len(numbers[2]) == 2 else _day_or_month(numbers)
        )
    else:
        orders = iter([(groups["y"], groups["m"], groups["d"])])
    return frozenset(reading for order in orders if (reading := _reading(*order)))


def _day_or_month(numbers: list[str]) -> Iterator[tuple[str, ...]]:
    one, two, year = numbers
    yield year, one, two
    yield year, two, one


def _reading(year: str | None, month: str, day: str) -> Reading | None:
    number = _year(year) if year else None
    reading = number, _MONTHS.get(month) or _small(month), _small(day)
    try:
        # 29 February stands in a leap year, which a year that is not given may be.
        date(reading[0] or 2000, reading[1], reading[2])
    except ValueError:
        return None
    return reading


def _year(text: str) -> int:
    number = int("".join(_HAN.get(one, one) for one in text))
    return number if number > 99 else 2000 + number


def _small(text: str) -> int:
    """ "21", "二十一", "十" -> a number below a hundred."""
    if text.isascii():
        return int(text)
    tens, ten, units = text.rpartition("十")
    value = int("".join(_HAN.get(one, "") for one in units) or 0)
    return value + (10 * int(_HAN.get(tens, "1") or 1) if ten else 0)
