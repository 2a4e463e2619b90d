from __future__ import annotations

from datetime import timedelta

from backoffice.kit.clock import database_now
from backoffice.kit.jobs import later

from .models import ScreeningRun
from .screening import carry_out, screen

CARRY_OUT = "customers.jobs.carry_out_run"
# A wake-up that is not lost is taken within these minutes, unless the lane is full.
LOST_AFTER = timedelta(minutes=2)


def screen_all() -> dict[str, int]:
    """B2, on schedule."""
    return _counts(screen(scope=ScreeningRun.Scope.ALL, now=database_now()))


def screen_moved() -> dict[str, int]:
    """B4, on schedule."""
    return _counts(screen(scope=ScreeningRun.Scope.MOVED, now=database_now()))


def carry_out_run(run_id: int) -> dict[str, int]:
    """A run that somebody began by button, or that a killed worker left: done once."""
    run = ScreeningRun.objects.get(pk=run_id)
    if run.take(database_now()):
        carry_out(run, now=run.started_at)
    return _counts(run)


def sweep_screenings() -> dict[str, int]:
    """Wake runs whose wake-up was lost, or whose worker was killed."""
    now = database_now()
    of_today = ScreeningRun.objects.filter(started_at__gt=now - timedelta(days=1))
    left = of_today.standing(now).filter(started_at__lt=now - LOST_AFTER)
    for pk in (ids := list(left.values_list("pk", flat=True))):
        later(CARRY_OUT, pk, lane="marketing")
    return {"woken": len(ids)}


def _counts(run: ScreeningRun) -> dict[str, int]:
    return {
        "screened": run.screened_count,
        "changed": run.changed_count,
        "marked": run.marked_count,
    }
