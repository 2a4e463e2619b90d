from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from backoffice.kit.crypto import blind_index
from backoffice.kit.http import Session
from backoffice.kit.ids import uuid7
from messaging.models import (
    Chunk,
    Message,
    ProviderAccount,
    ProviderReference,
    ProviderTemplate,
)
from messaging.receipts import settle
from messaging.sending import send_chunk
from messaging.transports import transport
from messaging.transports.base import Asked, Found, Unreadable
from messaging.transports.clouds import echo
from messaging.unknowns import query_due
from tests.builders import (
    make_account,
    make_chunk,
    make_customer,
    make_message,
    make_template,
)
from tests.messaging.transports.aliyun import (
    BIZ_ID,
    SAMPLE,
    form,
    numbers,
    query,
    receipt,
    says,
)
from tests.messaging.transports.sample import Recorded, Reset, Sms, http_peer
from tests.messaging.transports.test_clouds import PHONE, phone, sms
from tests.messaging.transports.test_signatures import account_at

Failure, Status = Message.Failure, Message.Status
ALIYUN = transport("aliyun")
AT = datetime(2026, 11, 21, 4, tzinfo=UTC)
UNKNOWN, QUEUED = (Status.UNKNOWN, ""), (Status.QUEUED, "")


def failed(failure):
    return Status.FAILED, failure


def hand_over(answering, items):
    """The outcomes by SMS id, and the requests that it saw."""
    with http_peer(answering) as peer, Session() as http:
        exchanges = ALIYUN.send(account_at(SAMPLE, peer.url), items, http)
    outcomes = [one for exchange in exchanges for one in exchange.outcomes]
    assert sorted(one.id for one in outcomes) == sorted(item.id for item in items)
    return {one.id: one for one in outcomes}, peer.seen


def outcome(answer, count=1):
    items = [sms(phone(n)) for n in range(count)]
    outcomes, _seen = hand_over(lambda seen: answer, items)
    [said] = {(one.status, one.failure) for one in outcomes.values()}
    return said


# --- handing over ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", QUEUED),
        ("isv.DAY_LIMIT_CONTROL", QUEUED),
        ("isv.MONTH_LIMIT_CONTROL", QUEUED),
        ("isv.OUT_OF_SERVICE", QUEUED),
        ("isv.AMOUNT_NOT_ENOUGH", QUEUED),
        ("isv.ACCOUNT_ABNORMAL", QUEUED),
        ("isv.DENY_IP_RANGE", QUEUED),
        ("isp.RAM_PERMISSION_DENY", QUEUED),
        ("InvalidAccessKeyId.NotFound", QUEUED),
        ("SignatureDoesNotMatch", QUEUED),
        ("Throttling.User", QUEUED),
        ("Throttling.Burst", QUEUED),
        ("isv.MOBILE_NUMBER_ILLEGAL", failed(Failure.INVALID_NUMBER)),
        ("isv.SMS_TEMPLATE_ILLEGAL", failed(Failure.REJECTED_CONTENT)),
        ("isv.SMS_SIGNATURE_ILLEGAL", failed(Failure.REJECTED_CONTENT)),
        ("isv.SMS_SIGNATURE_SCENE_ILLEGAL", failed(Failure.REJECTED_CONTENT)),
        ("isv.SIGN_STATE_ILLEGAL", failed(Failure.REJECTED_CONTENT)),
        ("isv.TEMPLATE_MISSING_PARAMETERS", failed(Failure.REJECTED_CONTENT)),
        ("isv.TEMPLATE_PARAMS_ILLEGAL", failed(Failure.REJECTED_CONTENT)),
        ("isv.PARAM_LENGTH_LIMIT", failed(Failure.REJECTED_CONTENT)),
        ("isv.BLACK_KEY_CONTROL_LIMIT", failed(Failure.REJECTED_CONTENT)),
        ("isv.SMS_CONTENT_ILLEGAL", failed(Failure.REJECTED_CONTENT)),
        ("isv.PARAM_NOT_SUPPORT_URL", failed(Failure.LINK_IN_VALUE)),
        ("isv.EXTEND_CODE_ERROR", failed(Failure.PROVIDER_ERROR)),
        ("isp.SYSTEM_ERROR", UNKNOWN),
        ("SignatureNonceUsed", UNKNOWN),
        ("isv.NEVER_HEARD_OF", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_word_for_a_request_has_its_outcome(code, expected):
    assert outcome(says(code)) == expected


def test_taken_without_a_reference_is_unknown():
    assert outcome(says("OK")) == UNKNOWN


@pytest.mark.parametrize("code", ["OK", "isv.MOBILE_NUMBER_ILLEGAL", "isv.OTHER"])
def test_server_error_is_unknown_whatever_it_says(code):
    assert outcome(says(code, status=500, BizId=BIZ_ID)) == UNKNOWN


def test_server_that_says_throttled_took_nothing():
    assert outcome(says("Throttling", status=503)) == QUEUED


def test_limit_of_a_phone_leaves_several_in_doubt():
    assert outcome(says("isv.BUSINESS_LIMIT_CONTROL"), count=3) == UNKNOWN


def test_template_refused_for_several_is_refused_for_each():
    refused = failed(Failure.REJECTED_CONTENT)
    assert outcome(says("isv.SMS_TEMPLATE_ILLEGAL"), count=3) == refused


def test_several_refused_for_one_go_alone_and_only_that_one_fails():
    items = [sms(phone(n)) for n in range(3)]

    def answering(seen):
        if "13800000001" in numbers(seen):
            return says("isv.MOBILE_NUMBER_ILLEGAL")
        return says("OK", BizId=BIZ_ID)

    outcomes, seen = hand_over(answering, items)
    assert [outcomes[one.id].status for one in items] == [
        Status.SENT,
        Status.FAILED,
        Status.SENT,
    ]
    assert sorted(len(numbers(one)) for one in seen) == [1, 1, 1, 3]


def test_each_sms_has_its_own_values_and_one_reference():
    items = [sms(phone(n), name=f"Li {n}") for n in range(3)]
    outcomes, [seen] = hand_over(SAMPLE.taken, items)
    values = json.loads(form(seen)["TemplateParamJson"])
    assert values == [{"name": "Li 0"}, {"name": "Li 1"}, {"name": "Li 2"}]
    assert {one.reference for one in outcomes.values()} == {BIZ_ID}


def test_another_template_is_another_request():
    items = [sms(phone(1)), sms(phone(2), code="SMS_2"), sms(phone(3))]
    _outcomes, seen = hand_over(SAMPLE.taken, items)
    assert {query(one)["TemplateCode"]: len(numbers(one)) for one in seen} == {
        "SMS_1": 2,
        "SMS_2": 1,
    }


def test_word_of_a_full_request_is_as_long_as_it_may_be():
    items = [sms(phone(n)) for n in range(100)]
    _outcomes, [seen] = hand_over(SAMPLE.taken, items)
    assert len(query(seen)["OutId"]) < 256


def test_number_abroad_goes_alone_without_its_plus():
    items = [sms("+85291234567"), sms("+13125550123"), sms(PHONE)]
    _outcomes, seen = hand_over(SAMPLE.taken, items)
    assert sorted(numbers(one) for one in seen) == [
        ["13125550123"],
        ["13800000001"],
        ["85291234567"],
    ]


def test_account_without_keys_is_refused_by_it_and_does_not_raise():
    with http_peer(lambda _seen: says("InvalidAccessKeyId.NotFound")) as peer:
        account = ProviderAccount(transport="aliyun", settings={"url": peer.url})
        account.set_secrets({})
        with Session() as http:
            [exchange] = ALIYUN.send(account, [sms()], http)
    assert exchange.outcomes[0].status == Status.QUEUED


# --- receipts and replies ------------------------------------------------------------


A_SMS = Sms(uuid7(), PHONE, BIZ_ID)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ("MOBILE_NOT_ON_SERVICE", Failure.UNREACHABLE),
        ("INVALID_NUMBER", Failure.UNREACHABLE),
        ("MOBILE_IN_BLACK", Failure.BLOCKED),
        ("USER_REJECT", Failure.BLOCKED),
        ("CONTENT_KEYWORD", Failure.REJECTED_CONTENT),
        ("MOBILE_SEND_LIMIT", Failure.PROVIDER_ERROR),
        ("NO_ROUTE", Failure.PROVIDER_ERROR),
        ("isv.BUSINESS_LIMIT_CONTROL", Failure.PROVIDER_ERROR),
        ("isv.MOBILE_NUMBER_ILLEGAL", Failure.INVALID_NUMBER),
        ("MK:0001", Failure.INVALID_NUMBER),
        ("WORD_OF_TOMORROW", Failure.OTHER),
    ],
)
def test_failed_receipt_says_why(error, failure):
    [event] = ALIYUN.parse_receipts(receipt(A_SMS, success=False, err_code=error))
    assert (event.status, event.failure, event.words) == (*failed(failure), error)


def test_receipt_is_read_as_documented():
    [event] = ALIYUN.parse_receipts(receipt(A_SMS))
    assert (event.reference, event.phone, event.status, event.failure) == (
        BIZ_ID,
        PHONE,
        Status.DELIVERED,
        "",
    )
    assert event.at == datetime(2026, 11, 21, 0, 3, 4, tzinfo=UTC)
    assert event.message_id == A_SMS.id


@pytest.mark.parametrize("name", ["success", "biz_id", "phone_number"])
def test_receipt_without_what_it_must_have_is_unreadable(name):
    [row] = json.loads(receipt(A_SMS))
    del row[name]
    with pytest.raises(Unreadable):
        ALIYUN.parse_receipts(json.dumps([row]).encode())


def test_receipt_with_a_success_of_words_is_unreadable():
    with pytest.raises(Unreadable):
        ALIYUN.parse_receipts(receipt(A_SMS, success="false"))


@pytest.mark.django_db
@pytest.mark.requirement("E4")
def test_one_reference_for_many_phones_finds_each_sms():
    account = make_account(transport="aliyun")
    messages = [
        make_message(make_customer(phone=phone(n)), status=Status.SENT, account=account)
        for n in range(3)
    ]
    for one in messages:
        index = blind_index(one.phone)
        ProviderReference.objects.create(
            account=account, reference=BIZ_ID, phone_index=index, message=one
        )
    word = echo([sms(), sms()])
    bodies = [
        receipt(Sms(one.id, one.phone, BIZ_ID), out_id=word, success=n != 1)
        for n, one in enumerate(messages)
    ]
    events = [event for body in bodies for event in ALIYUN.parse_receipts(body)]
    settle(account, events, now=timezone.now())
    states = [Message.objects.get(pk=one.pk).status for one in messages]
    assert states == [Status.DELIVERED, Status.FAILED, Status.DELIVERED]


def test_reply_is_read_as_documented():
    [reply] = ALIYUN.parse_replies(SAMPLE.reply("77", PHONE, "退订"))
    assert (reply.id, reply.phone, reply.text) == ("77", PHONE, "退订")
    assert reply.at == datetime(2026, 11, 21, 0, 3, 4, tzinfo=UTC)


def test_number_of_a_reply_may_be_a_number():
    [row] = json.loads(SAMPLE.reply("77", PHONE, "R"))
    row["sequence_id"] = 77
    [reply] = ALIYUN.parse_replies(json.dumps([row]).encode())
    assert reply.id == "77"


def test_answer_to_a_callback_has_a_number_as_its_code():
    content_type, body = ALIYUN.acknowledgement()
    assert content_type == "application/json"
    assert json.loads(body)["code"] == 0


# --- asking ----------------------------------------------------------------------------


def records(*rows, total=None):
    count = str(len(rows) if total is None else total)
    return says("OK", TotalCount=count, SmsSendDetailDTOs={"SmsSendDetailDTO": rows})


def record(out_id, status, **over):
    return {
        "PhoneNum": "13800000001",
        "SendStatus": status,
        "ErrCode": "DELIVERED",
        "TemplateCode": "SMS_1",
        "Content": "【Bank】您好",
        "SendDate": "2026-11-21 12:00:01",
        "ReceiveDate": "2026-11-21 12:00:09",
        "OutId": out_id,
        **over,
    }


ONE = Asked(uuid7(), PHONE, AT)


def asked(answer, one=ONE):
    """What a query brings, and the requests that it saw."""
    answering = answer if callable(answer) else lambda _seen: answer
    with http_peer(answering) as peer, Session() as http:
        found = ALIYUN.query(account_at(SAMPLE, peer.url), [one], http)
    return found, peer.seen


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (3, "DELIVERED", (Status.DELIVERED, "")),
        (2, "MOBILE_IN_BLACK", failed(Failure.BLOCKED)),
        (1, "", (Status.SENT, "")),
    ],
)
def test_record_of_the_sms_settles_it(status, error, expected):
    [found], _seen = asked(records(record(str(ONE.id), status, ErrCode=error)))
    assert (found.event.status, found.event.failure) == expected
    assert found.event.message_id == ONE.id


def test_record_of_another_sms_to_the_phone_is_not_the_sms():
    found, _seen = asked(records(record(str(uuid7()), 3), record("", 3)))
    assert found == [Found(ONE.id, None)]


def test_sms_of_several_is_known_by_the_word_of_its_request():
    item = sms()
    word = echo([sms(phone(2)), item])
    one = Asked(item.id, PHONE, AT)
    [found], _seen = asked(records(record(word, 3)), one)
    assert found.event.status == Status.DELIVERED


def test_sms_of_several_waits_for_its_end_but_not_for_ever():
    item = sms()
    word = echo([sms(phone(2)), item])
    fresh = Asked(item.id, PHONE, timezone.now())
    assert asked(records(record(word, 1)), fresh)[0] == []
    old = Asked(item.id, PHONE, timezone.now() - timedelta(hours=21))
    [found], _seen = asked(records(record(word, 1)), old)
    assert found.event.status == Status.SENT


def test_of_two_records_of_an_sms_the_further_one_counts():
    mine = str(ONE.id)
    [found], _seen = asked(records(record(mine, 2), record(mine, 3)))
    assert found.event.status == Status.DELIVERED


@pytest.mark.parametrize(
    "answer",
    [
        says("Throttling.User", status=400),
        says("isv.INVALID_PARAMETERS"),
        Recorded(200, b"{"),
        Recorded(500, b""),
        says("OK"),
        says("OK", TotalCount="x"),
        says("OK", TotalCount="1", SmsSendDetailDTOs={"SmsSendDetailDTO": [5]}),
        records(total=51),
    ],
)
def test_not_found_needs_a_whole_answer(answer):
    assert asked(answer)[0] == []


def test_day_of_the_question_is_chinas():
    _found, [seen] = asked(records(), Asked(uuid7(), PHONE, AT + timedelta(hours=14)))
    assert query(seen)["SendDate"] == "20261122"
    assert query(seen)["PhoneNumber"] == "13800000001"


def test_around_midnight_both_days_are_asked():
    midnight = datetime(2026, 11, 21, 16, tzinfo=UTC)
    one = Asked(uuid7(), PHONE, midnight)

    def answering(seen):
        mine = query(seen)["SendDate"] == "20261122"
        return records(record(str(one.id), 3)) if mine else records()

    [found], seen = asked(answering, one)
    assert sorted(query(one)["SendDate"] for one in seen) == ["20261121", "20261122"]
    assert found.event.status == Status.DELIVERED


# --- all the way --------------------------------------------------------------------------


@pytest.fixture
def chunk():
    """Two SMS whose template Aliyun has approved, and the account to send them over."""
    version = make_template("您好 {name}")
    account = make_account(transport="aliyun")
    account.set_secrets(dict(SAMPLE.secrets))
    account.save()
    ProviderTemplate.objects.create(
        version=version,
        account=account,
        sign_name="Bank",
        code="SMS_1",
        variables=[["name", "name"]],
        state=ProviderTemplate.State.APPROVED,
    )
    people = [make_customer(phone=phone(n)) for n in range(2)]
    return make_chunk(*people, version=version)


@contextmanager
def aliyun_answers(answering):
    with http_peer(answering) as peer:
        ProviderAccount.objects.update(settings={"url": peer.url})
        yield peer


@pytest.mark.django_db
@pytest.mark.requirement("E3")
def test_approved_texts_of_a_chunk_go_in_one_request_with_their_values(chunk):
    with aliyun_answers(SAMPLE.taken) as peer:
        send_chunk(chunk.pk)
    [seen] = peer.seen
    assert numbers(seen) == ["13800000000", "13800000001"]
    assert json.loads(form(seen)["TemplateParamJson"]) == [{"name": "Li Lei"}] * 2
    assert {one.status for one in chunk.messages.all()} == {Status.SENT}
    assert ProviderReference.objects.filter(reference=BIZ_ID).count() == 2


@pytest.mark.django_db
def test_lost_answer_is_settled_by_its_records(chunk):
    with aliyun_answers(lambda _seen: Reset()) as peer:
        send_chunk(chunk.pk)
    assert {one.status for one in chunk.messages.all()} == {Status.UNKNOWN}
    word = query(peer.seen[0])["OutId"]

    def answering(seen):
        is_first = query(seen)["PhoneNumber"] == "13800000000"
        return records(record(word, 3)) if is_first else records()

    Chunk.objects.update(query_at=timezone.now())
    with aliyun_answers(answering):
        query_due(timezone.now())
    messages = sorted(chunk.messages.all(), key=lambda one: one.phone)
    assert [(one.status, one.waiting) for one in messages] == [
        (Status.DELIVERED, ""),
        (Status.UNKNOWN, "not_found"),
    ]
