"""Sending a chunk: lease, gate, render, fence, hand over, record (design.md, one SMS).

1. Lease the chunk; what a dead worker left `sending` in it becomes `unknown`.
2. Judge its due messages; write down refusals and postponements.
3. In fences of at most 250: `queued -> sending`, committed; the provider is called with
   no transaction open; outcomes are recorded. A kill leaves one fence in doubt, at most.
   A fence and the hold on the chunk are one transaction: who lost the chunk fences nothing.
4. Give the lease back, with the time when something in the chunk is due again.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Min

from backoffice.kit.bulk import is_postgres, update_rows
from backoffice.kit.clock import DatabaseClock
from backoffice.kit.failpoints import failpoint
from backoffice.kit.http import Session
from backoffice.kit.jobs import later
from backoffice.platform.models import Parameter

from .approvals import Approvals, LinkInValue
from .gate import Failure, Passed, judge
from .models import Chunk, Message, ProviderAccount, TemplateVersion
from .outbox import SEND, Draft
from .pacing import look_again, turn
from .recording import record
from .rendering import Compiled, MissingFields
from .routing import Assignment, assign, network
from .text import count_parts
from .transports import transport
from .transports.base import Approved, Exchange, Outgoing, complete, cut
from .visit import Visit

Status = Message.Status

NO_ROUTE_WAIT = timedelta(seconds=60)

Ready = tuple[Passed, Outgoing, int]  # what passed, what leaves, its parts


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
        ready, incomplete = _render(passed, approvals)
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


def _render(
    passed: Sequence[Passed], approvals: Approvals
) -> tuple[list[Ready], list[tuple[UUID, str]]]:
    """Texts with their parts; and who lacks a field or has a link in one (A4)."""
    compiled = _templates({message.version_id for message in passed}, approvals)
    ready: list[Ready] = []
    incomplete: list[tuple[UUID, str]] = []
    rule: Any = approvals.account.parts_rule
    approved: Approved | None = None
    for message in passed:
        values = message.values
        try:
            text = compiled[message.version_id].render(values)
            if approvals.is_needed:
                approved = approvals.fill(message.version_id, values)
        except MissingFields:
            incomplete.append((message.id, Failure.MISSING_FIELD))
            continue
        except LinkInValue:
            incomplete.append((message.id, Failure.LINK_IN_VALUE))
            continue
        out = Outgoing(message.id, message.phone, text, approved)
        ready.append((message, out, count_parts(text, rule=rule).parts))
    return ready, incomplete


def _templates(ids: set[int], approvals: Approvals) -> dict[int, Compiled]:
    versions = TemplateVersion.objects.filter(pk__in=ids)
    return {
        version.pk: version.compiled(approvals.signature(version.pk))
        for version in versions
    }


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
                fenced = _fence(ids, account, signed, now) if ours else ()
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


def _fence(
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


_TABLE = Message._meta.db_table


def _among(ids: Sequence[UUID]) -> tuple[str, list[Any]]:
    if is_postgres():
        return "= ANY(%s::uuid[])", ["{" + ",".join(map(str, ids)) + "}"]
    return f"IN ({', '.join(['%s'] * len(ids))})", [pk.hex for pk in ids]


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _next_due(chunk: Chunk) -> datetime | None:
    queued = chunk.messages.filter(status=Status.QUEUED)
    due: datetime | None = queued.aggregate(next=Min("due_at"))["next"]
    return due
