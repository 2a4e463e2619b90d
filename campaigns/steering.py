"""A push in mid-flight: paused, resumed, cancelled; and how far ahead its SMS are made.

A pause is a `Stop` of the push's origin. A cancelled push keeps such a stop until nothing
of it waits any more: what a worker has with a provider is finished, nothing new begins.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum

from backoffice.kit.jobs import later
from backoffice.platform.models import AuditEntry
from messaging import stopping
from messaging.models import Chunk, Message, Stop
from messaging.models.stop import lane_target
from messaging.sending import give_up_on_lost

from .models import Push

CANCEL = "campaigns.jobs.cancel_rest"
SWEEP = "campaigns.jobs.sweep_pushes"
LANE = "marketing"
# So many chunks may be due and in no worker's hands before no more of a push are made:
# what cannot be sent yet (a rate, a slow provider) is made when it can, from fresh facts.
MOST_WAITING = 4
CANCEL_MOST = 20  # chunks in one job, so that nothing waits long behind it


def stop_of(push: Push) -> Stop | None:
    """What holds the push, its own pause first; None where nothing does."""
    stops = Stop.objects.of(push.origin, lane_target(LANE))
    return min(stops, key=lambda one: one.target != push.origin, default=None)


def may_make_more(push: Push, now: datetime) -> bool:
    """Is there any use in making another part's messages now?"""
    most = 1 if push.frozen.get("per_minute") else MOST_WAITING
    waiting = Chunk.objects.due(now).filter(origin=push.origin)
    if len(waiting.values_list("pk")[:most]) >= most:
        return False
    return push.status in Push.RUNNING and stop_of(push) is None


def pause(push: Push, *, reason: str, by: Any, now: datetime) -> Stop:
    return stopping.stop(push.origin, label=str(push), reason=reason, by=by, now=now)


def resume(push: Push, *, reason: str, by: Any) -> None:
    for row in Stop.objects.filter(target=push.origin):
        stopping.resume(row, reason=reason, by=by)
    later(SWEEP, lane="service", once=True)


@transaction.atomic
def cancel(push: Push, *, reason: str, by: Any, now: datetime) -> bool:
    """End a running push: what is not handed over never is. False where it is over.

    Its queued messages are cancelled by a job, some chunks at a time.
    """
    running = Push.objects.filter(pk=push.pk, status__in=Push.RUNNING)
    if not running.update(status=Push.Status.CANCELLED, finished_at=now):
        return False
    pause(push, reason=reason, by=by, now=now)
    # Who fills a part holds its row: we wait, and it is none of these any more.
    unmade = push.parts.filter(chunk__isnull=True)
    count = unmade.aggregate(n=Sum("size"))["n"] or 0
    unmade.delete()
    AuditEntry.write(by, "push.cancel", push, reason=reason, not_made=count)
    later(CANCEL, push.pk, lane="service", once=True)
    return True


def cancel_rest(push: Push, now: datetime) -> int:
    """Cancel the messages of some chunks of a cancelled push; how many messages it was."""
    if push.status != Push.Status.CANCELLED:
        return 0
    values = {"label": str(push), "since": now}
    Stop.objects.get_or_create(target=push.origin, defaults=values)
    chunks = Chunk.objects.filter(origin=push.origin)
    held = Q(leased_until__gte=now)
    open_ = chunks.filter(held | Q(next_at__isnull=False))
    ids = list(open_.order_by("leased_until", "pk").values_list("pk", flat=True))
    count = sum(_cancel_chunk(pk, now) for pk in ids[:CANCEL_MOST])
    if not open_.exists():
        Stop.objects.filter(target=push.origin).delete()
    elif len(ids) > CANCEL_MOST:
        later(CANCEL, push.pk, lane="service", once=True)
    return count


@transaction.atomic
def _cancel_chunk(chunk_id: int, now: datetime) -> int:
    """A worker that still has the chunk hands over none of what is cancelled."""
    chunk = Chunk.objects.select_for_update().get(pk=chunk_id)
    queued = chunk.messages.filter(status=Message.Status.QUEUED)
    count = queued.update(
        status=Message.Status.CANCELLED, due_at=None, settled_at=now, waiting=""
    )
    if chunk.leased_until is None or chunk.leased_until < now:
        give_up_on_lost(chunk, now)
        Chunk.objects.filter(pk=chunk_id).update(next_at=None, leased_until=None)
    return count


def cancel_more(now: datetime) -> int:
    """Go on with cancelled pushes of which something was in a worker's hands."""
    stops = Stop.objects.filter(target__startswith="push:")
    ids = [
        int(target.partition(":")[2])
        for target in stops.values_list("target", flat=True)
    ]
    cancelled = Push.objects.filter(pk__in=ids, status=Push.Status.CANCELLED)
    return sum(cancel_rest(push, now) for push in cancelled)
