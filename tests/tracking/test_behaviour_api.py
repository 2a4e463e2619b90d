from __future__ import annotations

from decimal import Decimal

import pytest

from customers.models import BusinessTypeAlias
from tests.builders import make_business_type, make_customer
from tests.partner import Partner, errors, results, statuses
from tracking.models import BehaviourRecord, BehaviourSource, QuarantinedRow, UserGroup

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    make_business_type("household")
    return Partner("behaviour:write", name="Core Bank")


def record(key="k1", *users, **over):
    given = {"business_type": "household", "at": "2026-11-01T10:00:00+08:00"}
    return {"record_key": key, "external_ids": list(users) or ["C-1"]} | given | over


@pytest.mark.requirement("C2")
def test_a_record_names_users_type_and_business_record(partner):
    known = make_customer(external_id="C-1")

    answer = partner.post(
        "behaviour/",
        record(
            "k1",
            "C-1",
            "C-2",
            amount="1200.50",
            product="loan",
            attributes={"channel": "app", "months": 12},
        ),
    )

    assert results(answer) == [{"index": 0, "status": "recorded"}]
    first, second = BehaviourRecord.objects.order_by("external_id")
    assert (first.customer, second.customer) == (known, None)
    assert first.business_type.code == "household"
    assert (first.amount, first.product) == (Decimal("1200.50"), "loan")
    assert first.attributes == {"channel": "app", "months": "12"}
    assert first.at.isoformat() == "2026-11-01T02:00:00+00:00"


@pytest.mark.requirement("C1")
def test_a_record_sent_again_is_counted_once(partner):
    make_customer(external_id="C-1")
    partner.post("behaviour/", record())

    answer = partner.post("behaviour/", record(), record("k2"))

    assert answer.status_code == 200
    assert statuses(answer) == ["repeated", "recorded"]
    assert UserGroup.objects.get().count == 2


def test_a_reference_stands_for_the_record_key(partner):
    item = record() | {"client_reference": "r1"}
    del item["record_key"]

    answers = [partner.post("behaviour/", item) for _ in range(2)]

    assert [statuses(answer) for answer in answers] == [["recorded"], ["repeated"]]


def test_the_same_key_of_another_partner_is_another_record(partner):
    partner.post("behaviour/", record())

    assert statuses(Partner("behaviour:write").post("behaviour/", record())) == [
        "recorded"
    ]


def test_an_unknown_word_is_set_aside_and_told(partner):
    answer = partner.post("behaviour/", record(business_type="sparen"), record("k2"))

    assert answer.status_code == 207
    assert statuses(answer) == ["set_aside", "recorded"]
    assert errors(answer) == {"/items/0/business_type": "set_aside"}
    assert QuarantinedRow.objects.get().word == "sparen"


def test_the_partner_has_a_source_with_aliases_of_its_own(partner):
    partner.post("behaviour/", record("k0"))
    source = BehaviourSource.objects.get()
    assert (source.name, source.kind) == ("api:core-bank", "api")
    BusinessTypeAlias.objects.create(
        source=source.name, word="sparen", business_type=make_business_type()
    )

    assert statuses(partner.post("behaviour/", record(business_type="sparen"))) == [
        "recorded"
    ]


def test_a_source_that_staff_switched_off_takes_nothing(partner):
    partner.post("behaviour/", record("k0"))
    BehaviourSource.objects.update(is_enabled=False)

    answer = partner.post("behaviour/", record())

    assert answer.status_code == 403
    assert BehaviourRecord.objects.count() == 1


@pytest.mark.parametrize(
    ("over", "pointer"),
    [
        ({"external_ids": []}, "/external_ids"),
        ({"external_ids": ["1;2"]}, "/external_ids/0"),
        ({"external_ids": ["1"] * 101}, "/external_ids"),
        ({"business_type": ""}, "/business_type"),
        ({"at": "yesterday"}, "/at"),
        ({"at": "2126-01-01T00:00:00Z"}, "/at"),
        ({"amount": "1e3000"}, "/amount"),
        ({"amount": "1.234"}, "/amount"),
        ({"product": "x" * 61}, "/product"),
        ({"record_key": ""}, "/record_key"),
        ({"user": "1"}, "/user"),
    ],
)
def test_what_is_wrong_is_pointed_at(partner, over, pointer):
    answer = partner.post("behaviour/", record() | over, record("k2"))

    assert statuses(answer) == ["invalid", "recorded"]
    assert set(errors(answer)) == {f"/items/0{pointer}"}


def test_a_record_without_any_name_could_not_be_told_from_a_repeat(partner):
    item = record()
    del item["record_key"]

    assert errors(partner.post("behaviour/", item)) == {
        "/items/0/record_key": "required"
    }


def test_a_hundred_records_cost_as_many_statements_as_ten(partner):
    for n in range(100):
        make_customer(external_id=f"P{n}", consent=False)
    partner.post("behaviour/", record())

    def batch(count):
        return [record(f"{count}-{n}", f"P{n}") for n in range(count)]

    ten = partner.statements("behaviour/", batch(10))
    hundred = partner.statements("behaviour/", batch(100))

    assert len(hundred) == len(ten)
