from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backoffice import scheduling
from backoffice.cron import KINDS
from backoffice.kit.clock import database_now
from backoffice.platform.models import Schedule, ScheduleRun
from backoffice.scheduling import BadExpression, interval_of, next_due, tick

NIGHTLY = "customers.jobs.screen_all"
OFTEN = "backoffice.scheduling.prune_runs"
NEW_YORK = "America/New_York"  # clocks go back on 2026-11-01, forward on 2026-03-08


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def only(kind: str, **over: object) -> Schedule:
    """The one enabled schedule."""
    Schedule.objects.exclude(kind=kind).update(is_enabled=False)
    Schedule.objects.filter(kind=kind).update(**over)
    return Schedule.objects.get(kind=kind)


@pytest.mark.parametrize(
    ("expression", "zone", "after", "due"),
    [
        ("0 2 * * *", "Asia/Shanghai", "2026-05-01 00:00", "2026-05-01 18:00"),
        ("0 2 * * *", "Asia/Shanghai", "2026-05-01 18:00", "2026-05-02 18:00"),
        ("0 0 29 2 *", "UTC", "2026-01-01 00:00", "2028-02-29 00:00"),
        # 01:30 comes twice that night: the first counts, then the next day
        ("30 1 * * *", NEW_YORK, "2026-11-01 04:00", "2026-11-01 05:30"),
        ("30 1 * * *", NEW_YORK, "2026-11-01 05:30", "2026-11-02 06:30"),
        ("30 1 * * *", NEW_YORK, "2026-11-01 06:10", "2026-11-02 06:30"),
        # 02:30 is left out that night
        ("30 2 * * *", NEW_YORK, "2026-03-08 06:00", "2026-03-08 07:30"),
        ("every 30 seconds", "UTC", "2026-05-01 00:00:10", "2026-05-01 00:00:30"),
        ("every 30 seconds", "UTC", "2026-05-01 00:00:30", "2026-05-01 00:01:00"),
    ],
)
def test_next_due_time(expression, zone, after, due):
    assert next_due(expression, zone, utc(after)) == utc(due)


@pytest.mark.parametrize(
    "expression",
    ["", "every day", "every 0 seconds", "every x seconds", "every 5 hours", "* * * *"]
    + ["* * * * * *", "61 * * * *", "@daily"],
)
def test_nonsense_is_no_expression(expression):
    with pytest.raises(BadExpression):
        interval_of(expression)


@pytest.mark.django_db
@pytest.mark.requirement("B2")
def test_every_kind_of_work_ships_with_a_schedule():
    shipped = dict(Schedule.objects.values_list("kind", "expression"))
    assert shipped.keys() == KINDS.keys()
    for expression in shipped.values():
        interval_of(expression)


@pytest.mark.django_db
@pytest.mark.requirement("B2")
def test_due_schedule_wakes_its_job_once(queued):
    only(NIGHTLY, next_run_at=utc("2026-05-01 18:00"))
    now = utc("2026-05-01 18:00:03")
    assert (tick(now), tick(now)) == (1, 0)
    run = ScheduleRun.objects.get()
    assert run.due_local == "2026-05-02T02:00:00"
    assert queued.jobs == [("backoffice.scheduling.run", (run.pk,), "marketing")]


@pytest.mark.django_db
def test_new_schedule_waits_for_its_first_time(queued):
    only(NIGHTLY)
    assert tick(utc("2026-05-01 12:00")) == 0
    assert Schedule.objects.get(kind=NIGHTLY).next_run_at == utc("2026-05-01 18:00")


@pytest.mark.django_db
def test_two_schedulers_start_one_run(queued):
    schedule = only(NIGHTLY, next_run_at=utc("2026-05-01 18:00"))
    seen = [schedule, Schedule.objects.get(pk=schedule.pk)]  # both read it as due
    now = utc("2026-05-01 18:00:01")
    assert [scheduling._start_if_due(one, now) for one in seen] == [1, 0]


@pytest.mark.django_db
def test_repeated_hour_runs_once(queued):
    only(NIGHTLY, expression="30 1 * * *", time_zone=NEW_YORK)
    start, minutes = utc("2026-11-01 04:00"), range(0, 240, 10)
    assert sum(tick(start + timedelta(minutes=one)) for one in minutes) == 1


@pytest.mark.django_db
def test_schedule_set_back_by_hand_does_not_repeat_a_run(queued):
    only(NIGHTLY, next_run_at=utc("2026-05-01 18:00"))
    tick(utc("2026-05-01 18:00:03"))
    only(NIGHTLY, next_run_at=utc("2026-05-01 18:00"))
    assert tick(utc("2026-05-01 18:01")) == 0


@pytest.mark.django_db
@pytest.mark.parametrize(("missed", "runs"), [("run_once", 1), ("skip", 0)])
def test_missed_runs_follow_the_policy(queued, missed, runs):
    only(NIGHTLY, next_run_at=utc("2026-05-01 18:00"), missed=missed)
    assert tick(utc("2026-05-04 12:00")) == runs
    assert Schedule.objects.get(kind=NIGHTLY).next_run_at == utc("2026-05-04 18:00")


@pytest.mark.django_db
def test_disabled_schedule_does_not_run(queued):
    only(NIGHTLY, next_run_at=utc("2026-05-01 18:00"), is_enabled=False)
    assert tick(utc("2026-05-01 18:01")) == 0


@pytest.mark.django_db
def test_interval_does_not_pile_up_while_no_worker_is_there(queued):
    only(OFTEN, expression="every 10 seconds")
    start = utc("2026-05-01 12:00")
    ticks = [tick(start + timedelta(seconds=one)) for one in range(0, 55, 5)]
    assert sum(ticks) == 1


@pytest.mark.django_db
def test_lost_wake_up_is_sent_again_now_and_then(queued):
    only(NIGHTLY, next_run_at=utc("2026-05-01 18:00"))
    start = utc("2026-05-01 18:00")
    for second in range(0, 50, 5):
        tick(start + timedelta(seconds=second))
    assert len(queued.names) == 3


@pytest.mark.django_db
def test_run_is_taken_by_one_worker(queued):
    now = database_now()
    only(OFTEN, next_run_at=now)
    tick(now)
    run = ScheduleRun.objects.get()
    assert [scheduling.run(run.pk), scheduling.run(run.pk)] == [{"pruned": 0}, {}]
    run.refresh_from_db()
    assert run.finished_at
    assert run.result == {"pruned": 0}


@pytest.mark.django_db
def test_failed_run_says_what_ended_it(queued):
    schedule = Schedule.objects.create(kind="os.abcdef", expression="every 5 seconds")
    run = ScheduleRun.objects.create(
        schedule=schedule, due_local="x", created_at=utc("2026-05-01 18:00")
    )
    with pytest.raises(AttributeError):
        scheduling.run(run.pk)
    run.refresh_from_db()
    assert run.result == {"problem": "AttributeError"}


@pytest.mark.django_db
def test_old_runs_are_forgotten_but_not_waiting_ones():
    now = database_now()
    often = Schedule.objects.get(kind=OFTEN)
    nightly = Schedule.objects.get(kind=NIGHTLY)

    def add(schedule, hours, name, taken=True):
        at = now - timedelta(hours=hours)
        ScheduleRun.objects.create(
            schedule=schedule,
            due_local=name,
            created_at=at,
            taken_at=at if taken else None,
        )

    add(often, 1, "new")
    add(often, 3, "old")
    add(often, 3, "waiting", taken=False)
    add(nightly, 24 * 29, "kept")
    add(nightly, 24 * 31, "gone")
    assert scheduling.prune_runs() == {"pruned": 2}
    kept = set(ScheduleRun.objects.values_list("due_local", flat=True))
    assert kept == {"new", "waiting", "kept"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong", [{"expression": "0 0 30 2 *"}, {"time_zone": "Mars"}, {"expression": ""}]
)
def test_schedule_that_cannot_be_read_stops_no_other(queued, wrong):
    Schedule.objects.exclude(kind__in=[OFTEN, NIGHTLY]).update(is_enabled=False)
    Schedule.objects.filter(kind=OFTEN).update(**wrong)
    Schedule.objects.filter(kind=NIGHTLY).update(next_run_at=utc("2026-05-01 18:00"))
    assert tick(utc("2026-05-01 18:00")) == 1
