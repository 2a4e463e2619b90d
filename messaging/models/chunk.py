from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from backoffice.platform.models import Parameter

from .account import ProviderAccount
from .stop import EVERYTHING, account_target, lane_target, stopped_chunk


class ChunkQuerySet(models.QuerySet["Chunk"]):
    def due(self, now: datetime) -> ChunkQuerySet:
        """Those with something to send now that no worker holds and nobody stopped."""
        free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
        return self.filter(free, next_at__lte=now).exclude(stopped_chunk())


class Chunk(models.Model):
    """Messages that one worker sends together: at most a few thousand, often just one.

    The lease is here, not on the messages: its end gives what is still queued back.
    `next_at` is null once nothing of the chunk is queued any more.
    """

    lane = models.CharField(_("lane"), max_length=10)
    # What ordered it, for people and for pausing: "push:12", "notices".
    origin = models.CharField(_("ordered by"), max_length=40)
    size = models.PositiveIntegerField(_("messages"), default=0)
    next_at = models.DateTimeField(_("next due"), null=True)
    leased_until = models.DateTimeField(_("leased until"), null=True)
    lease_owner = models.CharField(max_length=40, blank=True)
    # When the provider is asked next about the chunk's unknown messages.
    query_at = models.DateTimeField(_("next query"), null=True)
    # When those without a receipt are looked through for what has waited too long.
    receipts_due_at = models.DateTimeField(null=True)
    # At most so many of its origin's messages a minute; null: no limit.
    per_minute = models.PositiveIntegerField(null=True)
    # What the whole chunk waits for: "rate", "throttled".
    waiting = models.CharField(max_length=12, blank=True, default="")

    objects = ChunkQuerySet.as_manager()

    class Meta:
        verbose_name = _("chunk")
        verbose_name_plural = _("chunks")
        indexes = [
            # the sweep: what is due in a lane
            models.Index(
                fields=["lane", "next_at"],
                condition=Q(next_at__isnull=False),
                name="chunk_due",
            ),
            models.Index(
                fields=["query_at"],
                condition=Q(query_at__isnull=False),
                name="chunk_query",
            ),
            models.Index(
                fields=["receipts_due_at"],
                condition=Q(receipts_due_at__isnull=False),
                name="chunk_receipts",
            ),
            models.Index(fields=["origin"], name="chunk_origin"),  # a push's progress
        ]

    def __str__(self) -> str:
        return f"{self.origin} #{self.pk}"

    def lease(self, owner: str, *, now: datetime, seconds: int) -> bool:
        """Take the chunk if nobody holds it; true only for the one who got it."""
        until = now + timedelta(seconds=seconds)
        free = Chunk.objects.due(now).filter(pk=self.pk)
        return free.update(leased_until=until, lease_owner=owner) == 1

    def hold(
        self, owner: str, over: ProviderAccount, *, now: datetime, seconds: int
    ) -> bool:
        """Renew the lease before something is handed over; False where it ran out, or
        where sending it, or over the account, is stopped.

        In a transaction the chunk is ours until the commit. Receipts of what is handed
        over are looked for later, once: what is planned already stays.
        """
        waits = timedelta(hours=Parameter.read("receipt_wait_hours"))
        until = now + timedelta(seconds=seconds)
        at = connection.ops.adapt_datetimefield_value
        stops = (
            EVERYTHING,
            self.origin,
            lane_target(self.lane),
            account_target(over.pk),
        )
        with (
            connection.cursor() as cursor
        ):  # each fence asks: the ORM takes five times as long
            cursor.execute(
                _HOLD, [at(until), at(now + waits), self.pk, owner, at(now), *stops]
            )
            return bool(cursor.rowcount == 1)

    def release(
        self, owner: str, *, next_at: datetime | None, waiting: str = ""
    ) -> None:
        """Give the lease back. A `next_at` that somebody set meanwhile is not written over.

        Whoever makes a message queued again sets it, after that; so nothing queued is lost.
        """
        mine = Chunk.objects.filter(pk=self.pk, lease_owner=owner)
        due = Value(next_at, output_field=models.DateTimeField())
        kept = Case(When(next_at=self.next_at, then=due), default=F("next_at"))
        released = mine.update(
            leased_until=None, lease_owner="", next_at=kept, waiting=waiting
        )
        if not released and next_at:
            # Somebody else's by now, and perhaps given back already.
            Chunk.objects.filter(pk=self.pk).update(next_at=next_at)

    def ask_soon(self, now: datetime) -> None:
        """Something of it is in doubt: ask its provider.

        What is planned already stays; the row is locked in any case, against who clears it.
        """
        asks = timedelta(seconds=Parameter.read("unknown_query_after_seconds"))
        at = _unless_planned("query_at", now + asks)
        Chunk.objects.filter(pk=self.pk).update(query_at=at)


_HOLD = """
UPDATE messaging_chunk SET leased_until = %s, receipts_due_at = COALESCE(receipts_due_at, %s)
WHERE id = %s AND lease_owner = %s AND leased_until > %s
  AND NOT EXISTS (SELECT 1 FROM messaging_stop WHERE target IN (%s, %s, %s, %s))
"""


def _unless_planned(column: str, at: datetime) -> Coalesce:
    return Coalesce(column, Value(at, output_field=models.DateTimeField()))
