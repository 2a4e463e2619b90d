from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from backoffice.kit.http import Session
from backoffice.kit.ids import uuid7
from messaging.models import Message
from messaging.transports import transport
from messaging.transports.base import Asked, Unreadable
from messaging.transports.clouds import echo
from tests.messaging.transports.sample import Recorded, Sms, http_peer
from tests.messaging.transports.tencent import (
    SAMPLE,
    each,
    error,
    receipt,
    response,
)
from tests.messaging.transports.test_clouds import PHONE, phone, sms
from tests.messaging.transports.test_signatures import account_at

Failure, Status = Message.Failure, Message.Status
TENCENT = transport("tencent")
AT = datetime(2026, 11, 21, 4, tzinfo=UTC)
UNKNOWN, QUEUED = (Status.UNKNOWN, ""), (Status.QUEUED, "")


def failed(failure):
    return Status.FAILED, failure


def hand_over(answering, items):
    """The outcomes by SMS id, and what each request said."""
    with http_peer(answering) as peer, Session() as http:
        exchanges = TENCENT.send(account_at(SAMPLE, peer.url), items, http)
    outcomes = [one for exchange in exchanges for one in exchange.outcomes]
    assert sorted(one.id for one in outcomes) == sorted(item.id for item in items)
    return {one.id: one for one in outcomes}, [
        json.loads(one.body) for one in peer.seen
    ]


def outcome(answering, count=1):
    items = [sms(phone(n)) for n in range(count)]
    outcomes, _seen = hand_over(answering, items)
    [said] = {(one.status, one.failure) for one in outcomes.values()}
    return said


# --- handing over ------------------------------------------------------------------

CODES = [
    ("LimitExceeded.PhoneNumberThirtySecondLimit", QUEUED),
    ("LimitExceeded.PhoneNumberOneHourLimit", QUEUED),
    ("LimitExceeded.PhoneNumberDailyLimit", QUEUED),
    ("LimitExceeded.PhoneNumberSameContentDailyLimit", QUEUED),
    ("LimitExceeded.DeliveryFrequencyLimit", QUEUED),
    ("LimitExceeded.AppDailyLimit", QUEUED),
    ("LimitExceeded.AppMainlandChinaDailyLimit", QUEUED),
    ("LimitExceeded.AppGlobalDailyLimit", QUEUED),
    ("FailedOperation.MarketingSendTimeConstraint", QUEUED),
    ("FailedOperation.InsufficientBalanceInSmsPackage", QUEUED),
    ("UnauthorizedOperation.ServiceSuspendDueToArrears", QUEUED),
    ("InternalError.RequestTimeException", QUEUED),
    ("AuthFailure.SignatureFailure", QUEUED),
    ("RequestLimitExceeded", QUEUED),
    ("InvalidParameterValue.IncorrectPhoneNumber", failed(Failure.INVALID_NUMBER)),
    ("FailedOperation.PhoneNumberInBlacklist", failed(Failure.BLOCKED)),
    ("FailedOperation.ContainSensitiveWord", failed(Failure.REJECTED_CONTENT)),
    (
        "FailedOperation.SignatureIncorrectOrUnapproved",
        failed(Failure.REJECTED_CONTENT),
    ),
    (
        "FailedOperation.TemplateIncorrectOrUnapproved",
        failed(Failure.REJECTED_CONTENT),
    ),
    (
        "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
        failed(Failure.REJECTED_CONTENT),
    ),
    (
        "InvalidParameterValue.MarketingTemplateWithoutUnsubscribe",
        failed(Failure.REJECTED_CONTENT),
    ),
    (
        "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
        failed(Failure.LINK_IN_VALUE),
    ),
    ("MissingParameter", failed(Failure.PROVIDER_ERROR)),
    ("InternalError.Timeout", UNKNOWN),
    ("InternalError.SendAndRecvFail", UNKNOWN),
    ("InternalError.OtherError", UNKNOWN),
    ("FailedOperation.NeverHeardOf", UNKNOWN),
    ("", UNKNOWN),
]


@pytest.mark.parametrize(("code", "expected"), CODES)
def test_word_for_a_number_has_its_outcome(code, expected):
    said = {"Code": code, "SerialNo": ""}
    assert outcome(lambda seen: each(seen, lambda _phone: said)) == expected


@pytest.mark.parametrize(("code", "expected"), CODES)
def test_word_for_a_whole_request_has_the_same_outcome(code, expected):
    assert outcome(lambda _seen: error(code)) == expected


def test_some_numbers_of_a_request_are_taken_and_others_not():
    items = [sms(phone(n)) for n in range(3)]
    codes = {
        phone(0): {"Code": "Ok", "SerialNo": "5000:1"},
        phone(1): {"Code": "FailedOperation.PhoneNumberInBlacklist"},
        phone(2): {"Code": "LimitExceeded.PhoneNumberDailyLimit"},
    }
    outcomes, [_seen] = hand_over(lambda seen: each(seen, codes.get), items)
    assert [outcomes[one.id].status for one in items] == [
        Status.SENT,
        Status.FAILED,
        Status.QUEUED,
    ]


def test_number_without_an_answer_is_unknown():
    items = [sms(phone(n)) for n in range(2)]
    row = {"PhoneNumber": phone(0), "Code": "Ok", "SerialNo": "5000:1"}
    outcomes, _seen = hand_over(lambda _seen: response({"SendStatusSet": [row]}), items)
    assert [outcomes[one.id].status for one in items] == [Status.SENT, Status.UNKNOWN]


def test_taken_without_a_serial_number_is_unknown():
    assert outcome(lambda seen: each(seen, lambda _phone: {"Code": "Ok"})) == UNKNOWN


def test_server_error_is_unknown_whatever_it_says():
    body = error("MissingParameter").body
    assert outcome(lambda _seen: Recorded(500, body)) == UNKNOWN


def test_several_refused_for_one_number_go_alone_and_only_that_one_fails():
    items = [sms(phone(n)) for n in range(3)]

    def answering(seen):
        if phone(1) in json.loads(seen.body)["PhoneNumberSet"]:
            return error("InvalidParameterValue.IncorrectPhoneNumber")
        return SAMPLE.taken(seen)

    outcomes, _seen = hand_over(answering, items)
    assert [outcomes[one.id].status for one in items] == [
        Status.SENT,
        Status.FAILED,
        Status.SENT,
    ]


def test_values_go_in_the_providers_order_and_numbers_as_e164():
    item = sms(PHONE, **{"1": "Li", "2": "12.50"})
    _outcomes, [said] = hand_over(SAMPLE.taken, [item])
    assert said == {
        "PhoneNumberSet": [PHONE],
        "TemplateId": "SMS_1",
        "SignName": "Bank",
        "TemplateParamSet": ["Li", "12.50"],
        "SessionContext": str(item.id),
        "SmsSdkAppId": "1400006666",
    }


def test_other_values_are_another_request():
    items = [
        sms(phone(1), name="Li"),
        sms(phone(2), name="Wu"),
        sms(phone(3), name="Li"),
    ]
    _outcomes, said = hand_over(SAMPLE.taken, items)
    assert sorted(len(one["PhoneNumberSet"]) for one in said) == [1, 2]


def test_numbers_at_home_and_abroad_are_not_in_one_request():
    items = [sms(PHONE), sms("+85291234567"), sms("+13125550123")]
    _outcomes, said = hand_over(SAMPLE.taken, items)
    assert sorted(one["PhoneNumberSet"] for one in said) == [
        ["+85291234567", "+13125550123"],
        [PHONE],
    ]


def test_word_of_a_full_request_is_as_long_as_it_may_be():
    items = [sms(phone(n)) for n in range(200)]
    _outcomes, [said] = hand_over(SAMPLE.taken, items)
    assert len(said["SessionContext"]) < 512


# --- receipts and replies ------------------------------------------------------------


A_SMS = Sms(uuid7(), PHONE, "5000:1045710669157053657849499619")


def test_receipt_is_read_as_documented():
    [event] = TENCENT.parse_receipts(receipt(A_SMS))
    assert (event.reference, event.phone) == (A_SMS.reference, PHONE)
    assert (event.status, event.failure, event.words) == (
        Status.DELIVERED,
        "",
        "DELIVRD",
    )
    assert event.at == datetime(2026, 11, 21, 0, 3, 4, tzinfo=UTC)
    assert event.message_id == A_SMS.id


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        ("UNDELIV", Failure.UNREACHABLE),
        ("MK:0001", Failure.INVALID_NUMBER),
        ("REJECTD", Failure.REJECTED_CONTENT),
        ("WORD_OF_TOMORROW", Failure.OTHER),
    ],
)
def test_failed_receipt_says_why(words, failure):
    [event] = TENCENT.parse_receipts(receipt(A_SMS, report_status="FAIL", errmsg=words))
    assert (event.status, event.failure) == failed(failure)


def test_receipt_in_words_that_are_not_known_says_it_has_the_sms():
    [event] = TENCENT.parse_receipts(receipt(A_SMS, report_status="MAYBE"))
    assert (event.status, event.failure) == (Status.SENT, "")


def test_country_stands_apart_from_the_number():
    body = receipt(A_SMS, nationcode="852", mobile="91234567")
    [event] = TENCENT.parse_receipts(body)
    assert event.phone == "+85291234567"


@pytest.mark.parametrize("name", ["report_status", "sid", "mobile"])
def test_receipt_without_what_it_must_have_is_unreadable(name):
    [row] = json.loads(receipt(A_SMS))
    del row[name]
    with pytest.raises(Unreadable):
        TENCENT.parse_receipts(json.dumps([row]).encode())


def test_reply_is_read_as_documented():
    [reply] = TENCENT.parse_replies(SAMPLE.reply("7", PHONE, "退订"))
    assert (reply.phone, reply.text) == (PHONE, "退订")
    assert reply.at == datetime.fromtimestamp(1795212007, UTC)


def test_reply_has_no_id_but_a_repeated_one_is_the_same():
    [first] = TENCENT.parse_replies(SAMPLE.reply("7", PHONE, "R"))
    [again] = TENCENT.parse_replies(SAMPLE.reply("7", PHONE, "R"))
    [later] = TENCENT.parse_replies(SAMPLE.reply("8", PHONE, "R"))
    assert first.id == again.id != later.id
    assert PHONE[3:] not in first.id


def test_answer_to_a_callback_is_as_documented():
    content_type, body = TENCENT.acknowledgement()
    assert content_type == "application/json"
    assert json.loads(body) == {"result": 0, "errmsg": "OK"}


# --- asking ----------------------------------------------------------------------------

ONE = Asked(uuid7(), PHONE, AT)


def record(word, status="SUCCESS", **over):
    return {
        "UserReceiveTime": 1795212007,
        "CountryCode": "86",
        "SubscriberNumber": "13800000001",
        "PhoneNumber": PHONE,
        "SerialNo": "5000:1",
        "ReportStatus": status,
        "Description": "DELIVRD",
        "SessionContext": word,
        **over,
    }


def asked(answer, one=ONE):
    with http_peer(lambda _seen: answer) as peer, Session() as http:
        return TENCENT.query(account_at(SAMPLE, peer.url), [one], http)


def records(*rows):
    return response({"PullSmsSendStatusSet": rows})


@pytest.mark.parametrize(
    ("said", "expected"),
    [("SUCCESS", (Status.DELIVERED, "")), ("FAIL", failed(Failure.OTHER))],
)
def test_record_of_the_sms_settles_it(said, expected):
    [found] = asked(records(record("x"), record(str(ONE.id), said)))
    assert (found.event.status, found.event.failure) == expected
    assert (found.event.reference, found.event.message_id) == ("5000:1", ONE.id)


def test_sms_of_several_is_known_by_the_word_of_its_request():
    item = sms()
    word = echo([sms(phone(2)), item])
    assert asked(records(record(word)), Asked(item.id, PHONE, AT))


def test_known_serial_number_is_enough():
    one = Asked(uuid7(), PHONE, AT, "5000:1")
    assert asked(records(record("")), one)
    assert not asked(records(record("", SerialNo="5000:2")), one)


@pytest.mark.parametrize(
    "answer",
    [
        records(),
        records(record("")),
        records(record(str(uuid7()))),
        records(record(str(ONE.id), "")),
        records(5),
        error("RequestLimitExceeded"),
        Recorded(500, b""),
        Recorded(200, b"{"),
    ],
)
def test_no_record_is_no_proof_that_it_took_nothing(answer):
    assert asked(answer) == []
