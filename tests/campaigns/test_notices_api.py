from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.utils import timezone

from campaigns.models import Notice
from tests.builders import make_customer, make_message
from tests.partner import Partner, errors, results, statuses

pytestmark = pytest.mark.django_db

TEXT = "提前还款提醒"


@pytest.fixture
def partner():
    return Partner("notices:write", "messages:read", name="Core Bank")


@pytest.fixture
def tomorrow():
    return (timezone.localdate() + timezone.timedelta(days=1)).isoformat()


def notice(**over):
    given = {"name": "李雷", "phone": "138 0013 8000", "amount": "1200.50"}
    return given | {"due_on": "2099-01-05", "text": TEXT} | over


@pytest.mark.requirement("A1")
def test_every_piece_of_information_is_taken(partner):
    answer = partner.post(
        "notices/", notice(send_on="2099-01-02", client_reference="n1")
    )

    row = Notice.objects.get()
    assert results(answer) == [{"index": 0, "status": "scheduled", "id": str(row.pk)}]
    assert (row.name, row.phone, row.text) == ("李雷", "+8613800138000", TEXT)
    assert (row.amount, row.due_on) == (Decimal("1200.50"), date(2099, 1, 5))
    assert row.send_on == date(2099, 1, 2)
    assert (row.origin, row.client) == ("api", partner.client)
    assert row.message_type.code == "repayment_reminder"


@pytest.mark.requirement("A1")
@pytest.mark.parametrize(
    "item",
    [
        {"name": "李雷"},
        {"phone": "13800138000"},
        {"amount": "5.00"},
        {"due_on": "2099-01-05"},
        {"send_on": "2099-01-05"},
        {"text": TEXT},
        {"external_id": "C-1"},
    ],
)
def test_any_one_piece_of_information_is_enough_to_be_taken(partner, item):
    assert statuses(partner.post("notices/", item)) == ["held"]


def test_what_is_missing_is_the_customers(partner):
    make_customer(source="bank", external_id="C-1", phone="+8613900139000", name="韩梅")

    answer = partner.post(
        "notices/",
        {"external_id": "C-1", "source": "bank", "amount": "5", "text": TEXT}
        | {"due_on": "2099-01-05"},
    )

    assert statuses(answer) == ["scheduled"]
    assert Notice.objects.get().phone == "+8613900139000"


@pytest.mark.requirement("A2")
def test_a_held_notice_tells_its_reason(partner):
    answer = partner.post(
        "notices/", notice(text="你好"), notice(text="放款成功，退款失败")
    )

    assert answer.status_code == 200
    assert [one["hold"] for one in results(answer)] == ["no_type", "ambiguous"]
    assert "loan_disbursed" in results(answer)[1]["detail"]


@pytest.mark.requirement("A5")
def test_a_date_in_the_past_is_held_with_its_reason(partner):
    answer = partner.post("notices/", notice(send_on="2020-01-01"))

    assert [(one["status"], one["hold"]) for one in results(answer)] == [
        ("held", "past_date")
    ]


def test_a_reference_sent_again_makes_no_second_notice(partner):
    item = notice(client_reference="n1")
    first = results(partner.post("notices/", item))[0]

    again = partner.post("notices/", item | {"amount": "9"}, item)

    assert [one["id"] for one in results(again)] == [first["id"]] * 2
    assert all(one["repeated"] for one in results(again))
    assert Notice.objects.get().amount == Decimal("1200.50")


def test_a_repeat_tells_how_the_notice_stands_now(partner):
    item = notice(client_reference="n1")
    partner.post("notices/", item)
    Notice.objects.update(status="cancelled")

    assert statuses(partner.post("notices/", item)) == ["cancelled"]


def test_a_reference_belongs_to_its_client(partner):
    partner.post("notices/", notice(client_reference="n1"))

    other = Partner("notices:write").post("notices/", notice(client_reference="n1"))

    assert "repeated" not in results(other)[0]
    assert Notice.objects.count() == 2


@pytest.mark.parametrize(
    ("over", "pointer", "code"),
    [
        ({"phone": "12"}, "/phone", "bad_phone"),
        ({"amount": "-1"}, "/amount", "min_value"),
        ({"amount": "12,50"}, "/amount", "invalid"),
        ({"amount": 1e300}, "/amount", "max_digits"),
        ({"due_on": "5.1.2099"}, "/due_on", "invalid"),
        ({"text": "x" * 1001}, "/text", "max_length"),
        ({"language": "fr"}, "/language", "invalid_choice"),
        ({"sendon": "2099-01-01"}, "/sendon", "unknown"),
    ],
)
def test_what_is_wrong_is_pointed_at(partner, over, pointer, code):
    answer = partner.post("notices/", notice(**over), notice())

    assert answer.status_code == 207
    assert statuses(answer) == ["invalid", "scheduled"]
    assert errors(answer)[f"/items/0{pointer}"] == code


def test_a_notice_that_says_nothing_is_refused(partner):
    answer = partner.post("notices/", {"source": "bank", "language": "en"})

    assert errors(answer) == {"/items/0": "empty"}


def test_a_hundred_notices_cost_as_many_statements_as_ten(partner):
    def batch(count):
        return [notice(client_reference=f"{count}-{n}") for n in range(count)]

    def cost(count):
        # Django cuts an INSERT on SQLite after 999 values: it counts as one.
        seen = partner.statements("notices/", batch(count))
        return len({sql[:60] if "INSERT" in sql else n for n, sql in enumerate(seen)})

    assert cost(100) == cost(10)


# --- reading -----------------------------------------------------------------------


def found(partner, **query):
    answer = partner.get("notices/", **query)
    return [row["client_reference"] for row in answer.json()["results"]]


def test_a_partner_reads_its_notice_with_its_sms(partner):
    partner.post("notices/", notice(client_reference="n1"))
    message = make_message(status=50)
    Notice.objects.update(message=message, status="sent")

    row = partner.get("notices/", client_reference="n1").json()["results"][0]

    assert row == partner.get(f"notices/{row['id']}/").json()
    assert (row["status"], row["type"]) == ("sent", "repayment_reminder")
    assert (row["message"], row["message_status"]) == (str(message.pk), "delivered")
    assert (row["amount"], row["phone"]) == ("1200.50", "+86•••••••8000")


def test_a_notice_without_an_sms_has_no_message_status(partner):
    partner.post("notices/", notice(text="你好"))

    row = partner.get("notices/").json()["results"][0]

    assert (row["message"], row["message_status"], row["type"]) == (None, None, None)
    assert (row["hold"], row["customer"]) == ("no_type", None)


def test_the_notices_of_others_are_not_shown(partner):
    partner.post("notices/", notice(client_reference="n1"))
    pk = Notice.objects.get().pk
    other = Partner("messages:read")

    assert found(other) == []
    assert other.get(f"notices/{pk}/").status_code == 404


def test_notices_are_found_by_what_they_are(partner):
    partner.post(
        "notices/",
        notice(client_reference="n1", send_on="2099-01-02"),
        notice(client_reference="n2", text="你好"),
    )

    assert found(partner) == ["n2", "n1"]
    assert found(partner, status="scheduled") == ["n1"]
    assert found(partner, hold="no_type") == ["n2"]
    assert found(partner, type="repayment_reminder") == ["n1"]
    assert found(partner, send_on="2099-01-02") == ["n1"]
    assert found(partner, created_before="2020-01-01T00:00:00Z") == []
