"""When a schedule is due: cron fields of a wall clock, or `every N seconds`."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

MOST_SECONDS = 1_000_000


class BadExpression(ValueError):
    """Neither five cron fields that come to pass some day nor `every N seconds`."""


def interval_of(expression: str) -> int | None:
    """The N of `every N seconds`; None for a cron expression. Raises BadExpression."""
    words = expression.split()
    if words[:1] != ["every"]:
        if len(words) != 5 or not croniter.is_valid(expression):
            raise BadExpression(expression)
        return None
    if len(words) != 3 or words[2] not in ("second", "seconds"):
        raise BadExpression(expression)
    if not words[1].isdecimal() or not 0 < int(words[1]) < MOST_SECONDS:
        raise BadExpression(expression)
    return int(words[1])


def next_due(expression: str, zone: str, after: datetime) -> datetime:
    """The first due time later than `after`, in UTC. Raises BadExpression.

    Cron fields are wall-clock time of the zone: in the hour that a clock change repeats
    a time comes once, in the hour that it leaves out a time comes one hour later.
    """
    seconds = interval_of(expression)
    if seconds is not None:
        slot = int(after.timestamp()) // seconds + 1
        return datetime.fromtimestamp(slot * seconds, UTC)
    # croniter doubles a daily run where it is given zone-aware times: so it is not.
    local = ZoneInfo(zone)
    times = croniter(expression, after.astimezone(local).replace(tzinfo=None))
    while True:
        try:
            wall: datetime = times.get_next(datetime)
        except CroniterError:  # the 31st of February
            raise BadExpression(expression) from None
        due = wall.replace(tzinfo=local).astimezone(UTC)
        if due > after:
            return due
