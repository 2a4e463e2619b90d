"""Quiet hours: marketing and calls wait for the customer's morning (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HOME = "Asia/Shanghai"  # the zone of a number that is no customer's
# Where hours leave no gap for so long, the validity of what waits decides.
MOST_STEPS = 120

Hours = tuple[str, time, time]  # days ("every", "working", "off"), from, until


@dataclass(frozen=True, slots=True)
class Calendar:
    """Quiet hours of a channel; `special`: is a holiday or worked weekend a working day?"""

    hours: tuple[Hours, ...] = ()
    special: Mapping[date, bool] = field(default_factory=dict)

    def on(self, day: date) -> list[tuple[time, time]]:
        works = self.special.get(day, day.weekday() < 5)
        kinds = ("every", "working" if works else "off")
        return [(start, end) for days, start, end in self.hours if days in kinds]


def quiet_until(now: datetime, *, zone: str, calendar: Calendar) -> datetime | None:
    """When the quiet hours around `now` end, by the clock of `zone`; None outside them."""
    local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    at = local
    for _step in range(MOST_STEPS):
        ends = [_end(at, start, end) for start, end in calendar.on(at.date())]
        if (latest := max(ends, default=at)) == at:
            break
        at = latest
    return _instant(at, zone) if at > local else None


def _end(at: datetime, start: time, end: time) -> datetime:
    """When hours of this day that `at` lies in end; `at` itself outside them.

    From 21:00 until 08:00 is before 08:00 and from 21:00 on; equal times are all day.
    """
    clock = at.time()
    tomorrow = datetime.combine(at.date() + timedelta(days=1), time())
    if start < end:
        return datetime.combine(at.date(), end) if start <= clock < end else at
    if start > end and clock < end:
        return datetime.combine(at.date(), end)
    return tomorrow if clock >= start or start == end else at


def _instant(local: datetime, zone: str) -> datetime:
    """The later one where a change of the clocks makes two or none of a wall time."""
    aware = local.replace(tzinfo=ZoneInfo(zone))
    return max(aware.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
