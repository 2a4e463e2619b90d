from __future__ import annotations

from backoffice.kit.clock import database_now

from .models import ScreeningRun
from .screening import carry_out, screen


def screen_all() -> dict[str, int]:
    """B2, on schedule."""
    return _counts(screen(scope=ScreeningRun.Scope.ALL, now=database_now()))


def screen_moved() -> dict[str, int]:
    """B4, on schedule."""
    return _counts(screen(scope=ScreeningRun.Scope.MOVED, now=database_now()))


def carry_out_run(run_id: int) -> dict[str, int]:
    """A run that somebody began by button; begun once, done once."""
    run = ScreeningRun.objects.get(pk=run_id)
    if run.finished_at is None:
        carry_out(run, now=run.started_at)
    return _counts(run)


def _counts(run: ScreeningRun) -> dict[str, int]:
    return {
        "screened": run.screened_count,
        "changed": run.changed_count,
        "marked": run.marked_count,
    }
