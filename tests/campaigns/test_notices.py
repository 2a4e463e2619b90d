from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from backoffice.platform.models import ApiClient, AuditEntry
from campaigns.jobs import send_due_notices
from campaigns.models import Notice
from campaigns.notices import (
    NoticeInfo,
    cancel,
    release,
    send,
    send_due,
    take,
    take_many,
)
from messaging.models import Chunk, Message, MessageType, Template, TemplateVersion
from tests.builders import make_business_type, make_customer
from tracking.models import TrackingRecord

pytestmark = pytest.mark.django_db

PHONE = "+8613800138000"
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # in Shanghai
TODAY = date(2026, 11, 20)
TEXTS = {
    "repayment_reminder": "提前还款提醒：请按时还款",
    "adjustment_credited": "您的调账到账",
    "repayment_credited": "还款到账通知",
    "refund_failed": "退款失败，请核对",
    "loan_disbursed": "放款成功",
    "disbursement_failed": "放款失败",
}


def given(**over: Any) -> NoticeInfo:
    values = {
        "name": "张伟",
        "phone": PHONE,
        "amount": Decimal("1234.5"),
        "due_on": date(2026, 11, 28),
        "text": TEXTS["repayment_reminder"],
        **over,
    }
    return NoticeInfo(**values)


def taken(**over: Any) -> Notice:
    return take(given(**over), origin="form", now=NOON)


def make_client(name: str = "Core bank") -> ApiClient:
    client = ApiClient(name=name)
    client.issue_key()
    client.save()
    return client


# --- type by keywords --------------------------------------------------------------


@pytest.mark.requirement("A3")
@pytest.mark.parametrize("code", TEXTS)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_built_in_type_ships_with_words_and_a_text(code: str, language: str):
    notice = taken(text=TEXTS[code], language=language)
    assert (notice.status, notice.hold) == ("scheduled", "")
    assert notice.message_type.code == code
    assert notice.template_version.template.language == language


@pytest.mark.requirement("A2")
def test_the_keywords_that_decided_are_kept():
    notice = taken(text="尊敬的客户，退款失败")
    assert notice.keywords == [["退款失败", "refund_failed"]]


@pytest.mark.requirement("A2")
def test_words_of_two_types_hold_the_notice_and_name_both():
    notice = taken(text="退款失败；放款成功")
    assert (notice.status, notice.hold) == ("held", "ambiguous")
    assert notice.detail == "refund_failed, loan_disbursed"
    assert notice.message_type is None


@pytest.mark.requirement("A2")
def test_a_text_without_any_keyword_is_held():
    assert taken(text="你好").hold == "no_type"


@pytest.mark.requirement("A2")
def test_a_longer_phrase_swallows_the_shorter_one_inside_it():
    # "提前还款" alone is a reminder.
    assert taken(text="您的提前还款到账").message_type.code == "repayment_credited"


@pytest.mark.requirement("A3")
def test_a_type_that_staff_add_decides_like_a_built_in_one():
    kind = MessageType.objects.create(code="card", name="Card sent", purpose="service")
    kind.keywords.create(word="已寄出")
    template = Template.objects.create(
        name="card", message_type=kind, language="zh-hans"
    )
    template.publish("{name}，卡片已寄出", now=NOON)
    assert taken(text="新卡已寄出").message_type == kind


# --- template and fields -------------------------------------------------------------


@pytest.mark.requirement("A1")
def test_everything_may_be_missing():
    notice = take(NoticeInfo(text="还款到账"), origin="form", now=NOON)
    assert (notice.status, notice.hold) == ("held", "no_phone")


@pytest.mark.requirement("A4")
def test_what_was_not_given_is_taken_from_the_customer():
    who = make_customer(phone=PHONE, name="王芳", external_id="77", language="en")
    notice = taken(name="", phone="", external_id="77", source="bank")
    assert (notice.customer, notice.phone, notice.name) == (who, PHONE, "王芳")
    assert notice.language == "en"


@pytest.mark.requirement("A4")
def test_the_customer_is_found_by_the_phone_too():
    assert taken(name="").customer is None
    who = make_customer(phone=PHONE, name="王芳")
    notice = taken(name="")
    assert (notice.customer, notice.name) == (who, "王芳")


def test_a_shared_phone_names_nobody_unless_the_name_tells():
    make_customer(phone=PHONE, name="王芳")
    he = make_customer(phone=PHONE, name="张伟")
    assert taken(name="").customer is None
    assert taken(name="张伟").customer == he


@pytest.mark.requirement("A4")
def test_a_field_of_the_template_may_be_an_attribute_of_the_customer():
    kind = MessageType.objects.get(code="refund_failed")
    template = kind.templates.get(language="en")
    template.publish("Account {iban}", now=NOON)
    make_customer(phone=PHONE, attributes={"iban": "CZ65"})
    notice = taken(text="refund failed", language="en", send_on=TODAY)
    assert send(Notice.objects.all(), NOON) == {"sent": 1, "held": 0}
    notice.refresh_from_db()
    assert notice.message.text() == "Account CZ65"


@pytest.mark.requirement("A4")
def test_a_missing_field_holds_that_one_notice_and_names_it():
    infos = [given(amount=None, due_on=None), given()]
    held, fine = take_many(infos, origin="file", now=NOON)
    assert (held.status, held.hold) == ("held", "missing_field")
    assert held.detail == "amount, due_on"
    assert fine.status == "scheduled"


@pytest.mark.requirement("A4")
def test_a_field_lost_before_the_day_holds_the_notice_then():
    template = Template.objects.get(message_type__code="refund_failed", language="en")
    template.publish("Account {iban}", now=NOON)
    who = make_customer(phone=PHONE, attributes={"iban": "CZ65"})
    notice = taken(text="refund failed", language="en")
    who.attributes = {}
    who.save()
    assert send_due(NOON) == {"sent": 0, "held": 1}
    notice.refresh_from_db()
    assert (notice.hold, notice.detail) == ("missing_field", "iban")


def test_a_type_without_a_text_in_the_language_is_held():
    Template.objects.filter(language="en").update(is_default=False)
    assert taken(language="en").hold == "no_template"


def test_personal_data_rests_encrypted():
    notice = taken()
    stored = Notice.objects.filter(pk=notice.pk).extra(
        select={"n": "name", "p": "phone", "t": "text"}
    )
    plain = b"".join(bytes(stored.values_list("n", "p", "t")[0][i]) for i in range(3))
    assert "张伟".encode() not in plain
    assert b"138001" not in plain


# --- dates -----------------------------------------------------------------------------


@pytest.mark.requirement("A5")
def test_a_send_date_in_the_past_is_held():
    notice = taken(send_on=TODAY - timedelta(days=1))
    assert (notice.status, notice.hold) == ("held", "past_date")
    assert notice.detail == "2026-11-19"


def test_no_send_date_means_the_day_it_came():
    # 20:00 UTC on the 19th is the 20th in Shanghai.
    late = datetime(2026, 11, 19, 20, 0, tzinfo=UTC)
    assert take(given(), origin="form", now=late).send_on == TODAY


@pytest.mark.requirement("A5")
def test_a_notice_waits_for_its_day():
    notice = taken(send_on=TODAY + timedelta(days=1))
    assert send_due(NOON) == {"sent": 0, "held": 0}
    assert send_due(NOON + timedelta(days=1)) == {"sent": 1, "held": 0}
    notice.refresh_from_db()
    assert notice.status == "sent"


def test_a_notice_waits_for_the_hour_of_sending():
    taken()
    early = datetime(2026, 11, 20, 0, 59, tzinfo=UTC)
    assert send_due(early)["sent"] == 0
    assert send_due(early + timedelta(minutes=1))["sent"] == 1


@pytest.mark.requirement("A5")
def test_a_day_that_went_by_unseen_is_held():
    notice = taken()
    assert send_due(NOON + timedelta(days=1)) == {"sent": 0, "held": 1}
    notice.refresh_from_db()
    assert notice.hold == "past_date"


# --- sending ---------------------------------------------------------------------------


@pytest.mark.requirement("E1")
@pytest.mark.requirement("E2")
def test_each_notice_becomes_a_message_with_its_tracking_record(queued: Any):
    a, b = take_many([given(), given(phone="+8613900139000")], origin="form", now=NOON)
    send_due(NOON)
    a.refresh_from_db()
    b.refresh_from_db()
    assert a.message_id != b.message_id
    for notice in (a, b):
        assert notice.message.phone == notice.phone
        record = TrackingRecord.objects.get(message=notice.message)
        assert (record.code, record.requested_by) == (None, "operations")
    assert queued.names[-1] == "messaging.jobs.send_chunk"


@pytest.mark.requirement("E8")
def test_a_record_names_who_ordered_and_the_line_of_business():
    kind = MessageType.objects.get(code="repayment_reminder")
    kind.business_type = make_business_type("repayment")
    kind.save()
    who = make_customer(phone=PHONE)
    take(given(), origin="api", now=NOON, client=make_client("Core bank"))
    send_due(NOON)
    record = TrackingRecord.objects.get()
    assert record.requested_by == "Core bank"
    assert (record.customer, record.business_type.code) == (who, "repayment")


@pytest.mark.requirement("A4")
def test_what_is_sent_is_the_template_filled():
    taken(language="en", name="Jan", text="repayment due: whatever stands here")
    send_due(NOON)
    assert Message.objects.get().text() == (
        "Dear Jan, your repayment of CNY 1,234.50 is due on 28 Nov 2026. "
        "Please keep enough money in your account."
    )


@pytest.mark.parametrize(
    ("due", "hours", "expires"),
    [
        (TODAY, 24, "2026-11-21 00:00"),  # not the day after
        (TODAY + timedelta(days=1), 24, "2026-11-21 12:00"),
        (TODAY + timedelta(days=1), 48, "2026-11-22 00:00"),
        (TODAY - timedelta(days=1), 24, "2026-11-21 12:00"),  # it was due already
        (None, 24, "2026-11-21 12:00"),
    ],
)
def test_a_notice_is_valid_until_the_day_it_speaks_of_is_over(due, hours, expires):
    MessageType.objects.update(valid_hours=hours)
    notice = taken()
    Notice.objects.update(due_on=due)
    TemplateVersion.objects.update(text="Dear {name}, repayment is due.")
    send_due(NOON)
    notice.refresh_from_db()
    local = timezone.localtime(notice.message.expires_at)
    assert local.strftime("%Y-%m-%d %H:%M") == expires


@pytest.mark.parametrize(("days", "wakes"), [(0, 1), (1, 0)])
def test_what_goes_out_today_waits_for_no_schedule(queued: Any, days: int, wakes: int):
    on = TODAY + timedelta(days=days)
    take_many([given(send_on=on), given(send_on=on)], origin="api", now=NOON)
    assert queued.names.count("campaigns.jobs.send_due_notices") == wakes


def test_sent_twice_is_sent_once():
    taken()
    assert send_due(NOON)["sent"] == 1
    assert send_due(NOON) == {"sent": 0, "held": 0}
    assert Message.objects.count() == 1


def test_notices_of_a_type_go_out_as_one_chunk():
    take_many([given() for _ in range(30)], origin="file", now=NOON)
    send_due(NOON)
    assert Chunk.objects.values_list("origin", "size").get() == ("notices", 30)


def test_a_thousand_are_taken_with_few_statements(django_assert_max_num_queries: Any):
    make_customer(phone=PHONE)
    # Seven, but that Django cuts an INSERT on SQLite at a thousand values.
    with django_assert_max_num_queries(30):
        take_many([given() for _ in range(1000)], origin="file", now=NOON)


def test_the_periodic_job_holds_what_is_late_by_the_clock_of_now():
    taken(send_on=TODAY)
    Notice.objects.update(send_on=timezone.localdate() - timedelta(days=1))
    assert send_due_notices() == {"sent": 0, "held": 1}


# --- partners and staff ------------------------------------------------------------------


def test_a_repeated_reference_returns_the_first_notice():
    client = make_client()
    first = take(given(client_reference="r1"), origin="api", now=NOON, client=client)
    again = take_many(
        [given(client_reference="r1", name="x"), given(client_reference="r2")],
        origin="api",
        now=NOON,
        client=client,
    )
    assert again[0] == first
    assert again[0].name == "张伟"
    assert Notice.objects.count() == 2


def test_a_reference_twice_in_one_call_is_one_notice():
    infos = [given(client_reference="r1")] * 2
    a, b = take_many(infos, origin="api", now=NOON, client=make_client())
    assert a.pk == b.pk


def test_another_partner_may_use_the_same_reference():
    for name in ("A", "B"):
        info = given(client_reference="r1")
        take(info, origin="api", now=NOON, client=make_client(name))
    assert Notice.objects.count() == 2


@pytest.mark.requirement("A2")
def test_a_person_decides_the_type_and_releases():
    staff = get_user_model().objects.create_user("staff")
    notice = taken(text="你好")
    kind = MessageType.objects.get(code="refund_failed")
    done = release(Notice.objects.all(), message_type=kind, by=staff, now=NOON)
    notice.refresh_from_db()
    assert done == {"scheduled": 1, "held": 0}
    assert (notice.status, notice.hold, notice.message_type) == ("scheduled", "", kind)


WRONG = "您的还款1,243.50元将于11月30日到期，提前还款提醒"


@pytest.mark.requirement("A4")
def test_a_text_that_says_another_amount_and_day_holds_the_notice():
    notice = taken(text=WRONG)
    assert (notice.status, notice.hold) == ("held", "mismatch")
    assert notice.detail == (
        "amount: 1,243.50元 ≠ 1,234.50; due_on: 11月30日 ≠ 2026-11-28"
    )


def test_a_person_who_looked_at_both_releases_it():
    held = Notice.objects.filter(pk=taken(text=WRONG).pk)
    assert release(held, by=None, now=NOON) == {"scheduled": 0, "held": 1}
    assert release(held, fields_are_right=True, by=None, now=NOON)["scheduled"] == 1
    entry = AuditEntry.objects.first()
    assert entry.detail == {"scheduled": 1, "held": 0, "overruled": True}


@pytest.mark.requirement("A5")
def test_a_past_notice_is_released_to_another_day():
    staff = get_user_model().objects.create_user("staff")
    notice = taken(send_on=TODAY - timedelta(days=3))
    release(Notice.objects.all(), send_on=TODAY, by=staff, now=NOON)
    notice.refresh_from_db()
    assert (notice.status, notice.send_on) == ("scheduled", TODAY)


def test_a_release_finds_the_customer_that_came_later():
    staff = get_user_model().objects.create_user("staff")
    notice = taken(name="")
    assert notice.hold == "missing_field"
    who = make_customer(phone=PHONE, name="王芳")
    release(Notice.objects.all(), by=staff, now=NOON)
    notice.refresh_from_db()
    assert (notice.status, notice.customer) == ("scheduled", who)


def test_a_cancelled_notice_is_never_sent():
    staff = get_user_model().objects.create_user("staff")
    taken()
    assert cancel(Notice.objects.all(), by=staff) == 1
    assert send_due(NOON)["sent"] == 0
