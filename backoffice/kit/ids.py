"""Time-ordered identifiers, made before the row is, so that rows go in by COPY."""

from __future__ import annotations

import os
import time
import uuid
from datetime import datetime


def uuid7() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): milliseconds first, so that indexes grow at one end."""
    return uuid7s(1)[0]


def uuid7s(count: int) -> list[uuid.UUID]:
    """Many at once: one clock reading and one call for randomness.

    In rising order: rows that lie as their ids rise are locked in one order by who goes
    through the table and by who goes through the index, so that they do not deadlock.
    """
    head = (time.time_ns() // 1_000_000) << 80 | 0x7 << 76 | 0b10 << 62
    noise = os.urandom(10 * count)
    numbers = []
    for start in range(0, 10 * count, 10):
        bits = int.from_bytes(noise[start : start + 10], "big")
        low = bits & ((1 << 62) - 1)
        mid = (bits >> 62) & 0xFFF
        numbers.append(head | mid << 64 | low)
    numbers.sort()
    return [uuid.UUID(int=number) for number in numbers]


def first_id(moment: datetime) -> uuid.UUID:
    """The lowest id that a row made at a moment can have: rows since then, by their key."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
