"""Push standards (C6): the oracle, its words, its errors, and the database agreeing with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.standards import BadCriteria, Fact, check, explain, holds, in_words
from campaigns.standards_sql import compile_standard
from customers.models import BusinessType, Customer
from tests.builders import make_business_type, make_customer
from tests.campaigns.world import leaf, make_record, make_rollup
from tracking.models import BehaviourRecord, DayRollup

AS_OF = datetime(1998, 12, 5, 15, 30, tzinfo=UTC)


def record(days_ago: float, amount: str = "10", **over) -> Fact:
    at = AS_OF - timedelta(days=days_ago)
    given = {"of": "record", "at": at, "business_type": "card", "amount": amount}
    given |= over
    given["amount"] = Decimal(given["amount"]) if given["amount"] else None
    return Fact(**given)


def meets(criteria: dict, *facts: Fact) -> bool:
    return holds(criteria, facts, as_of=AS_OF, types=("card",))


@pytest.mark.requirement("C6")
def test_two_payments_over_1000_in_a_year():
    criteria = leaf(value=2, where={"amount": [">", "1000"]})
    assert meets(criteria, record(1, "1000.01"), record(364, "2000"))
    assert not meets(criteria, record(1, "1000.00"), record(364, "2000"))


def test_the_window_holds_its_end_and_not_its_start():
    assert meets(leaf(), record(0))
    assert not meets(leaf(), record(365))
    assert meets(leaf(), record(365 - 1e-6))
    assert not meets(leaf(), record(-1e-6))


def test_a_sum_is_exact():
    facts = [record(n, "0.10") for n in range(3)]
    assert meets(leaf(measure="sum", op="==", value="0.30"), *facts)


def test_the_last_one_is_measured_in_days():
    recent = leaf(measure="last_days", op="<=", value=30)
    assert meets(recent, record(200), record(30))
    assert not meets(recent, record(31))
    assert not meets(recent)


def test_an_attribute_is_that_of_the_newest_record():
    gold = leaf(measure="attribute", name="plan", op="==", value="gold")
    old = record(9, attributes={"plan": "gold"})
    assert meets(gold, old)
    assert not meets(gold, old, record(1, attributes={"plan": "silver"}))


def test_a_record_of_another_business_type_does_not_count():
    assert not meets(leaf(), record(1, business_type="loan"))
    assert meets(leaf(business_types=["loan"]), record(1, business_type="loan"))


@pytest.mark.requirement("X1")
def test_clicked_but_did_not_sign_up():
    criteria = {"all": [leaf(of="click"), {"not": leaf(of="sign_up")}]}
    click = record(3, of="click", amount="")
    assert meets(criteria, click)
    assert not meets(criteria, click, record(2, of="sign_up", amount=""))
    assert not meets(criteria)


@pytest.mark.parametrize(
    ("criteria", "place"),
    [
        ({"all": [leaf(), leaf(op="=>")]}, "all[1].op"),
        ({"any": []}, "any"),
        ({"not": leaf(window_days=0)}, "not.window_days"),
        ({"all": [leaf()], "any": [leaf()]}, ""),
        (leaf(value="1.001"), "value"),
        (leaf(value="many"), "value"),
        (leaf(value=1e30), "value"),
        (leaf(where={"amount": [[">"], 1]}), "where.amount"),
        (leaf(where={"product": "\0"}), "where.product"),
        (leaf(windows_days=3), "windows_days"),
        (leaf(where={"amount": 3}), "where.amount"),
        (leaf(where={"amounts": 3}), "where.amounts"),
        (leaf(of="click", measure="sum"), ""),
        (leaf(measure="attribute", value="x", op="=="), "name"),
        ([], ""),
    ],
)
def test_an_error_names_its_place(criteria, place):
    with pytest.raises(BadCriteria) as error:
        check(criteria)
    assert error.value.place == place


def test_a_standard_reads_as_a_sentence():
    criteria = {
        "all": [leaf(value=2, where={"amount": [">", "1000"]}), leaf(of="click")]
    }
    assert in_words(criteria) == (
        "(business records of the last 365 days (amount > 1000): number >= 2"
        " and clicks of the last 365 days: number >= 1)"
    )


@pytest.mark.requirement("X2")
def test_an_explanation_says_what_the_customer_has():
    found = explain(leaf(value=2), [record(1)], as_of=AS_OF, types=("card",))
    assert [(one.actual, one.holds) for one in found] == [("1", False)]


# --- the database says the same ------------------------------------------------------

TYPES = ("card", "loan")
amounts = st.sampled_from(
    [None, "0.10", "0.20", "999.99", "1000.00", "1000.01", "2500"]
)
values = st.sampled_from([0, 1, 2, 3, "0.3", "1000", "1000.01", "1.5"])
moments = st.sampled_from(
    [0, 0.5, 1, 7, 29.999, 30, 30.5, 31, 364, 365, 366, 400, -0.3, -2]
).map(lambda days: AS_OF - timedelta(days=days))
attributes = st.fixed_dictionaries(
    {}, optional={"plan": st.sampled_from(["gold", "silver", "5"]), "n": st.just(5)}
)
records = st.builds(
    Fact,
    of=st.just("record"),
    at=moments,
    business_type=st.sampled_from(TYPES),
    amount=amounts.map(lambda a: Decimal(a) if a else None),
    product=st.sampled_from(["", "visa"]),
    attributes=attributes,
)
days = st.builds(
    Fact,
    of=st.sampled_from(["click", "sign_up", "delivery"]),
    at=moments,
    business_type=st.sampled_from(TYPES),
    count=st.integers(1, 3),
)
wheres = st.fixed_dictionaries(
    {},
    optional={
        "amount": st.tuples(
            st.sampled_from([">=", ">", "<=", "<", "=="]),
            st.sampled_from(["0.1", "1000", "1000.01"]),
        ).map(list),
        "product": st.sampled_from(["", "visa"]),
        "attributes": st.dictionaries(
            st.sampled_from(["plan", "n"]), st.sampled_from(["gold", "5"]), max_size=2
        ),
    },
)
windows = st.sampled_from([1, 30, 365])
types = st.sampled_from([[], ["card"], ["card", "loan"]])
record_leaves = st.one_of(
    st.builds(
        leaf,
        measure=st.sampled_from(["count", "sum"]),
        op=st.sampled_from([">=", ">", "<=", "<", "=="]),
        value=values,
        window_days=windows,
        where=wheres,
        business_types=types,
    ),
    st.builds(
        leaf,
        measure=st.just("attribute"),
        op=st.just("=="),
        name=st.sampled_from(["plan", "n"]),
        value=st.sampled_from(["gold", "5"]),
        window_days=windows,
        where=wheres,
    ),
)
last_leaves = st.builds(
    leaf,
    measure=st.just("last_days"),
    of=st.sampled_from(["record", "click"]),
    op=st.sampled_from([">=", ">", "<=", "<"]),
    value=st.sampled_from([0, 1, 30, "30.5", 365]),
    window_days=windows,
)
day_leaves = st.builds(
    leaf,
    of=st.sampled_from(["click", "sign_up", "delivery"]),
    op=st.sampled_from([">=", ">", "<=", "<", "=="]),
    value=values,
    window_days=windows,
    business_types=types,
)
trees = st.recursive(
    st.one_of(record_leaves, last_leaves, day_leaves),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"all": some}),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"any": some}),
        inner.map(lambda one: {"not": one}),
    ),
    max_leaves=4,
)


@pytest.mark.requirement("C6")
@pytest.mark.django_db
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(criteria=trees, done=st.lists(st.one_of(records, days), max_size=6))
def test_the_database_agrees_with_the_oracle(criteria, done):
    check(criteria)
    with transaction.atomic():
        customer, facts = _store(done)
        expected = holds(criteria, facts, as_of=AS_OF, types=("card",))
        assert _selected(criteria) == ([customer.pk] if expected else [])
        transaction.set_rollback(True)


def _store(done: list[Fact]) -> tuple[Customer, list[Fact]]:
    """The facts as rows; of a kind, a type and a day there is one row, and so one fact."""
    kinds = {code: make_business_type(code) for code in TYPES}
    customer, facts, seen = make_customer(), [], set()
    for fact in done:
        key = (fact.of, fact.business_type, fact.at.date())
        if fact.of == "record":
            make_record(
                customer,
                kinds[fact.business_type],
                at=fact.at,
                amount=fact.amount,
                product=fact.product,
                attributes=fact.attributes,
            )
        elif key in seen:
            continue
        else:
            make_rollup(
                customer,
                kinds[fact.business_type],
                kind=fact.of,
                at=fact.at,
                count=fact.count,
            )
        seen.add(key)
        facts.append(fact)
    return customer, facts


def _selected(criteria: dict) -> list[int]:
    own = (BusinessType.objects.get(code="card").pk,)
    found = compile_standard(criteria, types=own, as_of=AS_OF)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.id FROM customers_customer c {found.joins} WHERE {found.condition}",
            [*found.join_params, *found.condition_params],
        )
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.django_db
def test_a_million_others_are_not_read():
    """The rows of a window are found by the index of business type and time."""
    found = compile_standard(leaf(), types=(1,), as_of=AS_OF)
    with connection.cursor() as cursor:
        prefix = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"{prefix}SELECT c.id FROM customers_customer c {found.joins}"
            f" WHERE {found.condition}",
            [*found.join_params, *found.condition_params],
        )
        assert "behaviour_window" in str(cursor.fetchall())


def test_models_are_what_the_sql_names():
    assert BehaviourRecord._meta.db_table == "tracking_behaviourrecord"
    assert DayRollup._meta.db_table == "tracking_dayrollup"
