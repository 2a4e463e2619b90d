"""Do the amounts and dates in a notice's free text agree with its fields? (A1, A4)

What is sent are the fields; a text that says otherwise shows that one of them is wrong,
and a wrong sum or day must not go out. What may be meant otherwise holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from campaigns.stated_amounts import amounts
from campaigns.stated_dates import dates, tells_of_the_past
from messaging.rendering import format_values


@dataclass(frozen=True, slots=True)
class Difference:
    """What the text says of a field, in its own words, and what the field says."""

    field: str
    stated: str
    given: str


def differences(
    text: str, *, amount: Decimal | None, due_on: date | None, send_on: date | None
) -> list[Difference]:
    """Where the text contradicts a field that was given; empty where all may agree.

    An amount contradicts where none in the text is the field's, and one is no fee,
    limit, balance or "about". A date contradicts `due_on` where none in the text is that
    day, and one is called the deadline, or is the only one in a text that tells of
    nothing past; the day of sending contradicts nothing.
    """
    return [*_amount(text, amount), *_due_on(text, due_on, send_on)]


def _amount(text: str, amount: Decimal | None) -> Iterator[Difference]:
    stated = amounts(text) if amount is not None else []
    if amount is None or any(one.agrees(amount) for one in stated):
        return
    for one in stated:
        if not one.is_aside:
            yield Difference("amount", one.written, _written(amount))
            return


def _due_on(
    text: str, due_on: date | None, send_on: date | None
) -> Iterator[Difference]:
    stated = dates(text) if due_on else []
    if due_on is None or any(one.agrees(due_on) for one in stated):
        return
    is_alone = len(stated) == 1 and not tells_of_the_past(text)
    for one in stated:
        is_today = send_on is not None and one.agrees(send_on) and not one.is_due
        if one.is_due or (is_alone and not one.is_aside and not is_today):
            yield Difference("due_on", one.written, due_on.isoformat())
            return


def _written(amount: Decimal) -> str:
    return format_values({"amount": amount}, language="en")["amount"]
