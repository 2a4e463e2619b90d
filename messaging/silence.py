"""SMS that no receipt ever came for: after some days they are expired (A6).

A receipt that comes still later raises them all the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from backoffice.platform.models import Parameter

from .models import Chunk, Message

Status = Message.Status

MOST_CHUNKS = 500
MOST_MESSAGES = 50_000
# Something of the chunk is open still: sent later than the rest, or in doubt.
LOOK_AGAIN = timedelta(hours=6)


@transaction.atomic
def expire_silent(now: datetime) -> int:
    """Expire what was sent `receipt_wait_hours` ago and never reported; returns how many.

    The chunks know when to look, so that neither an index holds the status nor a look
    reads more than the messages of some chunks.
    """
    ids = _due(now)
    waits = timedelta(hours=Parameter.read("receipt_wait_hours"))
    # Cleared first: who hands something over meanwhile waits for us and plans anew.
    Chunk.objects.filter(pk__in=ids).update(receipts_due_at=None)
    messages = Message.objects.filter(chunk__in=ids)
    silent = messages.filter(status=Status.SENT, sent_at__lte=now - waits)
    # Locked in the order of their ids, as receipts lock them: neither waits for ever.
    locked = silent.order_by("pk").select_for_update().values("pk")
    expired = Message.objects.filter(pk__in=locked).update(
        status=Status.EXPIRED, failure=Message.Failure.NO_RECEIPT, settled_at=now
    )
    still_open = messages.filter(status__lt=Status.FAILED).values("chunk")
    Chunk.objects.filter(pk__in=still_open).update(receipts_due_at=now + LOOK_AGAIN)
    return expired


def _due(now: datetime) -> list[int]:
    """The chunks to look through in one run: at least one, else not too many messages."""
    due = Chunk.objects.filter(receipts_due_at__lte=now).order_by("receipts_due_at")
    ids: list[int] = []
    messages = 0
    for pk, size in due.values_list("pk", "size")[:MOST_CHUNKS]:
        messages += size
        if ids and messages > MOST_MESSAGES:
            break
        ids.append(pk)
    return ids
