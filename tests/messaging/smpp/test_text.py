from __future__ import annotations

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from messaging.smpp import pdu
from messaging.smpp.text import DEFAULT, UCS2, UDHI, Coded, decode, encode, split
from messaging.text import BASIC, EXTENSION, count_parts

GSM = st.text(BASIC + EXTENSION, max_size=700)
WIDE = st.text("您好a€😀𠀀", min_size=1, max_size=300)


@given(GSM | WIDE)
def test_text_comes_back(text):
    coded = encode(text)
    assert decode(coded.octets, coded.data_coding) == text


@given(GSM)
def test_gsm_octets_are_those_of_smsutil(text):
    assert encode(text) == Coded(DEFAULT, smsutil.encode(text))


@pytest.mark.parametrize("concatenation", ["udh8", "sar"])
@given(text=GSM | WIDE)
def test_there_are_as_many_parts_as_are_counted(concatenation, text):
    parts = split(encode(text), concatenation, 1)
    assert len(parts) == max(1, count_parts(text, rule="gsm").parts)


@pytest.mark.parametrize("concatenation", ["udh8", "udh16", "sar"])
@given(text=GSM | WIDE)
def test_parts_put_together_are_the_text_and_each_fits(concatenation, text):
    coded = encode(text)
    parts = split(coded, concatenation, 0x1234)
    decoded = [decode(one.octets, coded.data_coding, one.esm_class) for one in parts]
    assert "".join(decoded) == text
    # No pair is cut: each part is readable by itself.
    assert "\ufffd" not in "".join(decoded)
    room = 160 if coded.data_coding == DEFAULT else 140
    assert all(len(one.octets) + _headed(one, coded) <= room for one in parts)


def _headed(part, coded):
    """A header of six octets takes the place of seven septets, one of seven that of eight."""
    return 1 if part.esm_class & UDHI and coded.data_coding == DEFAULT else 0


@pytest.mark.parametrize(
    ("concatenation", "first", "second"),
    [
        ("udh8", b"\x05\x00\x03\x34\x02\x01", b"\x05\x00\x03\x34\x02\x02"),
        ("udh16", b"\x06\x08\x04\x12\x34\x02\x01", b"\x06\x08\x04\x12\x34\x02\x02"),
    ],
)
def test_header_names_reference_total_and_number(concatenation, first, second):
    parts = split(encode("a" * 200), concatenation, 0x1234)
    assert [one.esm_class for one in parts] == [UDHI, UDHI]
    assert parts[0].octets.startswith(first)
    assert parts[1].octets.startswith(second)


def test_sar_parameters_name_reference_total_and_number():
    parts = split(encode("您" * 100), "sar", 0x1234)
    assert [one.esm_class for one in parts] == [0, 0]
    assert parts[1].tlvs == {
        pdu.SAR_MSG_REF_NUM: b"\x12\x34",
        pdu.SAR_TOTAL_SEGMENTS: b"\x02",
        pdu.SAR_SEGMENT_SEQNUM: b"\x02",
    }


def test_payload_is_one_piece():
    [part] = split(encode("您" * 100), "payload", 1)
    assert part.tlvs == {pdu.MESSAGE_PAYLOAD: ("您" * 100).encode("utf-16-be")}


def test_short_text_has_neither_header_nor_payload():
    for concatenation in ("udh8", "udh16", "sar", "payload"):
        [part] = split(encode("a" * 160), concatenation, 1)
        assert (part.octets, part.esm_class, part.tlvs) == (b"a" * 160, 0, {})


def test_ucs2_may_be_asked_for():
    assert encode("abc", "ucs2") == Coded(UCS2, "abc".encode("utf-16-be"))


def test_more_than_255_parts_cannot_be_sent():
    with pytest.raises(ValueError, match="255"):
        split(encode("a" * 153 * 256), "udh8", 1)


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255))
def test_any_octets_are_read_as_some_text(octets, data_coding, esm_class):
    assert isinstance(decode(octets, data_coding, esm_class), str)
