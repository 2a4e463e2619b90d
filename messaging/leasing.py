"""A worker's hold on a chunk, and the fence that it sets around what it hands over next."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from backoffice.kit.bulk import is_postgres
from backoffice.kit.clock import DatabaseClock
from backoffice.kit.failpoints import failpoint

from .models import Chunk, Message, ProviderAccount

_TABLE = Message._meta.db_table


class Lease:
    """Our hold on a chunk, renewed while we work on it; somebody else's once it ran out."""

    def __init__(self, chunk: Chunk, clock: DatabaseClock, *, seconds: int) -> None:
        self.chunk, self.clock, self.seconds = chunk, clock, seconds
        # Where it ends early: when the chunk is to be taken up again, and why not before.
        self.back_at: datetime | None = None
        self.waiting, self.is_wanted_elsewhere = "", False
        self._began = 0.0
        self.owner = f"{socket.gethostname()[:16]}:{os.getpid()}:{secrets.token_hex(4)}"

    def take(self) -> bool:
        return self.chunk.lease(self.owner, now=self._begin(), seconds=self.seconds)

    def renew(self, account: ProviderAccount) -> bool:
        """True while the chunk is ours and nothing stops it, or sending over the account.

        In a transaction it stays ours until the commit.
        """
        now = self._begin()
        return self.chunk.hold(self.owner, account, now=now, seconds=self.seconds)

    @property
    def has_run_out(self) -> bool:
        return time.monotonic() - self._began >= self.seconds

    def _begin(self) -> datetime:
        self._began = time.monotonic()
        return self.clock.now()

    def come_back(self, at: datetime | None, waiting: str) -> None:
        """When, and what for till then; at once where only this worker must leave."""
        self.back_at, self.waiting = at, waiting
        self.is_wanted_elsewhere = at is None


def fence(
    ids: Sequence[UUID], account: ProviderAccount, signature: str, now: datetime
) -> set[UUID]:
    """`queued -> sending` for those still queued: only they are handed over, and only once."""
    failpoint("before_fence")
    among, which = _among(ids)
    when = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_TABLE} SET status = 10, due_at = NULL, waiting = '', fenced_at = %s, "  # noqa: S608
            f"attempts = attempts + 1, account_id = %s, signature = %s "
            f"WHERE status = 0 AND id {among}",
            [when, account.pk, signature, *which],
        )
        if cursor.rowcount == len(ids):  # nearly always: spares reading them again
            return set(ids)
        cursor.execute(
            f"SELECT id FROM {_TABLE} WHERE status = 10 AND fenced_at = %s AND id {among}",  # noqa: S608
            [when, *which],
        )
        return {_uuid(row[0]) for row in cursor.fetchall()}


def _among(ids: Sequence[UUID]) -> tuple[str, list[Any]]:
    if is_postgres():
        return "= ANY(%s::uuid[])", ["{" + ",".join(map(str, ids)) + "}"]
    return f"IN ({', '.join(['%s'] * len(ids))})", [pk.hex for pk in ids]


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
