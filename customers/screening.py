"""Screening: current credit facts are fetched, then the rule set is run (B1-B5, B8).

Set-based: a chunk of customers is one fetch, one short transaction, and per rule one
SELECT and a handful of bulk statements. `segmentation.decide` is its oracle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from backoffice.kit.bulk import is_postgres
from backoffice.kit.clock import database_now
from backoffice.kit.http import Session

from .applying import Chunk, apply, holding
from .conditions import ANYWHERE
from .models import Customer, Rule, ScreeningRun
from .sources.refresh import Person, Refresher

CHUNK = 5_000
SPARSE_CHUNK = 500  # named one by one in each statement
DEADLINE = 30.0  # seconds for a credit source to answer a batch
_LOCK = 0x5343524E  # a number of our own


def screen(*, scope: str, by: Any = None, now: datetime) -> ScreeningRun:
    """Screen all customers, or only those whom B3 moved (`ScreeningRun.Scope`; B2, B4)."""
    return carry_out(begin(scope=scope, by=by, now=now), now=now)


def begin(*, scope: str, by: Any = None, now: datetime) -> ScreeningRun:
    return ScreeningRun.objects.create(scope=scope, started_by=by, started_at=now)


def carry_out(run: ScreeningRun, *, now: datetime) -> ScreeningRun:
    """Do a run that was begun. It is on record even where it breaks off.

    `result`: how many each rule changed, and `problem` where something failed. A failing
    credit source stops nothing: its customers are screened on their last known facts.
    """
    try:
        with Session(deadline=DEADLINE) as http:
            _screen_chunks(run, Refresher(http), now)
    except Exception as error:
        run.result["problem"] = _("It broke off: %s") % type(error).__name__
        raise
    finally:
        run.finished_at = database_now()
        run.save()
    return run


def _screen_chunks(run: ScreeningRun, refresher: Refresher, now: datetime) -> None:
    rules = list(Rule.objects.in_force().select_related("to_label"))
    size = CHUNK if run.scope == ScreeningRun.Scope.ALL else SPARSE_CHUNK
    for people in _chunks_of(_in_scope(run, rules), size, behind=run.cursor):
        refresher.refresh(people, now=now)
        _screen_chunk(run, rules, people, now)
    if refresher.problems:
        told = [f"{name}: {text}" for name, text in refresher.problems.items()]
        run.result["problem"] = "; ".join(told)


def _note(run: ScreeningRun, rules: Sequence[Rule], changed: Counter[str]) -> None:
    """Write down what came of the run so far: the list shows it, a killed run goes on there."""
    changed += Counter(run.result)
    run.result = dict(changed)
    marking = {rule.code for rule in rules if rule.action == Rule.Action.NO_APPLY}
    run.marked_count = sum(n for code, n in changed.items() if code in marking)
    run.changed_count = changed.total() - run.marked_count
    run.moved_at = database_now()
    run.save()


def _in_scope(run: ScreeningRun, rules: Sequence[Rule]) -> QuerySet[Customer]:
    """B4 re-screens only those whose current label came from a rule that others name."""
    if run.scope == ScreeningRun.Scope.ALL:
        return Customer.objects.all()
    movers = {rule.came_from_id for rule in rules if rule.came_from_id}
    return Customer.objects.filter(holding(ANYWHERE, is_segment=True, rule__in=movers))


def _chunks_of(
    people: QuerySet[Customer], size: int, *, behind: int
) -> Iterator[list[Person]]:
    last = behind
    while True:
        rows = people.filter(pk__gt=last).order_by("pk")
        chunk = list(rows.values_list("pk", "source", "external_id")[:size])
        if not chunk:
            return
        yield chunk
        last = chunk[-1][0]


@transaction.atomic
def _screen_chunk(
    run: ScreeningRun, rules: Sequence[Rule], people: list[Person], now: datetime
) -> None:
    _one_at_a_time()
    ids = [pk for pk, *_rest in people]
    everyone = run.scope == ScreeningRun.Scope.ALL
    chunk = Chunk.between(ids[0], ids[-1]) if everyone else Chunk.of(ids)
    changed = {rule.code: apply(rule, chunk, run=run, now=now) for rule in rules}
    run.cursor, run.screened_count = ids[-1], run.screened_count + len(ids)
    _note(run, rules, Counter(changed))


def _one_at_a_time() -> None:
    """A run on schedule and one by button would otherwise both move the same customer."""
    if is_postgres():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
