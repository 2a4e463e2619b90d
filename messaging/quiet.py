"""Quiet hours: marketing waits for the customer's morning (pure)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


def quiet_until(now: datetime, *, zone: str, start: time, end: time) -> datetime | None:
    """When the quiet hours around `now` end, by the clock of `zone`; None outside them.

    The hours may span midnight: 21:00 to 08:00. Equal times mean no quiet hours.
    """
    local = now.astimezone(ZoneInfo(zone))
    clock = local.time().replace(tzinfo=None)
    if start <= end:
        inside = start <= clock < end
        morning = local.date()
    else:
        inside = clock >= start or clock < end
        morning = local.date() + timedelta(days=1 if clock >= start else 0)
    if not inside:
        return None
    return datetime.combine(morning, end, tzinfo=ZoneInfo(zone))
