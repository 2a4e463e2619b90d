"""The quiet hours that staff set, read for every chunk and therefore kept a moment."""

from __future__ import annotations

import time

from backoffice.platform.models import Parameter

from .models import QuietHours, SpecialDay
from .quiet import Calendar

_known: dict[str, tuple[float, Calendar]] = {}


def calendar_of(channel: str) -> Calendar:
    """A change takes effect as fast as that of a parameter."""
    known = _known.get(channel)
    if known and known[0] > time.monotonic():
        return known[1]
    calendar = _read(channel)
    _known[channel] = (time.monotonic() + Parameter.FRESH, calendar)
    return calendar


def _read(channel: str) -> Calendar:
    hours = QuietHours.objects.filter(channel=channel)
    return Calendar(
        hours=tuple(hours.values_list("days", "start", "end")),
        special=dict(SpecialDay.objects.values_list("day", "is_working")),
    )


def forget() -> None:
    """Read anew: after a change in this process."""
    _known.clear()
