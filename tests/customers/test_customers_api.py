from __future__ import annotations

from datetime import datetime

import pytest

from backoffice.platform.models import ReceivedItem
from customers.models import Consent, CreditFacts, CreditLine, Customer
from tests.builders import make_customer
from tests.partner import Partner, errors, results, statuses

pytestmark = pytest.mark.django_db

YES = {"marketing": True, "source": "app", "at": "2026-11-01T10:00:00+08:00"}


@pytest.fixture
def partner():
    return Partner("customers:write", name="Core Bank")


def person(number="1", **over):
    return {"external_id": number, "phone": "13800138000"} | over


def facts(number="1", **over):
    given = {"as_of": "2026-11-01T10:00:00Z", "facts": {"blacklisted": True}}
    return {"external_id": number} | given | over


# --- customers ------------------------------------------------------------------


def test_a_new_customer_is_created(partner):
    answer = partner.post(
        "customers/",
        person(
            name="Li Lei",
            language="en",
            time_zone="Europe/Prague",
            consent=YES,
            attributes={"branch": "7", "vip": True, "age": 41},
        ),
    )

    assert answer.status_code == 200
    assert results(answer) == [
        {"index": 0, "status": "created", "id": str(Customer.objects.get().pk)}
    ]
    customer = Customer.objects.with_phone("+8613800138000").get()
    assert (customer.source, customer.external_id) == ("core-bank", "1")
    assert (customer.name, customer.language) == ("Li Lei", "en")
    assert customer.time_zone == "Europe/Prague"
    assert customer.attributes == {"branch": "7", "vip": True, "age": 41}


def test_consent_comes_with_its_source_and_time(partner):
    partner.post("customers/", person(consent=YES))

    consent = Consent.objects.get()
    assert (consent.source, consent.withdrawn_at) == ("app", None)
    assert consent.given_at == datetime.fromisoformat(YES["at"])


def test_a_later_no_withdraws_and_an_old_yes_does_not_bring_it_back(partner):
    no = {**YES, "marketing": False, "at": "2026-11-02T10:00:00Z"}
    for consent in (YES, no, YES):
        partner.post("customers/", person(consent=consent))

    assert Consent.objects.get().withdrawn_at == datetime.fromisoformat(no["at"])


def test_a_known_customer_is_updated_and_keeps_what_is_left_out(partner):
    partner.post("customers/", person(name="Li Lei", language="en"))

    answer = partner.post("customers/", person(phone="13900139000"))

    assert statuses(answer) == ["updated"]
    customer = Customer.objects.get()
    assert customer.phone == "+8613900139000"
    assert (customer.name, customer.language) == ("Li Lei", "en")


def test_the_same_number_of_another_source_is_another_customer(partner):
    make_customer(source="bank", external_id="1")

    assert statuses(partner.post("customers/", person())) == ["created"]


def test_a_reference_sent_again_changes_nothing(partner):
    old = person(client_reference="r1", name="Old")
    made = results(partner.post("customers/", old))[0]["id"]
    partner.post("customers/", person(client_reference="r2", name="New"))

    answer = partner.post("customers/", old)

    assert answer.status_code == 200
    assert results(answer) == [
        {"index": 0, "status": "repeated", "id": made, "repeated": True}
    ]
    assert Customer.objects.get().name == "New"


def test_a_reference_belongs_to_its_client(partner):
    partner.post("customers/", person(client_reference="r1"))

    other = Partner("customers:write").post("customers/", person(client_reference="r1"))

    assert statuses(other) == ["created"]


def test_an_item_that_was_refused_may_come_again_under_its_reference(partner):
    partner.post("customers/", person(client_reference="r1", phone="1"))

    answer = partner.post("customers/", person(client_reference="r1"))

    assert statuses(answer) == ["created"]


def test_a_bad_item_does_not_block_the_good_ones(partner):
    answer = partner.post(
        "customers/", person("1"), person("2", phone="12"), person("3")
    )

    assert answer.status_code == 207
    assert statuses(answer) == ["created", "invalid", "created"]
    assert errors(answer, 1) == {"/items/1/phone": "bad_phone"}
    assert set(Customer.objects.values_list("external_id", flat=True)) == {"1", "3"}


@pytest.mark.parametrize(
    ("over", "pointer", "code"),
    [
        ({"phone": ""}, "/phone", "blank"),
        ({"phone": None}, "/phone", "null"),
        ({"external_id": "x" * 65}, "/external_id", "max_length"),
        ({"external_id": "a\0"}, "/external_id", "null_characters_not_allowed"),
        ({"language": "fr"}, "/language", "invalid_choice"),
        ({"time_zone": "Mars/Base"}, "/time_zone", "bad_time_zone"),
        ({"fone": "1"}, "/fone", "unknown"),
        ({"consent": {**YES, "how": "x"}}, "/consent/how", "unknown"),
        ({"consent": {"marketing": True}}, "/consent/at", "required"),
        ({"consent": {**YES, "at": "2126-01-01T00:00:00Z"}}, "/consent/at", "future"),
        ({"attributes": []}, "/attributes", "not_a_dict"),
        ({"attributes": {"a": {}}}, "/attributes/a", "not_scalar"),
        ({"attributes": {"a": "b\0"}}, "/attributes/a", "null_characters_not_allowed"),
        ({"attributes": {"a\0": "b"}}, "/attributes", "bad_name"),
        ({"attributes": {"a/b": None}}, "/attributes/a~1b", "not_scalar"),
        ({"client_reference": "x" * 81}, "/client_reference", "max_length"),
    ],
)
def test_what_is_wrong_is_pointed_at(partner, over, pointer, code):
    answer = partner.post("customers/", person() | over)

    assert errors(answer)[f"/items/0{pointer}"] == code


def test_a_misspelt_field_does_not_hide_the_other_errors(partner):
    answer = partner.post("customers/", {"external_id": "1", "fone": "1"})

    assert errors(answer) == {
        "/items/0/phone": "required",
        "/items/0/fone": "unknown",
    }


def test_a_number_twice_in_a_batch_is_no_guess(partner):
    answer = partner.post("customers/", person(name="One"), person(name="Two"))

    assert statuses(answer) == ["created", "invalid"]
    assert errors(answer, 1) == {"/items/1/external_id": "duplicate"}
    assert Customer.objects.get().name == "One"


def test_a_reference_twice_in_a_batch_is_no_guess(partner):
    one, two = (person(n, client_reference="same") for n in "12")

    answer = partner.post("customers/", one, two)

    assert statuses(answer) == ["created", "invalid"]
    assert errors(answer, 1) == {"/items/1/client_reference": "duplicate"}


def test_references_are_remembered_once_each(partner):
    partner.post("customers/", *(person(n, client_reference=n) for n in "123"))

    assert ReceivedItem.objects.count() == 3


def test_a_hundred_customers_cost_as_many_statements_as_ten(partner):
    def batch(count):
        return [
            person(f"{count}-{n}", client_reference=f"{count}-{n}", consent=YES)
            for n in range(count)
        ]

    ten = partner.statements("customers/", batch(10))
    hundred = partner.statements("customers/", batch(100))

    assert len(hundred) == len(ten)


# --- credit facts ----------------------------------------------------------------


@pytest.fixture
def customer():
    return make_customer(source="core-bank", external_id="1")


def test_facts_and_lines_are_stored(partner, customer):
    answer = partner.post(
        "credit-facts/",
        facts(
            lines=[{"reference": "L1", "kind": "heavy", "amount": "1000.50"}],
        ),
    )

    assert results(answer) == [{"index": 0, "status": "stored", "id": str(customer.pk)}]
    stored = CreditFacts.objects.get(customer=customer)
    assert (stored.blacklisted, stored.source) == (True, "core-bank")
    line = CreditLine.objects.get(customer=customer)
    assert (line.kind, str(line.amount), line.is_open) == ("heavy", "1000.50", True)


def test_facts_that_are_not_named_stay(partner, customer):
    partner.post("credit-facts/", facts(facts={"controlled": True}))
    partner.post("credit-facts/", facts(facts={"blacklisted": True}))

    stored = CreditFacts.objects.get()
    assert (stored.controlled, stored.blacklisted) == (True, True)


def test_older_facts_change_nothing(partner, customer):
    partner.post("credit-facts/", facts())
    old = facts(
        as_of="2026-10-01T00:00:00Z",
        facts={"blacklisted": False},
        lines=[{"reference": "L1", "kind": "light"}],
    )

    answer = partner.post("credit-facts/", old)

    assert statuses(answer) == ["outdated"]
    assert CreditFacts.objects.get().blacklisted
    assert not CreditLine.objects.exists()


def test_of_two_items_for_a_customer_the_newer_counts(partner, customer):
    newer = facts(as_of="2026-11-02T00:00:00Z", facts={"blacklisted": False})

    partner.post("credit-facts/", newer, facts())

    assert not CreditFacts.objects.get().blacklisted


def test_a_customer_of_another_source_can_be_named(partner):
    customer = make_customer(source="bank", external_id="9")

    answer = partner.post("credit-facts/", facts("9", source="bank"), facts("9"))

    assert statuses(answer) == ["stored", "invalid"]
    assert errors(answer, 1) == {"/items/1/external_id": "unknown"}
    assert CreditFacts.objects.get().customer == customer


def test_facts_sent_again_are_repeated(partner, customer):
    item = facts(client_reference="f1")
    partner.post("credit-facts/", item)

    assert statuses(partner.post("credit-facts/", item)) == ["repeated"]


@pytest.mark.parametrize(
    ("over", "pointer", "code"),
    [
        ({"facts": {"rich": True}}, "/facts/rich", "unknown"),
        ({"facts": {"blacklisted": "perhaps"}}, "/facts/blacklisted", "invalid"),
        ({"facts": {}}, "", "empty"),
        ({"as_of": "2126-01-01T00:00:00Z"}, "/as_of", "future"),
        ({"lines": [{"kind": "light"}]}, "/lines/0/reference", "required"),
        (
            {"lines": [{"reference": "1", "kind": "odd"}]},
            "/lines/0/kind",
            "invalid_choice",
        ),
        (
            {"lines": [{"reference": "1", "kind": "light", "amount": "-1"}]},
            "/lines/0/amount",
            "min_value",
        ),
    ],
)
def test_what_is_wrong_with_facts_is_pointed_at(partner, customer, over, pointer, code):
    answer = partner.post("credit-facts/", facts() | over)

    assert errors(answer)[f"/items/0{pointer}"] == code


def test_a_hundred_facts_cost_as_many_statements_as_ten(partner):
    for n in range(110):
        make_customer(source="core-bank", external_id=f"C{n}", consent=False)

    def batch(numbers):
        lines = [{"reference": "L", "kind": "light"}]
        return [facts(f"C{n}", client_reference=f"{n}", lines=lines) for n in numbers]

    ten = partner.statements("credit-facts/", batch(range(10)))
    hundred = partner.statements("credit-facts/", batch(range(10, 110)))

    assert len(hundred) == len(ten)
