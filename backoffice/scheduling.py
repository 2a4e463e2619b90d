"""Runs schedules: exactly one run for each schedule and due time, by any number of us.

The unique key of `ScheduleRun` decides between schedulers, and `taken_at` between
workers; Redis carries wake-ups only, so a lost one is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError, transaction
from django.utils import timezone

from backoffice.cron import KINDS
from backoffice.kit.clock import database_now
from backoffice.kit.expressions import BadExpression, interval_of, next_due
from backoffice.kit.jobs import later, resolves
from backoffice.platform.models import Parameter, Schedule, ScheduleRun

logger = logging.getLogger(__name__)

# A run that starts this much after its time was missed: nobody was there to start it.
MISSED_AFTER = timedelta(minutes=5)
# A wake-up that nobody took in this time is sent again: the queue may have lost it, and
# sending is to go on within a minute after an outage (reliability.md, P4).
WAKE_AGAIN = timedelta(seconds=20)


def local_name(due: datetime, zone: str) -> str:
    """The due time as the zone's wall clock shows it: the key of a run."""
    return due.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")


def tick(now: datetime) -> int:
    """Start what is due, send lost wake-ups again; how many runs were started."""
    started = 0
    for schedule in Schedule.objects.enabled().filter(kind__in=KINDS):
        try:
            started += _start_if_due(schedule, now)
        except (BadExpression, ZoneInfoNotFoundError) as error:
            logger.error("schedule %s: %s", schedule.kind, type(error).__name__)
    _wake_again(now)
    return started


def _start_if_due(schedule: Schedule, now: datetime) -> int:
    due = schedule.next_run_at
    if due is not None and due > now:
        return 0
    following = next_due(schedule.expression, schedule.time_zone, now)
    with transaction.atomic():
        mine = Schedule.objects.filter(pk=schedule.pk, next_run_at=due)
        # Another scheduler was faster, or staff changed the row: look again later.
        if not mine.update(next_run_at=following):
            return 0
        if due is None or not _should_run(schedule, due, now):
            return 0
        return _record(schedule, due, now)


def _should_run(schedule: Schedule, due: datetime, now: datetime) -> bool:
    if interval_of(schedule.expression) is not None:
        # Where the last one still waits for a worker, another would only pile up.
        return not schedule.runs.filter(taken_at__isnull=True).exists()
    is_missed = now - due > MISSED_AFTER
    return not is_missed or schedule.missed == Schedule.Missed.RUN_ONCE


def _record(schedule: Schedule, due: datetime, now: datetime) -> int:
    try:
        with transaction.atomic():
            run = ScheduleRun.objects.create(
                schedule=schedule,
                due_local=local_name(due, schedule.time_zone),
                created_at=now,
            )
    except IntegrityError:
        return 0  # it ran: a repeated hour, or a schedule set back by hand
    _wake(run)
    return 1


def _wake(run: ScheduleRun) -> None:
    later("backoffice.scheduling.run", run.pk, lane=KINDS[run.schedule.kind])


def _wake_again(now: datetime) -> None:
    """Those whose wake-up was lost; now and then, so that they do not pile up."""
    waiting = ScheduleRun.objects.filter(
        taken_at__isnull=True,
        created_at__lte=now - WAKE_AGAIN,
        schedule__kind__in=KINDS,
    )
    for one in waiting.select_related("schedule"):
        age = int((now - one.created_at) / WAKE_AGAIN)
        asked = one.result.get("woken", 0)
        woken = {**one.result, "woken": age}
        mine = ScheduleRun.objects.filter(pk=one.pk, taken_at__isnull=True)
        if age > asked and mine.filter(result=one.result).update(result=woken):
            _wake(one)


def run(run_id: int) -> dict[str, int]:
    """The job behind every wake-up: take the run, do the work, note what it counted."""
    one = ScheduleRun.objects.select_related("schedule").filter(pk=run_id).first()
    if one is None or not one.take(timezone.now()):
        return {}
    try:
        result = _counts(resolves(one.schedule.kind))
    except Exception as error:
        _finish(one, {"problem": type(error).__name__})
        raise
    _finish(one, result)
    return result


def _counts(work: Callable[..., object]) -> dict[str, int]:
    found = work()
    return found if isinstance(found, dict) else {}


def _finish(one: ScheduleRun, result: dict[str, int] | dict[str, str]) -> None:
    ScheduleRun.objects.filter(pk=one.pk).update(
        finished_at=timezone.now(), result=result
    )


def prune_runs() -> dict[str, int]:
    """Forget old runs: those of intervals after hours, those of cron after days."""
    now = database_now()
    hours = timedelta(hours=Parameter.read("interval_run_hours"))
    days = timedelta(days=Parameter.read("schedule_run_days"))
    # A waiting run is not forgotten: somebody still has to take it.
    done = ScheduleRun.objects.filter(taken_at__isnull=False)
    intervals = done.filter(schedule__expression__startswith="every ")
    count = intervals.filter(created_at__lt=now - hours).delete()[0]
    return {"pruned": count + done.filter(created_at__lt=now - days).delete()[0]}
