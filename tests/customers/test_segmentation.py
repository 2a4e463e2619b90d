from __future__ import annotations

from datetime import timedelta

import pytest

from customers.models import Rule
from customers.segmentation import (
    Marked,
    Relabelled,
    RuleFacts,
    Standing,
    decide,
)
from tests.builders import NOON

pytestmark = pytest.mark.django_db


def rule_facts(rule: Rule) -> RuleFacts:
    return RuleFacts(
        code=rule.code,
        condition=rule.condition,
        from_label=rule.from_label and rule.from_label.code,
        came_from=rule.came_from and rule.came_from.code,
        to_label=rule.to_label and rule.to_label.code,
        gives_segment=not rule.to_label or rule.to_label.kind == "segment",
        no_apply_days=rule.no_apply_days,
        opens_completion=rule.opens_completion,
    )


def shipped():
    return [rule_facts(rule) for rule in Rule.objects.in_force()]


def end_of(segment, facts, *, by=None):
    """Where a customer in `segment` (None: new) stands after the shipped rules."""
    standing = Standing({segment: by}, segment) if segment else Standing()
    for decision in decide(shipped(), standing, dict.fromkeys(facts, True), NOON):
        if isinstance(decision, Relabelled):
            segment = decision.after
    return segment


LIGHT, HEAVY = "has_light_line", "has_heavy_line"
WORSE = ["blacklisted", "controlled", "diverted", "limit_closed"]


@pytest.mark.requirement("B1")
@pytest.mark.parametrize(
    ("facts", "group"),
    [
        ([], "light"),
        ([LIGHT], "light"),
        ([HEAVY], "heavy"),
        ([LIGHT, HEAVY], "overlay"),
    ],
)
def test_a_new_customer_is_grouped_by_its_lines(facts, group):
    assert end_of(None, facts) == group


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("fact", WORSE)
def test_worse_credit_makes_heavy_light(fact):
    assert end_of("heavy", [HEAVY, fact]) == "light"


def test_heavy_stays_heavy_while_nothing_is_worse():
    assert end_of("heavy", [HEAVY, "temporarily_worse", "data_incomplete"]) == "heavy"


@pytest.mark.requirement("B4")
@pytest.mark.parametrize(
    ("facts", "group"),
    [
        ([LIGHT], "heavy"),
        ([], "overlay"),
        ([HEAVY], "overlay"),
        *[([LIGHT, fact], "light") for fact in WORSE],
    ],
)
def test_whom_worse_credit_moved_is_regrouped_once_it_recovered(facts, group):
    assert end_of("light", facts, by="worse_credit") == group


@pytest.mark.requirement("B4")
@pytest.mark.parametrize("facts", [[], [LIGHT], [HEAVY], [LIGHT, HEAVY]])
def test_light_from_the_start_stays_light(facts):
    assert end_of("light", facts, by="anything_else") == "light"


@pytest.mark.requirement("B5")
@pytest.mark.parametrize(
    ("fact", "rule", "opens"),
    [
        ("temporarily_worse", "no_apply_temporarily_worse", False),
        ("in_funder_blackout", "no_apply_funder_blackout", False),
        ("controlled", "no_apply_controlled", False),
        ("data_incomplete", "no_apply_data_incomplete", True),
        ("in_maintenance", "no_apply_maintenance", False),
    ],
)
def test_a_no_apply_condition_marks_an_overlay_customer(fact, rule, opens):
    standing = Standing({"overlay": None}, "overlay")
    end = NOON + timedelta(days=30)
    assert decide(shipped(), standing, {fact: True}, NOON) == [
        Marked(rule, NOON, end, opens)
    ]


@pytest.mark.parametrize("segment", ["light", "heavy"])
def test_only_overlay_customers_are_marked(segment):
    standing = Standing({segment: None}, segment)
    assert decide(shipped(), standing, {"in_maintenance": True}, NOON) == []


def test_a_mark_that_runs_is_not_set_again():
    standing = Standing(
        {"overlay": None}, "overlay", frozenset({"no_apply_controlled"})
    )
    assert decide(shipped(), standing, {"controlled": True}, NOON) == []


def test_a_free_label_leaves_the_segment_alone():
    rules = [
        RuleFacts("vip", {}, from_label="heavy", to_label="vip", gives_segment=False)
    ]
    standing = Standing({"heavy": None}, "heavy")
    assert decide(rules, standing, {}, NOON) == [Relabelled("vip", None, "vip")]
