from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.kit.http import Session
from backoffice.kit.ids import uuid7
from messaging.models import Message
from messaging.transports import transport
from messaging.transports.base import Approved, Outgoing, Unreadable
from messaging.transports.clouds import (
    batches,
    e164,
    echo,
    echoed_id,
    echoes,
    local_time,
    operator_failure,
    rows,
)
from tests.messaging.transports import aliyun, tencent
from tests.messaging.transports.sample import http_peer
from tests.messaging.transports.test_signatures import account_at

Failure, Status = Message.Failure, Message.Status
PHONE = "+8613800000001"
A_SMS = uuid7()
clouds = pytest.mark.parametrize("sample", [aliyun.SAMPLE, tencent.SAMPLE])


def sms(phone=PHONE, code="SMS_1", **values):
    approved = Approved(code, "Bank", tuple(values.items()))
    return Outgoing(uuid7(), phone, "您好", approved)


def phone(n):
    return f"+86138{n:08d}"


def hand_over(sample, items):
    """The outcomes by SMS id, and the requests that the cloud saw."""
    with http_peer(sample.taken) as peer, Session() as http:
        account = account_at(sample, peer.url)
        exchanges = transport(sample.slug).send(account, items, http)
    outcomes = [one for exchange in exchanges for one in exchange.outcomes]
    return {one.id: one for one in outcomes}, peer.seen


# --- what a cloud would refuse -------------------------------------------------------


@clouds
@pytest.mark.parametrize(
    ("item", "failure"),
    [
        (Outgoing(uuid7(), PHONE, "您好"), Failure.REJECTED_CONTENT),
        (sms(link="https://s.example/Ab3"), Failure.LINK_IN_VALUE),
        (sms(name="Li", link="www.bank.com"), Failure.LINK_IN_VALUE),
    ],
)
def test_what_the_cloud_would_refuse_is_not_handed_over(sample, item, failure):
    outcomes, seen = hand_over(sample, [item])
    assert (outcomes[item.id].status, outcomes[item.id].failure) == (
        Status.FAILED,
        failure,
    )
    assert not seen


@clouds
def test_one_that_is_refused_holds_up_no_other(sample):
    good, bad = sms(name="Li"), Outgoing(uuid7(), phone(2), "您好")
    outcomes, _seen = hand_over(sample, [bad, good])
    assert outcomes[good.id].status == Status.SENT


# --- requests --------------------------------------------------------------------------


@clouds
def test_fence_of_250_with_the_same_values_goes_in_few_requests(sample):
    items = [sms(phone(n), name="Li") for n in range(250)]
    outcomes, seen = hand_over(sample, items)
    size = transport(sample.slug).batch
    assert len(seen) == -(-250 // size)
    assert {one.status for one in outcomes.values()} == {Status.SENT}


def test_no_phone_is_twice_in_a_request():
    items = [sms(), sms(), sms(phone(2))]
    cut = batches(items, lambda item: item.approved.code, 100)
    assert [[one.id for one in batch] for batch in cut] == [
        [items[0].id, items[2].id],
        [items[1].id],
    ]


@clouds
def test_nothing_of_a_person_stands_in_the_address_of_a_handover(sample):
    _outcomes, [seen] = hand_over(sample, [sms(name="Li Lei")])
    assert "1380000" not in seen.path
    assert "Li" not in seen.path


# --- the word that comes back --------------------------------------------------------------


@given(count=st.integers(1, 200))
def test_word_of_a_request_knows_its_sms_and_fits(count):
    items = [sms(phone(n)) for n in range(count)]
    word = echo(items)
    assert all(echoes(word, item.id) for item in items)
    assert len(word) <= 2.55 * count + 36


def test_word_of_one_sms_is_its_id():
    item = sms()
    assert echoed_id(echo([item])) == item.id


@given(word=st.uuids())
def test_word_of_one_sms_knows_no_other(word):
    assert not echoes(str(word), A_SMS)


def test_letters_of_an_id_are_not_taken_for_those_of_another():
    # Its two letters, "4f", stand in the other's id.
    sms_id = UUID(bytes=bytes(13) + b"\xe1\xf0\x00")
    assert echo([sms(), Outgoing(sms_id, PHONE, "")])[2:] == "4f"
    assert not echoes("01a20112-898b-779c-b4f0-d1d9d2779e70", sms_id)


@pytest.mark.parametrize("word", ["", "12345", "x" * 36, echo([sms(), sms()])])
def test_other_words_are_no_id(word):
    assert echoed_id(word) is None


def test_another_requests_word_knows_an_sms_hardly_ever():
    others = echo([sms() for _n in range(100)])
    known = sum(echoes(others, uuid7()) for _n in range(1000))
    assert known < 100  # 24 are expected


# --- what callbacks write -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("13800000001", "+8613800000001"),
        ("8613800000001", "+8613800000001"),
        ("+8613800000001", "+8613800000001"),
        ("008613800000001", "+8613800000001"),
        ("85291234567", "+85291234567"),
        ("+13125550123", "+13125550123"),
    ],
)
def test_number_is_found_as_the_index_has_it(written, number):
    assert e164(written) == number


def test_time_is_chinas():
    at = datetime(2026, 11, 21, 0, 3, 4, tzinfo=UTC)
    assert local_time("2026-11-21 08:03:04") == at


@pytest.mark.parametrize("text", ["", "yesterday", None, 5, "2026-13-01 00:00:00"])
def test_no_time_is_none(text):
    assert local_time(text) is None


@pytest.mark.parametrize(
    ("word", "failure"),
    [
        ("MK:0001", Failure.INVALID_NUMBER),
        ("MK:0010", Failure.UNREACHABLE),
        ("UNDELIV", Failure.UNREACHABLE),
        ("MBBLACK", Failure.BLOCKED),
        ("XA:4711", Failure.OTHER),
        ("", Failure.OTHER),
    ],
)
def test_operators_words_have_a_failure(word, failure):
    assert operator_failure(word) == failure


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"5", b"[" * 100_000])
def test_what_is_no_list_of_objects_is_unreadable(body):
    with pytest.raises(Unreadable):
        rows(body)
