from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from messaging.smpp import pdu
from messaging.smpp.reports import (
    Report,
    done_at,
    id_of_receipt,
    id_of_response,
    is_receipt,
    read_report,
    text_of,
)

PHONE = "8613800000001"
KANNEL = "id:7D1 sub:001 dlvrd:001 submit date:2611220101 done date:2611220102 stat:DELIVRD err:000 text:Hello stat:X"


def deliver(text="", tlvs=None, *, octets=None, **values):
    octets = text.encode() if octets is None else octets
    values = {"source_addr": PHONE, "esm_class": 4, "short_message": octets, **values}
    return pdu.Pdu(pdu.DELIVER_SM, 1, values=values, tlvs=tlvs or {})


def test_text_form_is_read_by_name():
    expected = Report("7D1", PHONE, "DELIVRD", "000", "2611220102")
    assert read_report(deliver(KANNEL)) == expected


@pytest.mark.parametrize(
    ("text", "report"),
    [
        # Jasmin: a UUID, and fields left out.
        (
            "id:6b0b1a0e-3f6c-4a0a-8d54-9f0e submit date:2611220101 done date:261122010203 stat:UNDELIV err:1F",
            Report("6b0b1a0e-3f6c-4a0a-8d54-9f0e", PHONE, "UNDELIV", "1F", "261122010203"),
        ),
        ("stat:Expired ID:0012", Report("0012", PHONE, "EXPIRED")),
    ],
)  # fmt: skip
def test_other_smscs_leave_out_reorder_and_spell_differently(text, report):
    assert read_report(deliver(text)) == report


def test_parameters_count_before_the_text():
    tlvs = {pdu.RECEIPTED_MESSAGE_ID: b"2001\0", pdu.MESSAGE_STATE: b"\x05"}
    report = read_report(deliver(KANNEL, tlvs))
    assert (report.reference, report.state) == ("2001", "UNDELIV")


def test_parameters_will_do_without_a_text():
    tlvs = {pdu.RECEIPTED_MESSAGE_ID: b"2001", pdu.MESSAGE_STATE: b"\x02"}
    assert read_report(deliver("", tlvs)) == Report("2001", PHONE, "DELIVRD")


def test_text_is_decoded_before_it_is_read():
    octets = KANNEL.replace("Hello", "您好").encode("utf-16-be")
    assert read_report(deliver(octets=octets, data_coding=8)).reference == "7D1"


def test_text_may_stand_in_message_payload():
    tlvs = {pdu.MESSAGE_PAYLOAD: KANNEL.encode()}
    assert read_report(deliver("", tlvs)).state == "DELIVRD"


@pytest.mark.parametrize("text", ["", "id:7D1", "stat:DELIVRD", "id: stat:DELIVRD"])
def test_receipt_without_id_or_state_is_malformed(text):
    with pytest.raises(pdu.Malformed):
        read_report(deliver(text))


@pytest.mark.parametrize(
    ("esm_class", "expected"),
    [(0x00, False), (0x04, True), (0x44, True), (0x20, True), (0x08, False)],
)
def test_esm_class_tells_receipts_from_replies(esm_class, expected):
    assert is_receipt(deliver(esm_class=esm_class)) is expected


def test_header_of_a_long_reply_is_no_text():
    octets = b"\x05\x00\x03\x01\x02\x01" + "退订".encode("utf-16-be")
    assert text_of(deliver(octets=octets, esm_class=0x40, data_coding=8)) == "退订"


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ("2611220102", datetime(2026, 11, 21, 17, 2, tzinfo=UTC)),
        ("261122010203", datetime(2026, 11, 21, 17, 2, 3, tzinfo=UTC)),
        ("2613450102", None),
        ("", None),
    ],
)
def test_time_is_of_the_smscs_zone(done, expected):
    assert done_at(done, ZoneInfo("Asia/Shanghai")) == expected


@pytest.mark.parametrize(
    ("form", "response", "receipt"),
    [
        ("as_is", "7D1", "7D1"),
        ("loose", "000007d1", "7D1"),
        ("loose", "0", "0"),
        ("hex_dec", "7D1", "2001"),
        ("hex_dec", "000007d1", "0000002001"),
        ("dec_hex", "2001", "07D1"),
        # What is no number in its form stays as it is.
        ("hex_dec", "6b0b-1a", "6b0b-1a"),
    ],
)
def test_id_of_a_receipt_finds_that_of_the_response(form, response, receipt):
    assert id_of_response(response, form) == id_of_receipt(receipt, form)


def test_as_it_is_means_as_it_is():
    assert id_of_response("07d1", "as_is") != id_of_receipt("7D1", "as_is")
