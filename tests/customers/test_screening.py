from __future__ import annotations

from datetime import timedelta
from itertools import islice

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from backoffice.kit.http import Session
from customers import jobs, screening
from customers.conditions import CREDIT_FACTS
from customers.models import (
    CompletionRequest,
    CreditFacts,
    CreditLine,
    Customer,
    LabelChange,
    NoApplyInterval,
    Rule,
    ScreeningRun,
)
from customers.segmentation import Marked, Relabelled, Standing, decide
from customers.sources.refresh import Refresher
from tests.builders import (
    NOON,
    give_label,
    make_customer,
    make_label,
    make_rule,
    screen_now,
    segment_of,
)
from tests.customers.test_segmentation import shipped

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SEGMENTS = st.sampled_from([None, "light", "heavy", "overlay"])
BY = st.sampled_from([None, "anything_else", "worse_credit"])
FACTS = st.none() | st.fixed_dictionaries({f: st.booleans() for f in CREDIT_FACTS})
LINES = st.lists(st.sampled_from(["light", "heavy"]), unique=True)


class ScreeningAndItsOracle(TestCase):
    @settings(max_examples=50, deadline=None)
    @given(people=st.lists(st.tuples(SEGMENTS, BY, FACTS, LINES), max_size=5))
    def test_agree(self, people):
        rules = {rule.code: rule for rule in Rule.objects.all()}
        expected = set()
        for segment, by, facts, lines in people:
            customer = make_customer(facts=facts, lines=lines)
            if segment:
                give_label(customer, segment, rule=rules.get(by))
            standing = Standing({segment: by}, segment) if segment else Standing()
            known = dict(facts or {}) | {f"has_{kind}_line": True for kind in lines}
            for decision in decide(shipped(), standing, known, NOON):
                expected.add((customer.pk, decision))
        run = screen_now()
        assert self.done(run) == expected

    def done(self, run):
        changes = LabelChange.objects.filter(run=run).select_related()
        marks = NoApplyInterval.objects.filter(run=run).select_related()
        opened = set(CompletionRequest.objects.values_list("interval_id", flat=True))
        return {
            (
                c.customer_id,
                Relabelled(
                    c.rule.code, c.from_label and c.from_label.code, c.to_label.code
                ),
            )
            for c in changes
        } | {
            (m.customer_id, Marked(m.rule.code, m.start_at, m.end_at, m.pk in opened))
            for m in marks
        }


@pytest.mark.requirement("B1")
def test_every_customer_gets_exactly_one_group():
    people = [
        make_customer(lines=lines) for lines in ([], ["heavy"], ["light", "heavy"])
    ]
    screen_now()
    assert [segment_of(person) for person in people] == ["light", "heavy", "overlay"]


@pytest.mark.requirement("B8")
def test_a_change_is_on_record_with_rule_version_facts_and_run():
    customer = make_customer(lines=["heavy"], facts={"diverted": True})
    give_label(customer, "heavy")
    Rule.objects.get(code="worse_credit").revise()
    run = screen_now()
    change = customer.label_changes.get()
    assert (change.from_label.code, change.to_label.code) == ("heavy", "light")
    assert (change.rule.code, change.rule_version) == ("worse_credit", 2)
    assert (change.at, change.run) == (NOON, run)
    assert change.facts["diverted"] is True
    assert change.facts["has_heavy_line"] is True
    assert change.facts["blacklisted"] is False


def test_the_label_before_ends_when_the_next_begins():
    customer = make_customer(facts={"blacklisted": True})
    before = give_label(customer, "heavy")
    screen_now()
    before.refresh_from_db()
    assert before.until == customer.labels.get(until=None).since == NOON


@pytest.mark.requirement("B2")
def test_regrouping_follows_the_credit_of_the_day():
    customer = make_customer(lines=["heavy"])
    screen_now()
    CreditFacts.objects.create(customer=customer, limit_closed=True, as_of=NOON)
    screen_now(now=NOON + DAY)
    assert segment_of(customer) == "light"


def test_screening_again_changes_nothing():
    for lines in ([], ["heavy"], ["light", "heavy"]):
        make_customer(lines=lines, facts={"in_maintenance": True})
    screen_now()
    again = screen_now(now=NOON + DAY)
    assert (again.screened_count, again.changed_count, again.marked_count) == (3, 0, 0)


@pytest.mark.requirement("B4")
def test_screening_the_moved_screens_only_them():
    moved = make_customer(lines=["heavy", "light"], facts={})
    give_label(moved, "light", rule=Rule.objects.get(code="worse_credit"))
    from_the_start, new = make_customer(lines=["light"]), make_customer()
    give_label(from_the_start, "light", rule=Rule.objects.get(code="anything_else"))
    run = screen_now("moved")
    assert run.screened_count == 1
    assert [segment_of(c) for c in (moved, from_the_start, new)] == [
        "heavy",
        "light",
        None,
    ]


@pytest.mark.requirement("B5")
def test_incomplete_data_opens_a_completion_request_that_ends_the_mark(admin_user):
    customer = make_customer(facts={"data_incomplete": True})
    give_label(customer, "overlay")
    screen_now()
    request = customer.completion_requests.get()
    assert request.finish(by=admin_user, now=NOON + DAY)
    assert not request.interval.__class__.objects.get().covers(NOON + DAY)
    assert screen_now(now=NOON + DAY).marked_count == 0


@pytest.mark.requirement("B6")
def test_a_mark_keeps_the_customer_from_applying_and_ends_by_itself():
    marked = make_customer(facts={"in_funder_blackout": True})
    give_label(marked, "overlay")
    free = make_customer()
    screen_now()
    may = Customer.objects.allowed_to_apply
    assert set(may(NOON + DAY)) == {free}
    assert set(may(NOON + 30 * DAY)) == {marked, free}


def test_a_mark_that_ran_out_is_set_anew_while_the_fact_holds():
    give_label(make_customer(facts={"in_maintenance": True}), "overlay")
    screen_now()
    assert screen_now(now=NOON + 29 * DAY).marked_count == 0
    assert screen_now(now=NOON + 30 * DAY).marked_count == 1


@pytest.mark.requirement("B8")
def test_a_rule_of_the_staffs_own_gives_a_free_label_beside_the_segment():
    vip = make_label("vip")
    customer = make_customer(lines=["heavy"])
    make_rule("vip", from_label=make_label("heavy"), to_label=vip)
    screen_now()
    assert segment_of(customer) == "heavy"
    assert customer.labels.filter(label=vip, until=None).count() == 1
    assert screen_now(now=NOON + DAY).changed_count == 0


def test_a_disabled_rule_does_nothing():
    Rule.objects.filter(code="worse_credit").update(is_enabled=False)
    customer = make_customer(facts={"blacklisted": True})
    give_label(customer, "heavy")
    screen_now()
    assert segment_of(customer) == "heavy"


def test_chunks_add_up(monkeypatch):
    monkeypatch.setattr(screening, "CHUNK", 2)
    people = [make_customer(lines=["heavy"]) for _ in range(5)]
    run = screen_now()
    assert run.screened_count == run.changed_count == run.result["heavy_line_only"] == 5
    assert {segment_of(person) for person in people} == {"heavy"}


def test_a_run_that_breaks_off_is_on_record(monkeypatch):
    make_customer()
    Rule.objects.filter(code="anything_else").update(
        condition={"fact": "gone", "is": True}
    )
    with pytest.raises(KeyError):
        screen_now()
    run = screening.ScreeningRun.objects.get()
    assert run.finished_at
    assert "KeyError" in run.result["problem"]


def killed_behind_its_first_chunk(monkeypatch):
    """A run of five customers, two of them screened; its worker is gone since an hour."""
    monkeypatch.setattr(screening, "CHUNK", 2)
    for _ in range(5):
        make_customer(lines=["heavy"])
    run = screening.begin(scope="all", now=timezone.now() - timedelta(hours=1))
    with Session() as http, monkeypatch.context() as only_one:
        chunks = screening._chunks_of
        only_one.setattr(
            screening, "_chunks_of", lambda *a, **k: islice(chunks(*a, **k), 1)
        )
        screening._screen_chunks(run, Refresher(http), run.started_at)
    ScreeningRun.objects.update(moved_at=timezone.now() - timedelta(hours=1))
    return run


def test_a_killed_run_is_woken_and_goes_on_where_it_stood(monkeypatch, queued):
    run = killed_behind_its_first_chunk(monkeypatch)
    assert jobs.sweep_screenings() == {"woken": 1}
    queued.run_all()
    run.refresh_from_db()
    assert (run.screened_count, run.changed_count) == (5, 5)
    assert run.finished_at


def test_a_run_that_nobody_began_is_woken_and_done_once(queued):
    make_customer(lines=["heavy"])
    screening.begin(scope="all", now=timezone.now() - timedelta(minutes=3))
    for _sweep in range(2):
        jobs.sweep_screenings()
    queued.run_all()
    assert ScreeningRun.objects.get().screened_count == 1


def test_a_run_under_way_is_neither_woken_nor_taken_twice(queued):
    run = screening.begin(scope="all", now=timezone.now() - timedelta(minutes=3))
    assert run.take(timezone.now())
    assert jobs.sweep_screenings() == {"woken": 0}
    assert not run.take(timezone.now())


def test_a_closed_line_counts_as_none():
    customer = make_customer(lines=["heavy"])
    CreditLine.objects.update(is_open=False)
    screen_now()
    assert segment_of(customer) == "light"
