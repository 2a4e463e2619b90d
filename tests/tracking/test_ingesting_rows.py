from __future__ import annotations

import json
from decimal import Decimal

import pytest

from backoffice.kit.crypto import decrypt
from customers.models import BusinessTypeAlias
from tests.builders import NOON, make_business_type, make_customer, make_source
from tracking.ingest import IGNORED, RECORDED, REPEATED, SET_ASIDE, ingest
from tracking.models import BehaviourRecord, DayRollup, QuarantinedRow, UserGroup
from tracking.rows import UNKNOWN_WORD

pytestmark = pytest.mark.django_db
KEYED = {
    "record_key": "id",
    "external_id": "user",
    "business_type": "type",
    "amount": "sum",
}


def row(key="1", user="17", type="household", sum="10"):
    return {"id": key, "user": user, "type": type, "sum": sum}


def take(source, *rows):
    return ingest(source, rows, first_row=2, file=None, now=NOON)


@pytest.fixture
def source():
    make_business_type("household")
    return make_source(columns=KEYED)


@pytest.mark.requirement("C2")
def test_a_known_user_is_found_among_the_customers_of_the_source(source):
    customer = make_customer(external_id="17")
    make_customer(external_id="17", source="other bank")
    take(source, row())
    record = BehaviourRecord.objects.get()
    assert (record.customer, record.amount) == (customer, Decimal("10.00"))


@pytest.mark.requirement("C2")
def test_every_user_of_a_row_gets_a_record(source):
    taken = take(source, row(user="17;18"))
    assert taken.records == 2
    assert BehaviourRecord.objects.filter(record_key="1").count() == 2


@pytest.mark.requirement("C2")
def test_a_user_not_known_yet_is_kept(source):
    take(source, row(user="99"))
    assert BehaviourRecord.objects.get().customer is None
    assert not UserGroup.objects.exists()


def test_with_customers_of_any_source_a_number_used_twice_is_nobodys(source):
    source.customer_source = ""
    make_customer(external_id="17")
    make_customer(external_id="17", source="other bank")
    known = make_customer(external_id="18")
    take(source, row(user="17;18"))
    found = dict(BehaviourRecord.objects.values_list("external_id", "customer"))
    assert found == {"17": None, "18": known.pk}


@pytest.mark.requirement("C1")
def test_the_same_record_again_is_known_and_not_counted(source):
    make_customer(external_id="17")
    take(source, row())
    again = take(source, row(), row(key="2"), row(key="2"))
    assert (again.records, again.repeated) == (1, 2)
    assert [o.result for o in again.outcomes] == [REPEATED, RECORDED, REPEATED]
    assert UserGroup.objects.get().count == 2


@pytest.mark.requirement("C3")
def test_records_build_the_user_group_of_their_business_type(source):
    make_business_type("loan")
    customer = make_customer(external_id="17")
    take(source, row(), row(key="2"), row(key="3", type="loan"))
    groups = UserGroup.objects.order_by("business_type__code")
    assert [(g.business_type.code, g.customer, g.count) for g in groups] == [
        ("household", customer, 2),
        ("loan", customer, 1),
    ]


def test_records_are_counted_by_the_day(source):
    make_customer(external_id="17")
    take(source, row(sum="10.10"), row(key="2", sum="20.20"), row(key="3", sum=""))
    day = DayRollup.objects.get()
    assert (day.kind, day.day, day.count) == ("record", NOON.date(), 3)
    assert day.total == Decimal("30.30")


@pytest.mark.requirement("C2")
def test_a_source_has_its_own_words_for_business_types(source):
    BusinessTypeAlias.objects.create(
        source="", word="SIPO", business_type=make_business_type("loan")
    )
    BusinessTypeAlias.objects.create(
        source="elsewhere", word="SIPO", business_type=make_business_type("leasing")
    )
    BusinessTypeAlias.objects.create(
        source=source.name, word="SIPO", business_type=make_business_type("household")
    )
    take(source, row(type="SIPO"))
    assert BehaviourRecord.objects.get().business_type.code == "household"


def test_an_alias_of_any_source_counts(source):
    loan = make_business_type("loan")
    BusinessTypeAlias.objects.create(source="", word="UVER", business_type=loan)
    take(source, row(type="UVER"))
    assert BehaviourRecord.objects.get().business_type == loan


def test_bad_rows_are_set_aside_with_number_reason_and_word(source):
    taken = take(source, row(), row(key="2", type="PENSION"), row(key="3", type=""))
    assert [o.result for o in taken.outcomes] == [RECORDED, SET_ASIDE, IGNORED]
    assert (taken.records, taken.ignored, taken.quarantined) == (1, 1, 1)
    aside = QuarantinedRow.objects.get()
    assert (aside.row_number, aside.reason, aside.word) == (3, UNKNOWN_WORD, "PENSION")
    assert json.loads(aside.row) == row(key="2", type="PENSION")


def test_a_row_rests_encrypted_in_quarantine(source):
    take(source, row(user=""))
    raw = QuarantinedRow.objects.extra(select={"raw": "row"}).values_list("raw")[0][0]
    assert b"household" not in bytes(raw)
    assert "household" in decrypt(raw, "text")


def test_a_chunk_costs_the_same_number_of_statements_at_any_size(
    source, django_assert_max_num_queries
):
    for n in range(300):
        make_customer(external_id=str(n), consent=False)
    with django_assert_max_num_queries(14):
        take(source, *(row(key=str(n), user=str(n)) for n in range(300)))
    assert BehaviourRecord.objects.count() == 300
