"""The database's clock: claims and leases of many hosts agree on no other."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone


def database_now() -> datetime:
    """Now, by the database's server; the machine's own clock on SQLite (one host)."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)


class DatabaseClock:
    """The database's clock, asked once and carried on by this machine's monotonic one."""

    def __init__(self) -> None:
        self._began, self._at = database_now(), time.monotonic()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=time.monotonic() - self._at)
