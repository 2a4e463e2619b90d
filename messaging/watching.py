"""Provider accounts watched: what is counted of each, what is kept, which weight moves.

The reads are bounded: requests of the last minutes by their key, at most so many; SMS by
the chunks that those requests were of. Nothing reads a table as it grows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, F, Max, Q, Sum, When
from django.utils import timezone

from backoffice.kit.ids import first_id
from backoffice.platform.models import Parameter

from .health import Counted, Move, Seen, breaks, decide, is_slow
from .models import AccountHealth, Message, ProviderAccount, Submission, WeightChange

Status = Message.Status

# The newest requests only: a busy minute has hundreds of thousands.
MOST_REQUESTS = 20_000
MOST_JUDGED = (
    2_000  # SMS of an account whose delivery is looked at, and their chunks' rest
)
# An account that delivered nothing for so long may not report deliveries at all.
REPORTS = timedelta(days=1)

Delivery = tuple[Counted, datetime | None]  # and the last delivery


def watch(now: datetime) -> int:
    """Look at every SMS account in use and move weights; returns how many moved.

    One run at a time is enough; a second one finds nothing to move for a minute.
    """
    used = ProviderAccount.objects.filter(channel="sms", is_enabled=True, weight__gt=0)
    accounts = {one.pk: one for one in used}
    step, back = map(Parameter.read, ("weight_step", "weight_back_seconds"))
    moves = decide(
        _look(accounts, now), step=step, back=timedelta(seconds=back), now=now
    )
    return sum(_move(accounts[move.account], move, now) for move in moves)


def _look(accounts: Mapping[int, ProviderAccount], now: datetime) -> list[Seen]:
    """Count, keep what staff see of it, and say what is wrong with whom."""
    limits, slowness = map(Parameter.read, ("account_errors", "slow_delivery"))
    errors = _errors([*accounts], limits, now)
    delivery = _delivery([*accounts], now)
    heard = _note(accounts, errors, delivery, now)
    moved_at = _moved_at([*accounts])
    return [
        Seen(
            account=pk,
            lowered=one.lowered,
            room=one.weight_now,
            moved_at=moved_at.get(pk),
            is_pinned=one.is_pinned,
            errors=breaks(errors[pk], limits),
            slow=is_slow(delivery[pk][0], slowness) if pk in heard else None,
        )
        for pk, one in accounts.items()
    ]


# --- what is counted ----------------------------------------------------------------


# A request that failed as a whole; else what its answer left in doubt.
_FAILED = (
    Q(problem__gt="") | Q(http_status__gte=500) | Q(http_status__in=(401, 402, 403))
)
_WRONG = Case(When(_FAILED, then=F("message_count")), default=F("unknown_count"))


def _errors(
    ids: Sequence[int], limits: Sequence[Mapping[str, Any]], now: datetime
) -> dict[int, list[Counted]]:
    """By account, for each limit, what its time had."""
    sums: dict[str, Any] = {}
    for place, limit in enumerate(limits):
        lately = Q(at__gt=now - timedelta(seconds=limit["seconds"]))
        sums[f"of_{place}"] = Sum("message_count", filter=lately, default=0)
        sums[f"wrong_{place}"] = Sum(_WRONG, filter=lately, default=0)
    rows = _requests(ids, limits, now).order_by().values("account").annotate(**sums)
    found = {
        row["account"]: [
            Counted(row[f"wrong_{place}"], row[f"of_{place}"], limit["seconds"])
            for place, limit in enumerate(limits)
        ]
        for row in rows
    }
    none = [Counted(seconds=limit["seconds"]) for limit in limits]
    return {pk: found.get(pk, none) for pk in ids}


def _requests(
    ids: Sequence[int], limits: Sequence[Mapping[str, Any]], now: datetime
) -> Any:
    longest = max((limit["seconds"] for limit in limits), default=0)
    since = Submission.objects.filter(
        pk__gte=first_id(now - timedelta(seconds=longest)), account__in=ids
    )
    newest = since.order_by("-pk").values("pk")[:MOST_REQUESTS]
    return Submission.objects.filter(pk__in=newest)


def _delivery(ids: Sequence[int], now: datetime) -> dict[int, Delivery]:
    """By account, of the SMS that had their time: how many were not delivered in it."""
    limit = Parameter.read("slow_delivery")
    slower = timedelta(seconds=limit["slower_than"])
    since, until = now - timedelta(seconds=limit["seconds"]), now - slower
    late = Q(status=Status.DELIVERED, settled_at__gt=F("sent_at") + slower)
    handed_over = Message.objects.filter(
        chunk__in=_chunks(ids, since, until),
        account__in=ids,
        sent_at__gt=since,
        sent_at__lte=until,
        # One that failed has come to its end: that is not slowness.
        status__in=(Status.SENT, Status.DELIVERED),
    )
    sums = (
        handed_over.order_by()
        .values("account")
        .annotate(
            wrong=Count("pk", filter=late | Q(status=Status.SENT)),
            of=Count("pk"),
            last=Max("settled_at", filter=Q(status=Status.DELIVERED)),
        )
        .values_list("account", "wrong", "of", "last")
    )
    found = {
        pk: (Counted(wrong, of, limit["seconds"]), last) for pk, wrong, of, last in sums
    }
    return {pk: found.get(pk, (Counted(), None)) for pk in ids}


def _chunks(ids: Sequence[int], since: datetime, until: datetime) -> set[int]:
    """Where the newest SMS of that time are, enough of them of each account."""
    requests = Submission.objects.filter(
        pk__gte=first_id(since), pk__lte=first_id(until), account__in=ids
    ).order_by("-pk")
    chunks, taken = set[int](), dict.fromkeys(ids, 0)
    rows = requests.values_list("account", "chunk", "message_count")
    for account, chunk, count in rows[:MOST_REQUESTS]:
        if taken[account] < MOST_JUDGED:
            taken[account] += count
            chunks.add(chunk)
    return chunks


# --- what is kept ----------------------------------------------------------------------


def _note(
    accounts: Mapping[int, ProviderAccount],
    errors: Mapping[int, Sequence[Counted]],
    delivery: Mapping[int, Delivery],
    now: datetime,
) -> set[int]:
    """Keep what staff see of it; returns the accounts that report deliveries."""
    known = {one.account_id: one for one in AccountHealth.objects.all()}
    last = _last_errors([*accounts], now)
    heard = set()
    for pk, account in accounts.items():
        health = known.get(pk) or AccountHealth(account=account)
        longest = max(errors[pk], key=lambda one: one.seconds, default=Counted())
        health.looked_at = now
        health.submitted, health.errors = longest.of, longest.wrong
        judged, delivered_at = delivery[pk]
        health.judged, health.slow = judged.of, judged.wrong
        health.delivered_at = delivered_at or health.delivered_at
        if pk in last:
            health.last_error_at, health.last_error = last[pk]
        health.save()
        if health.delivered_at and now - health.delivered_at < REPORTS:
            heard.add(pk)
    return heard


def _last_errors(ids: Sequence[int], now: datetime) -> dict[int, tuple[datetime, str]]:
    """The newest of the last minutes, by account, in few words."""
    rows = _requests(ids, Parameter.read("account_errors"), now)
    bad = rows.filter(_FAILED | Q(unknown_count__gt=0)).order_by("pk")
    return {
        account: (at, problem or f"HTTP {status}")
        for account, at, problem, status in bad.values_list(
            "account", "at", "problem", "http_status"
        )
    }


def _moved_at(ids: Sequence[int]) -> dict[int, datetime]:
    rows = WeightChange.objects.filter(account__in=ids).order_by()
    last = rows.values("account").annotate(last=Max("at"))
    return dict(last.values_list("account", "last"))


@transaction.atomic
def _move(account: ProviderAccount, move: Move, now: datetime) -> int:
    """Unless staff changed the account meanwhile; a row says why."""
    same = ProviderAccount.objects.filter(
        pk=account.pk, lowered=account.lowered, weight=account.weight, is_pinned=False
    )
    moved = same.update(lowered=move.lowered)
    if moved:
        was, account.lowered = account.weight_now, move.lowered
        WeightChange.objects.create(
            at=now,
            account=account,
            was=was,
            now=account.weight_now,
            why=move.why,
            counted=asdict(move.counted),
        )
    return moved


@transaction.atomic
def set_weight(
    account: ProviderAccount, weight: int, *, is_pinned: bool, by: Any, reason: str
) -> None:
    """By hand: as given from now on; what its health took off is forgotten."""
    was = account.weight_now
    account.weight, account.is_pinned, account.lowered = weight, is_pinned, 0
    account.save(update_fields=["weight", "is_pinned", "lowered"])
    WeightChange.objects.create(
        at=timezone.now(),
        account=account,
        was=was,
        now=account.weight_now,
        why=WeightChange.Why.HAND,
        by=by,
        reason=reason,
    )
