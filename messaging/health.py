"""The weight of provider accounts follows their health, in small steps, each with its reason.

GOV.UK Notify's controller (reliability.md 1): too many errors within a minute, or too many
SMS not delivered in time, take ten points off an account, at most once a minute or once
in five; a quiet quarter of an hour gives ten back. Nothing moves where nobody is well:
there is nobody to take over. A weight that staff hold stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .models import WeightChange

Why = WeightChange.Why

# At most one step in so long, by what it is for.
PAUSES = {Why.ERRORS: timedelta(seconds=60), Why.SLOW: timedelta(minutes=5)}


@dataclass(frozen=True, slots=True)
class Counted:
    """So many SMS of an account within so many seconds, and so many of them wrong."""

    wrong: int = 0
    of: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """An account as the decision sees it: what is wrong with it, if anything."""

    account: int
    lowered: int
    room: int  # points that can still be taken off
    moved_at: datetime | None = None
    is_pinned: bool = False
    errors: Counted | None = None
    slow: Counted | None = None


@dataclass(frozen=True, slots=True)
class Move:
    account: int
    lowered: int
    why: Why
    counted: Counted


def decide(
    seen: Sequence[Seen], *, step: int, back: timedelta, now: datetime
) -> list[Move]:
    """The accounts whose weight moves now: at most one step each."""
    anyone_works = any(one.errors is None for one in seen)
    anyone_quick = any(one.slow is None and one.errors is None for one in seen)
    moves = []
    for one in seen:
        age = now - one.moved_at if one.moved_at else timedelta.max
        down = min(one.lowered + step, one.lowered + one.room)
        if one.is_pinned:
            continue
        if one.errors and anyone_works:
            if age >= PAUSES[Why.ERRORS] and one.room:
                moves.append(Move(one.account, down, Why.ERRORS, one.errors))
        elif one.slow and anyone_quick:
            if age >= PAUSES[Why.SLOW] and one.room:
                moves.append(Move(one.account, down, Why.SLOW, one.slow))
        elif one.lowered and age >= back and not (one.errors or one.slow):
            up = max(0, one.lowered - step)
            moves.append(Move(one.account, up, Why.BACK, Counted()))
    return moves


def breaks(counted: Iterable[Counted], limits: Sequence[Mapping[str, Any]]) -> Any:
    """The first count beyond its limit: both the number and the share; None: all is well."""
    for one, limit in zip(counted, limits, strict=True):
        many = one.wrong > limit["errors"]
        if many and one.wrong >= limit["share"] * one.of:
            return one
    return None


def is_slow(counted: Counted, limit: Mapping[str, Any]) -> Counted | None:
    """The count itself where too large a share of enough SMS was not delivered in time."""
    enough = counted.of >= limit["least"]
    return counted if enough and counted.wrong >= limit["share"] * counted.of else None
