"""What the Chinese clouds' template channels have in common (providers.md 1, 2.1, 2.2, 2.7)."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from messaging.template_channel import carries_link

from .base import Exchange, Failure, Outcome, Outgoing, Status, Unreadable, cut

# Their consoles, records and callbacks speak this time, without saying so.
CHINA = timezone(timedelta(hours=8))
HOME = "+86"

# The operators' words in a receipt, which the clouds hand through. MK: the handset.
OPERATOR = {
    "EXPIRED": Failure.UNREACHABLE,
    "UNDELIV": Failure.UNREACHABLE,
    "REJECTD": Failure.REJECTED_CONTENT,
    "MBBLACK": Failure.BLOCKED,
    "DBBLACK": Failure.BLOCKED,
    "MK:0001": Failure.INVALID_NUMBER,
    "DB:0101": Failure.INVALID_NUMBER,
    "DB:0144": Failure.BLOCKED,
}
_HANDSET = "MK:"

_MOBILE = re.compile(r"(?:\+?86|0086)?(1\d{10})")


# --- out ---------------------------------------------------------------------------


def sort_out(items: Sequence[Outgoing]) -> tuple[list[Exchange], list[Outgoing]]:
    """What the cloud would refuse anyhow, refused by us; and what may be handed over.

    A text that nobody approved cannot be named to a template channel at all.
    """
    refused = [(item, _refusal(item)) for item in items]
    outcomes = [
        Outcome(item.id, Status.FAILED, failure=failure, code="not handed over")
        for item, failure in refused
        if failure
    ]
    ready = [item for item, failure in refused if not failure]
    return [Exchange(outcomes)] if outcomes else [], ready


def _refusal(item: Outgoing) -> str:
    if item.approved is None:
        return Failure.REJECTED_CONTENT
    if any(carries_link(value) for _name, value in item.approved.variables):
        return Failure.LINK_IN_VALUE
    return ""


def batches(
    items: Sequence[Outgoing], key: Callable[[Outgoing], Hashable], size: int
) -> list[Sequence[Outgoing]]:
    """Requests of one kind each, no phone twice in one: answers and receipts name the phone."""
    times: Counter[str] = Counter()
    groups: dict[Hashable, list[Outgoing]] = {}
    for item in items:
        times[item.phone] += 1
        kind = (key(item), times[item.phone])
        groups.setdefault(kind, []).append(item)
    return [batch for group in groups.values() for batch in cut(group, size)]


def hand_over(
    requests: Sequence[Sequence[Outgoing]],
    deliver: Callable[[Sequence[Sequence[Outgoing]]], list[Exchange]],
) -> list[Exchange]:
    """Deliver requests; what was refused for one SMS of several is delivered again, alone.

    Such an exchange has no outcomes: it took nothing, and did not say which one it was.
    """
    first = deliver(requests)
    alone = [
        [item]
        for batch, exchange in zip(requests, first, strict=True)
        if not exchange.outcomes
        for item in batch
    ]
    return first + deliver(alone)


# --- whose was it? -------------------------------------------------------------------


def echo(items: Sequence[Outgoing]) -> str:
    """The one word that a cloud keeps for a request and tells again, of the SMS in it.

    Our id for one SMS; for several, two letters of each: with the phone beside them they
    say whether a record is an SMS's, and 100 of them fit where 255 characters do.
    """
    if len(items) == 1:
        return str(items[0].id)
    return "".join(_letters(item.id) for item in items)


def echoes(word: str, sms_id: UUID) -> bool:
    """Was the SMS in the request of this word?"""
    alone = echoed_id(word)
    return alone == sms_id if alone else _letters(sms_id) in cut(word, 2)


def echoed_id(word: str) -> UUID | None:
    """The SMS, where the word names a single one."""
    try:
        return UUID(word) if len(word) == 36 else None
    except ValueError:
        return None


def _letters(sms_id: UUID) -> str:
    # From the end: an id begins with its time.
    return urlsafe_b64encode(sms_id.bytes[-3:]).decode()[:2]


# --- in --------------------------------------------------------------------------------


def rows(body: bytes) -> list[dict[str, Any]]:
    """A callback's objects; some callbacks are a single one. Raises Unreadable."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(type(error).__name__) from None
    found = said if isinstance(said, list) else [said]
    if not all(isinstance(row, dict) for row in found):
        raise Unreadable("not a list of objects")
    return found


def e164(number: str) -> str:
    """`13800138000`, `8613800138000`, `85291234567` -> E.164, by which a number is found.

    Eleven digits that begin with 1 are a mobile of China, as the clouds take them too.
    """
    mobile = _MOBILE.fullmatch(number)
    return f"{HOME}{mobile[1]}" if mobile else "+" + number.lstrip("+0")


def local_time(text: Any) -> datetime | None:
    """`2026-11-21 08:03:04` as the clouds write it; None where it is no such time."""
    try:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=CHINA)
    except (TypeError, ValueError):
        return None


def operator_failure(word: str) -> str:
    """Why an operator did not deliver."""
    passing = Failure.UNREACHABLE if word.startswith(_HANDSET) else Failure.OTHER
    return OPERATOR.get(word, passing)
