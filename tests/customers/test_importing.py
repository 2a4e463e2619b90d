from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from backoffice.platform import imports
from backoffice.platform.models import Import, UploadedFile
from customers.models import Consent, CreditFacts, CreditLine, Customer
from tests.builders import NOON, make_customer

pytestmark = pytest.mark.django_db


def import_rows(target, header, *rows, **options):
    """Import a file whose columns are called like our fields; returns the import."""
    text = "\n".join([header, *rows])
    import_ = Import.objects.create(
        target=target,
        file=UploadedFile.keep("file.csv", text.encode()),
        columns={name: name for name in header.split(",")},
        options=options,
    )
    imports.check(import_)
    imports.start(import_)
    imports.commit(import_.pk, now=NOON)
    import_.refresh_from_db()
    return import_


CUSTOMERS = "external_id,phone,name,language"


def test_a_customer_is_stored_with_its_phone_findable():
    import_rows("customers", CUSTOMERS, "7,１３８００１３８０００,Jan,en")
    customer = Customer.objects.with_phone("+8613800138000").get()
    assert (customer.name, customer.language) == ("Jan", "en")
    assert list(Customer.objects.named("Jan")) == [customer]


def test_a_known_customer_is_changed_and_keeps_what_the_file_leaves_empty():
    known = make_customer(
        external_id="7", name="Jan", language="en", attributes={"a": "1"}
    )
    header = "external_id,phone,name,attribute_b"
    done = import_rows("customers", header, "7,13900139000,,2")
    known = Customer.objects.get()
    assert (known.name, known.language, known.phone) == ("Jan", "en", "+8613900139000")
    assert known.attributes == {"a": "1", "b": "2"}
    assert done.counts["known"] == done.counts["done"]["updated"] == 1


def test_the_same_number_of_another_source_is_another_customer():
    make_customer(external_id="7", source="shop")
    import_rows("customers", CUSTOMERS, "7,13800138000,Jan,", source="bank")
    assert Customer.objects.filter(external_id="7").count() == 2


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("1,12345,Jan,en", "phone"),
        (",13800138000,Jan,en", "external_id"),
        ("1,13800138000,Jan,klingon", "language"),
        (f"{'9' * 65},13800138000,Jan,en", "external_id"),
    ],
)
def test_a_bad_row_names_its_field(row, field):
    import_ = import_rows("customers", CUSTOMERS, row, "2,13800138000,Ok,en")
    assert [(e["row"], e["field"]) for e in import_.errors] == [(2, field)]
    assert Customer.objects.get().external_id == "2"


CONSENT = "external_id,phone,consent,consent_source,consent_at"


def test_consent_is_kept_with_its_source_and_time():
    import_rows("customers", CONSENT, "1,13800138000,是,branch,2026-03-04 05:06+00:00")
    consent = Consent.objects.get()
    assert consent.source == "branch"
    assert consent.given_at == datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("word", ["", "no", "否"])
def test_without_a_yes_there_is_no_consent(word):
    import_rows("customers", CONSENT, f"1,13800138000,{word},,")
    assert not Consent.objects.exists()


def test_a_no_withdraws_an_earlier_consent():
    customer = make_customer(external_id="1")
    Consent.objects.update(given_at=NOON - timedelta(days=900))
    import_rows("customers", CONSENT, "1,13800138000,no,,")
    assert customer.consents.get().withdrawn_at


@pytest.mark.parametrize(
    ("given", "comes_back"),
    [("", False), ("2026-11-01", False), ("2026-11-25", True)],
)
def test_a_withdrawn_consent_comes_back_only_by_a_later_yes(given, comes_back):
    customer = make_customer(external_id="1")
    customer.consents.update(
        given_at=NOON - timedelta(days=9), withdrawn_at=NOON - timedelta(days=2)
    )
    import_rows("customers", CONSENT, f"1,13800138000,yes,branch,{given}")
    assert (customer.consents.get().withdrawn_at is None) == comes_back


def test_a_date_is_read_in_the_chosen_form():
    row = "1,13800138000,yes,,04.03.2026"
    import_rows("customers", CONSENT, row, date_format="%d.%m.%Y")
    assert (
        Consent.objects.get().given_at.astimezone(UTC).day == 3
    )  # midnight in Shanghai


def test_a_date_of_another_form_is_refused():
    import_ = import_rows("customers", CONSENT, "1,13800138000,yes,,04.03.2026")
    assert import_.errors[0]["field"] == "consent_at"


def test_facts_change_only_what_they_name():
    customer = make_customer(external_id="1", facts={"controlled": True})
    CreditFacts.objects.update(as_of=NOON - timedelta(days=900))
    import_rows("credit", "external_id,blacklisted,diverted", "1,yes,")
    facts = CreditFacts.objects.get(customer=customer)
    assert (facts.blacklisted, facts.controlled, facts.diverted) == (True, True, False)


def test_older_facts_change_nothing():
    make_customer(external_id="1", facts={"blacklisted": False})
    done = import_rows("credit", "external_id,blacklisted,as_of", "1,yes,2026-11-01")
    assert not CreditFacts.objects.get().blacklisted
    assert done.counts["done"]["older than what is known"] == 1


@pytest.mark.parametrize(
    ("target", "row"),
    [
        ("credit", "external_id,blacklisted\n9,1"),
        ("credit-lines", "external_id,reference,kind\n9,L1,light"),
    ],
)
def test_facts_about_a_stranger_are_refused(target, row):
    import_ = import_rows(target, *row.split("\n"))
    assert import_.errors[0]["field"] == "external_id"
    assert import_.counts["good"] == 0


def test_a_line_is_known_by_its_reference():
    make_customer(external_id="1")
    header = "external_id,reference,kind,amount,is_open"
    import_rows("credit-lines", header, '1,L1,重资产,"1,234.50",yes', "1,L2,light,,no")
    import_rows("credit-lines", "external_id,reference,kind", "1,L1,light")
    first, second = CreditLine.objects.order_by("reference")
    assert (first.kind, first.amount, first.is_open) == (
        "light",
        Decimal("1234.50"),
        True,
    )
    assert (second.kind, second.amount, second.is_open) == ("light", None, False)


@pytest.mark.parametrize("amount", ["-1", "1.234", "NaN", "ten", "1e20"])
def test_an_amount_that_is_none_is_refused(amount):
    make_customer(external_id="1")
    header = "external_id,reference,kind,amount"
    import_ = import_rows("credit-lines", header, f"1,L1,light,{amount}")
    assert import_.errors[0]["field"] == "amount"
