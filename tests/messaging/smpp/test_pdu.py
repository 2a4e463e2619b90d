from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from messaging.smpp import pdu
from messaging.smpp.pdu import Malformed, Pdu
from tests.smsc_process import FOLDER, NotInstalled, install

pytestmark = pytest.mark.once

CODE = {
    "bind_transceiver": pdu.BIND_TRANSCEIVER,
    "bind_receiver": pdu.BIND_RECEIVER,
    "bind_transmitter": pdu.BIND_TRANSMITTER,
    "bind_transceiver_resp": pdu.BIND_TRANSCEIVER | pdu.RESPONSE,
    "submit_sm": pdu.SUBMIT_SM,
    "submit_sm_resp": pdu.SUBMIT_SM | pdu.RESPONSE,
    "deliver_sm": pdu.DELIVER_SM,
    "deliver_sm_resp": pdu.DELIVER_SM | pdu.RESPONSE,
    "query_sm": pdu.QUERY_SM,
    "query_sm_resp": pdu.QUERY_SM | pdu.RESPONSE,
    "enquire_link": pdu.ENQUIRE_LINK,
    "enquire_link_resp": pdu.ENQUIRE_LINK | pdu.RESPONSE,
    "unbind": pdu.UNBIND,
    "unbind_resp": pdu.UNBIND | pdu.RESPONSE,
    "generic_nack": pdu.GENERIC_NACK,
}

octet = st.integers(0, 255)
sequence = st.integers(1, pdu.LAST_SEQUENCE)
tlvs = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=300), max_size=4)


def c_string(most):
    characters = st.characters(min_codepoint=1, max_codepoint=255)
    return st.text(characters, max_size=most - 1)


@st.composite
def pdus(draw):
    command = draw(st.sampled_from(sorted(pdu.FIELDS)))
    values = {
        name: draw(c_string(most) if most else octet)
        for name, most in pdu.FIELDS[command]
    }
    if command in (pdu.SUBMIT_SM, pdu.DELIVER_SM):
        values["short_message"] = draw(st.binary(max_size=pdu.MOST_OCTETS))
    more = draw(tlvs)
    # Without a body an answer may come bare: nothing tells then that fields were empty.
    assume(values or more or not command & pdu.RESPONSE)
    return Pdu(command, draw(sequence), 0, values, more)


@given(pdus())
def test_what_is_encoded_is_decoded_the_same(one):
    assert pdu.decode(pdu.encode(one)) == one


@given(st.lists(pdus(), max_size=5), st.integers(1, 50))
def test_stream_cut_anywhere_gives_the_same_frames(many, size):
    stream = b"".join(map(pdu.encode, many))
    buffer, found = bytearray(), []
    for start in range(0, len(stream), size):
        buffer += stream[start : start + size]
        found += [frame for _header, frame in pdu.frames(buffer)]
    assert found == [pdu.encode(one) for one in many]
    assert not buffer


@given(st.binary(max_size=120))
@example(b"\0\0\0\x10" + bytes(12))
@example(b"\xff\xff\xff\xff" + bytes(12))
def test_any_bytes_are_a_pdu_or_malformed(octets):
    for read in (pdu.decode, lambda some: list(pdu.frames(bytearray(some)))):
        try:
            read(octets)
        except Malformed:
            pass


@given(pdus(), st.data())
def test_pdu_that_is_changed_anywhere_is_a_pdu_or_malformed(one, data):
    frame = bytearray(pdu.encode(one))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at] = data.draw(octet)
    try:
        pdu.decode(bytes(frame))
    except Malformed:
        pass


@given(pdus())
def test_pdu_that_is_cut_is_malformed(one):
    frame = pdu.encode(one)
    assume(len(frame) > pdu.HEADER)
    length = (len(frame) - 1).to_bytes(4, "big")
    cut = length + frame[4:-1]
    assume(len(cut) > pdu.HEADER or not one.command & pdu.RESPONSE)
    last = next(reversed(one.tlvs.values()), None)
    if last is None or last:
        with pytest.raises(Malformed):
            pdu.decode(cut)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"destination_addr": "1" * 21}, "destination_addr"),
        ({"destination_addr": "1\0"}, "destination_addr"),
        ({"short_message": b"x" * 255}, "short_message"),
        ({"data_coding": 256}, "data_coding"),
        ({"data_coding": "8"}, "data_coding"),
    ],
)
def test_what_no_pdu_can_hold_is_not_encoded(values, fault):
    with pytest.raises(ValueError, match=fault):
        pdu.encode(Pdu(pdu.SUBMIT_SM, 1, values=values))


def test_answer_that_says_no_has_no_body():
    no = Pdu(pdu.SUBMIT_SM | pdu.RESPONSE, 7, pdu.RTHROTTLED, {"message_id": "1"})
    assert len(pdu.encode(no)) == pdu.HEADER
    assert pdu.decode(pdu.encode(no)).text("message_id") == ""


def test_length_out_of_reason_ends_the_stream():
    for length in (0, 15, pdu.LARGEST + 1, 0xFFFFFFFF):
        buffer = bytearray(length.to_bytes(4, "big") + bytes(12))
        with pytest.raises(Malformed, match="length"):
            list(pdu.frames(buffer))


# --- the same bytes as node-smpp ---------------------------------------------------------


def ask_node(lines):
    try:
        install()
    except NotInstalled as reason:
        pytest.skip(str(reason))
    done = subprocess.run(
        ["node", str(FOLDER / "codec.js")],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


MESSAGE = {
    "service_type": "VMA", "source_addr_ton": 5, "source_addr": "Bank", "dest_addr_ton": 1,
    "dest_addr_npi": 1, "destination_addr": "8613800000001", "esm_class": 64, "protocol_id": 1,
    "priority_flag": 2, "validity_period": "000001000000000R", "registered_delivery": 17,
    "data_coding": 8,
}  # fmt: skip
SAME = [
    ("bind_transceiver", {"system_id": "esme", "password": "secret", "system_type": "VMA",
                          "interface_version": 0x34, "addr_ton": 1, "address_range": "^86"}, {}),
    ("bind_receiver", {"system_id": "esme", "interface_version": 0x34}, {}),
    ("bind_transmitter", {"system_id": "esme", "interface_version": 0x34}, {}),
    ("bind_transceiver_resp", {"system_id": "smsc"}, {0x0210: b"\x34"}),
    ("submit_sm", MESSAGE | {"short_message": b"\x05\x00\x03\x01\x02\x01\x60\xa8"}, {}),
    ("submit_sm", MESSAGE | {"esm_class": 0},
     {pdu.SAR_MSG_REF_NUM: b"\x01\x02", pdu.SAR_TOTAL_SEGMENTS: b"\x02", pdu.SAR_SEGMENT_SEQNUM: b"\x01"}),
    ("submit_sm_resp", {"message_id": "7D1"}, {}),
    ("deliver_sm", MESSAGE | {"esm_class": 4, "data_coding": 0, "short_message": b"id:7D1 stat:DELIVRD"},
     {pdu.RECEIPTED_MESSAGE_ID: b"7D1\0", pdu.MESSAGE_STATE: b"\x02", pdu.NETWORK_ERROR_CODE: b"\x03\x00\x01"}),
    ("deliver_sm_resp", {}, {}),
    ("query_sm", {"message_id": "7D1", "source_addr_ton": 5, "source_addr": "Bank"}, {}),
    ("query_sm_resp", {"message_id": "7D1", "final_date": "", "message_state": 2, "error_code": 9}, {}),
    ("enquire_link", {}, {}),
    ("enquire_link_resp", {}, {}),
    ("unbind", {}, {}),
    ("unbind_resp", {}, {}),
    ("generic_nack", {}, {}),
]  # fmt: skip
# node-smpp's names of the TLVs, and how it takes their values.
TLV = {
    0x0210: ("sc_interface_version", lambda octets: octets[0]),
    pdu.SAR_MSG_REF_NUM: (
        "sar_msg_ref_num",
        lambda octets: int.from_bytes(octets, "big"),
    ),
    pdu.SAR_TOTAL_SEGMENTS: ("sar_total_segments", lambda octets: octets[0]),
    pdu.SAR_SEGMENT_SEQNUM: ("sar_segment_seqnum", lambda octets: octets[0]),
    pdu.RECEIPTED_MESSAGE_ID: (
        "receipted_message_id",
        lambda octets: octets[:-1].decode(),
    ),
    pdu.MESSAGE_STATE: ("message_state", lambda octets: octets[0]),
    pdu.NETWORK_ERROR_CODE: (
        "network_error_code",
        lambda octets: {"octets": octets.hex()},
    ),
}


def as_node_takes(values, tlvs):
    options = {"sequence_number": 77}
    for name, value in values.items():
        options[name] = value
    if "short_message" in values:
        # Its own filter would make a header of the octets: it is given octets alone.
        options["short_message"] = {
            "message": {"octets": values["short_message"].hex()}
        }
    for tag, value in tlvs.items():
        name, read = TLV[tag]
        options[name] = read(value)
    return options


def test_same_bytes_as_node_smpp():
    theirs = ask_node(
        {"command": name, "options": as_node_takes(values, tlvs)}
        for name, values, tlvs in SAME
    )
    ours = [
        pdu.encode(Pdu(CODE[name], 77, 0, values, tlvs)).hex()
        for name, values, tlvs in SAME
    ]
    assert ours == theirs


def test_node_smpp_reads_what_we_write():
    commands = ["submit_sm", "deliver_sm", "query_sm", "bind_transceiver"]
    ours = [
        Pdu(CODE[name], n, 0, values_for(CODE[name], n))
        for n in range(1, 40)
        for name in commands
    ]
    theirs = ask_node({"hex": pdu.encode(one).hex()} for one in ours)
    for one, read in zip(ours, theirs, strict=True):
        assert read["sequence_number"] == one.sequence
        for name, value in one.values.items():
            assert read[name] == value


def values_for(command, n):
    """Of every length that a field may have, in turn."""
    values = {}
    for place, (name, most) in enumerate(pdu.FIELDS[command]):
        values[name] = "x" * ((n + place) % most) if most else (n * 7 + place) % 256
    # node-smpp turns times into dates.
    return {k: v for k, v in values.items() if not k.endswith(("_time", "_period"))}
