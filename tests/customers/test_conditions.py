from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from customers.conditions import (
    CREDIT_FACTS,
    FACTS,
    check,
    describe,
    holds,
    to_q,
)
from customers.models import Customer
from tests.builders import make_customer

TREES = st.recursive(
    st.just({})
    | st.builds(
        lambda name, value: {"fact": name, "is": value},
        st.sampled_from(list(FACTS)),
        st.booleans(),
    ),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=8,
)
PEOPLE = st.lists(
    st.tuples(
        st.none() | st.fixed_dictionaries({f: st.booleans() for f in CREDIT_FACTS}),
        st.lists(st.sampled_from(["light", "heavy"]), unique=True),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


class SqlAndPython(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(tree=TREES, people=PEOPLE)
    def test_select_the_same_customers(self, tree, people):
        expected = set()
        for facts, lines, lines_open in people:
            customer = make_customer(facts=facts, lines=lines)
            customer.credit_lines.update(is_open=lines_open)
            known = dict(facts or {}) | {
                f"has_{kind}_line": lines_open for kind in lines
            }
            if holds(tree, known):
                expected.add(customer.pk)
        assert (
            set(Customer.objects.filter(to_q(tree)).values_list("pk", flat=True))
            == expected
        )


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ([], "The condition"),
        ({"fact": "rich", "is": True}, "rich"),
        ({"fact": "blacklisted", "is": 1}, "The condition"),
        ({"fact": "blacklisted"}, "fact"),
        ({"all": []}, "all"),
        ({"all": [{}, {"any": [{"or": []}]}]}, "all[2].any[1]"),
        ({"not": {"all": 3}}, "not.all"),
        ({"all": [{}], "any": [{}]}, "all, any"),
    ],
)
def test_a_wrong_condition_is_refused_naming_the_place(tree, place):
    with pytest.raises(ValueError, match=place.replace("[", r"\[")):
        check(tree)


def test_a_condition_without_end_is_refused():
    tree: dict = {}
    for _ in range(100):
        tree = {"not": tree}
    with pytest.raises(ValueError, match="too deep"):
        check(tree)


@given(tree=TREES)
def test_whatever_passes_the_check_can_be_described(tree):
    try:
        check(tree)
    except ValueError:
        return
    assert describe(tree)


def test_a_condition_reads_as_a_sentence():
    tree = {
        "all": [
            {"fact": "has_heavy_line", "is": True},
            {"not": {"any": [{"fact": "blacklisted", "is": True}, {}]}},
        ]
    }
    assert describe(tree) == (
        "has an open heavy-asset line and not (on the anti-fraud blacklist or always)"
    )
