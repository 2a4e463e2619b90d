"""Sending a chunk: lease, gate, render, fence, hand over, record (design.md, one SMS).

1. Lease the chunk; what a dead worker left `sending` in it becomes `unknown`.
2. Judge its due messages; write down refusals and postponements.
3. In fences of at most 250: `queued -> sending`, committed; the provider is called with
   no transaction open; outcomes are recorded. A kill leaves one fence in doubt, at most.
   A fence and the hold on the chunk are one transaction: who lost the chunk fences nothing.
4. Give the lease back, with the time when something in the chunk is due again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Min

from backoffice.kit.bulk import update_rows
from backoffice.kit.clock import DatabaseClock
from backoffice.kit.failpoints import failpoint
from backoffice.kit.http import Session
from backoffice.kit.jobs import later
from backoffice.platform.models import Parameter

from .approvals import Approvals
from .composing import Ready, compose
from .gate import judge
from .leasing import Lease, fence
from .models import Chunk, Message, ProviderAccount
from .outbox import SEND, Draft
from .pacing import look_again, turn
from .recording import record
from .routing import Assignment, assign, network
from .transports import transport
from .transports.base import Exchange, Outgoing, complete, cut
from .visit import Visit

Status = Message.Status

NO_ROUTE_WAIT = timedelta(seconds=60)


def send_chunk(chunk_id: int, drafts: Sequence[Draft] = ()) -> dict[str, int]:
    """Send what is due in a chunk; counts by what happened. A no-op for who gets no lease.

    `drafts`: what it was made of, from who made it just now.
    """
    chunk = Chunk.objects.get(pk=chunk_id)
    clock = DatabaseClock()
    lease = Lease(chunk, clock, seconds=Parameter.read("lease_seconds"))
    if not lease.take():
        return {}
    counts = _send_leased(lease, drafts)
    failpoint("after_commit")
    due = _next_due(chunk)
    if due and lease.back_at:
        due = max(due, lease.back_at)
    chunk.release(lease.owner, next_at=due, waiting=lease.waiting)
    if due and due <= clock.now():  # left before its end
        later(SEND, chunk.pk, lane=chunk.lane, once=True)
    return dict(counts)


class Frozen(RuntimeError):
    """We stood still behind a fence until the lease ran out: by now it may be sent again."""


def _send_leased(lease: Lease, drafts: Sequence[Draft]) -> Counter[str]:
    chunk, now = lease.chunk, lease.clock.now()
    give_up_on_lost(chunk, now)
    most, room = turn(chunk, now)
    if most == 0:
        lease.come_back(look_again(chunk, room), "rate")
        return Counter()
    judgement = judge(chunk, now=now, most=most, drafts=drafts)
    counts = Counter(refused=len(judgement.refused), postponed=len(judgement.postponed))
    refuse(judgement.refused, now)
    postpone(judgement.postponed, "quiet_hours")
    if not judgement.passed:
        return counts
    versions = {message.version_id for message in judgement.passed}
    over = assign(judgement.passed, network(versions), now=now)
    back_at = now + NO_ROUTE_WAIT
    postpone([(message.id, back_at) for message in over.unrouted], "no_route")
    if over.resting_until:
        lease.come_back(over.resting_until, "throttled")
    return counts + _send_over(lease, over)


def _send_over(lease: Lease, over: Assignment) -> Counter[str]:
    """Account by account. What one of several takes no more of goes to the others at once."""
    counts: Counter[str] = Counter()
    for account, passed in over.ways:
        now = lease.clock.now()
        approvals = Approvals.of(account, {message.version_id for message in passed})
        ready, incomplete = compose(passed, approvals)
        refuse(incomplete, now)
        counts["refused"] += len(incomplete)
        counts += _send_ready(lease, account, ready)
        if lease.is_wanted_elsewhere:
            break
    if over.has_choice and not over.resting_until and lease.waiting == "throttled":
        lease.come_back(None, "")
    return counts


def give_up_on_lost(chunk: Chunk, now: datetime) -> None:
    """`sending` in a chunk whose lease is ours is what a dead worker left: doubt, not failure."""
    lost = chunk.messages.filter(status=Status.SENDING)
    if lost.exists():
        with (
            transaction.atomic()
        ):  # else a kill in between leaves doubt nobody asks about
            lost.update(status=Status.UNKNOWN)
            chunk.ask_soon(now)


def refuse(rows: Sequence[tuple[UUID, str]], now: datetime) -> None:
    """Our own no: final, with its reason (X2)."""
    values = [(pk, Status.REFUSED.value, reason, now, None) for pk, reason in rows]
    fields = ["status", "failure", "settled_at", "due_at"]
    update_rows(Message, "id", fields, values, where="t.status = 0")


def postpone(rows: Sequence[tuple[UUID, datetime]], reason: str) -> None:
    values = [(pk, until, reason) for pk, until in rows]
    update_rows(Message, "id", ["due_at", "waiting"], values, where="t.status = 0")


def _send_ready(
    lease: Lease, account: ProviderAccount, ready: Sequence[Ready]
) -> Counter[str]:
    """Fence by fence: what one call brought is written together with the next fence."""
    counts: Counter[str] = Counter()
    exchanges: list[Exchange] = []
    by_id = {message.id: (message, parts) for message, _out, parts in ready}
    visit = Visit(lease.chunk, account, lease.clock)
    with Session() as http:
        for batch in cut(ready, visit.fence(Parameter.read("fence_size"))):
            if not visit.goes_on([parts for _message, _out, parts in batch]):
                lease.come_back(visit.until, visit.waiting)
                break
            items = [out for _message, out, _parts in batch]
            with transaction.atomic():
                now = lease.clock.now()
                counts += record(account, lease.chunk, exchanges, by_id, now)
                ours = lease.renew(account)
                ids, signed = [out.id for out in items], _signature(account, items[0])
                fenced = fence(ids, account, signed, now) if ours else ()
            if not ours:
                return counts
            items = [out for out in items if out.id in fenced]
            exchanges = _hand_over(lease, account, items, http)
            visit.saw(exchanges)
        with transaction.atomic():
            now = lease.clock.now()
            counts += record(account, lease.chunk, exchanges, by_id, now)
            failpoint("before_commit")
    return counts


def _hand_over(
    lease: Lease, account: ProviderAccount, items: Sequence[Outgoing], http: Session
) -> list[Exchange]:
    """What came of a fence; no outcome is doubt. Raises Frozen."""
    failpoint("after_fence")
    if lease.has_run_out:
        raise Frozen
    exchanges = transport(account.transport).send(account, items, http)
    failpoint("after_send")
    return complete(items, exchanges)


def _signature(account: ProviderAccount, first: Outgoing) -> str:
    """What the texts of a batch are signed with: a chunk has one template version."""
    return first.approved.sign_name if first.approved else account.signature


def _next_due(chunk: Chunk) -> datetime | None:
    queued = chunk.messages.filter(status=Status.QUEUED)
    due: datetime | None = queued.aggregate(next=Min("due_at"))["next"]
    return due
