"""SMPP 3.4 protocol data units: bytes in, facts out, and back (specification 1.2, 4 and 5).

Strict about lengths, so that a peer's garbage is `Malformed` and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

HEADER: Final = 16
# The longest body by the specification is about 64 kB (one TLV, message_payload).
LARGEST: Final = 0x12000
MOST_OCTETS: Final = 254  # of short_message
LAST_SEQUENCE: Final = 0x7FFFFFFF

RESPONSE: Final = 0x80000000
GENERIC_NACK: Final = 0x80000000
BIND_RECEIVER: Final = 0x01
BIND_TRANSMITTER: Final = 0x02
QUERY_SM: Final = 0x03
SUBMIT_SM: Final = 0x04
DELIVER_SM: Final = 0x05
UNBIND: Final = 0x06
BIND_TRANSCEIVER: Final = 0x09
ENQUIRE_LINK: Final = 0x15

USER_MESSAGE_REFERENCE: Final = 0x0204
SAR_MSG_REF_NUM: Final = 0x020C
SAR_TOTAL_SEGMENTS: Final = 0x020E
SAR_SEGMENT_SEQNUM: Final = 0x020F
RECEIPTED_MESSAGE_ID: Final = 0x001E
NETWORK_ERROR_CODE: Final = 0x0423
MESSAGE_PAYLOAD: Final = 0x0424
MESSAGE_STATE: Final = 0x0427

# command_status (5.1.3) by the names that every manual uses.
STATUS: Final[Mapping[int, str]] = {
    0x00: "ESME_ROK",
    0x01: "ESME_RINVMSGLEN",
    0x02: "ESME_RINVCMDLEN",
    0x03: "ESME_RINVCMDID",
    0x04: "ESME_RINVBNDSTS",
    0x05: "ESME_RALYBND",
    0x06: "ESME_RINVPRTFLG",
    0x07: "ESME_RINVREGDLVFLG",
    0x08: "ESME_RSYSERR",
    0x0A: "ESME_RINVSRCADR",
    0x0B: "ESME_RINVDSTADR",
    0x0C: "ESME_RINVMSGID",
    0x0D: "ESME_RBINDFAIL",
    0x0E: "ESME_RINVPASWD",
    0x0F: "ESME_RINVSYSID",
    0x14: "ESME_RMSGQFUL",
    0x15: "ESME_RINVSERTYP",
    0x42: "ESME_RINVSUBREP",
    0x43: "ESME_RINVESMCLASS",
    0x45: "ESME_RSUBMITFAIL",
    0x48: "ESME_RINVSRCTON",
    0x49: "ESME_RINVSRCNPI",
    0x50: "ESME_RINVDSTTON",
    0x51: "ESME_RINVDSTNPI",
    0x53: "ESME_RINVSYSTYP",
    0x58: "ESME_RTHROTTLED",
    0x61: "ESME_RINVSCHED",
    0x62: "ESME_RINVEXPIRY",
    0x64: "ESME_RX_T_APPN",
    0x65: "ESME_RX_P_APPN",
    0x66: "ESME_RX_R_APPN",
    0xC0: "ESME_RINVOPTPARSTREAM",
    0xC1: "ESME_ROPTPARNOTALLWD",
    0xC2: "ESME_RINVPARLEN",
    0xC3: "ESME_RMISSINGOPTPARAM",
    0xC4: "ESME_RINVOPTPARAMVAL",
    0xFE: "ESME_RDELIVERYFAILURE",
    0xFF: "ESME_RUNKNOWNERR",
}
OK: Final = 0x00
RINVMSGLEN: Final = 0x01
RINVCMDLEN: Final = 0x02
RINVCMDID: Final = 0x03
RINVBNDSTS: Final = 0x04
RMSGQFUL: Final = 0x14
RTHROTTLED: Final = 0x58
RX_T_APPN: Final = 0x64

Value = int | str | bytes
# A field: its name, and the octets of a C-octet string with its null; 0: one octet.
Fields = tuple[tuple[str, int], ...]

_BIND: Fields = (
    ("system_id", 16), ("password", 9), ("system_type", 13), ("interface_version", 0),
    ("addr_ton", 0), ("addr_npi", 0), ("address_range", 41),
)  # fmt: skip
_MESSAGE: Fields = (
    ("service_type", 6), ("source_addr_ton", 0), ("source_addr_npi", 0), ("source_addr", 21),
    ("dest_addr_ton", 0), ("dest_addr_npi", 0), ("destination_addr", 21), ("esm_class", 0),
    ("protocol_id", 0), ("priority_flag", 0), ("schedule_delivery_time", 17),
    ("validity_period", 17), ("registered_delivery", 0), ("replace_if_present_flag", 0),
    ("data_coding", 0), ("sm_default_msg_id", 0),
)  # fmt: skip
_SYSTEM: Fields = (("system_id", 16),)
_ID: Fields = (("message_id", 65),)

FIELDS: Final[Mapping[int, Fields]] = {
    BIND_RECEIVER: _BIND,
    BIND_TRANSMITTER: _BIND,
    BIND_TRANSCEIVER: _BIND,
    BIND_RECEIVER | RESPONSE: _SYSTEM,
    BIND_TRANSMITTER | RESPONSE: _SYSTEM,
    BIND_TRANSCEIVER | RESPONSE: _SYSTEM,
    SUBMIT_SM: _MESSAGE,
    SUBMIT_SM | RESPONSE: _ID,
    DELIVER_SM: _MESSAGE,
    DELIVER_SM | RESPONSE: _ID,
    QUERY_SM: (
        *_ID,
        ("source_addr_ton", 0),
        ("source_addr_npi", 0),
        ("source_addr", 21),
    ),
    QUERY_SM | RESPONSE: (
        *_ID,
        ("final_date", 17),
        ("message_state", 0),
        ("error_code", 0),
    ),
    UNBIND: (),
    UNBIND | RESPONSE: (),
    ENQUIRE_LINK: (),
    ENQUIRE_LINK | RESPONSE: (),
    GENERIC_NACK: (),
}
# Those that carry short_message behind their fields.
_WITH_MESSAGE = (SUBMIT_SM, DELIVER_SM)

_header = struct.Struct(">IIII")
_tlv = struct.Struct(">HH")


class Malformed(ValueError):
    """Not a PDU by the specification. Says the kind of fault, nothing of the bytes."""


@dataclass(frozen=True, slots=True)
class Header:
    length: int
    command: int
    status: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU. `values` by the specification's field names, absent ones being 0 or ""."""

    command: int
    sequence: int = 0
    status: int = OK
    values: Mapping[str, Value] = field(default_factory=dict)
    tlvs: Mapping[int, bytes] = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.values.get(name, "")
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        value = self.values.get(name, 0)
        return value if isinstance(value, int) else 0

    @property
    def message(self) -> bytes:
        """The user data, wherever it stands."""
        short = self.values.get("short_message", b"")
        payload = self.tlvs.get(MESSAGE_PAYLOAD, b"")
        return short if isinstance(short, bytes) and short else payload


def status_name(status: int) -> str:
    return STATUS.get(status) or f"0x{status:08X}"


# --- out -----------------------------------------------------------------------


def encode(pdu: Pdu) -> bytes:
    """Raises ValueError for what no PDU can hold: a text too long, an unknown command."""
    if pdu.command not in FIELDS:
        raise ValueError("no such command")
    parts = [
        _octets(name, most, pdu.values.get(name, "" if most else 0))
        for name, most in FIELDS[pdu.command]
    ]
    if pdu.command in _WITH_MESSAGE:
        parts.append(_short_message(pdu.values.get("short_message", b"")))
    parts += [_tlv.pack(tag, len(value)) + value for tag, value in pdu.tlvs.items()]
    # An answer that says no carries no body (4.1.2, 4.4.2).
    body = b"" if pdu.status and pdu.command & RESPONSE else b"".join(parts)
    head = _header.pack(HEADER + len(body), pdu.command, pdu.status, pdu.sequence)
    return head + body


def _octets(name: str, most: int, value: Value) -> bytes:
    if not most:
        if not isinstance(value, int) or not 0 <= value <= 255:
            raise ValueError(f"{name} is one octet")
        return bytes((value,))
    text = value.encode("latin-1") if isinstance(value, str) else b"\0"
    if b"\0" in text or len(text) >= most:
        raise ValueError(f"{name} has at most {most - 1} characters")
    return text + b"\0"


def _short_message(value: Value) -> bytes:
    if not isinstance(value, bytes) or len(value) > MOST_OCTETS:
        raise ValueError(f"short_message has at most {MOST_OCTETS} octets")
    return bytes((len(value),)) + value


# --- in ------------------------------------------------------------------------


def frames(buffer: bytearray) -> Iterator[tuple[Header, bytes]]:
    """Take the whole PDUs from the front of a buffer. Raises Malformed for a bad length.

    After that the stream cannot be read any further: there is no telling where the next
    one begins.
    """
    at = 0
    try:
        while len(buffer) - at >= HEADER:
            header = Header(*_header.unpack_from(buffer, at))
            if not HEADER <= header.length <= LARGEST:
                raise Malformed("length")
            if len(buffer) - at < header.length:
                return
            start, at = at, at + header.length
            yield header, bytes(buffer[start:at])
    finally:
        del buffer[:at]


def decode(frame: bytes) -> Pdu:
    """One whole PDU. Raises Malformed."""
    if len(frame) < HEADER:
        raise Malformed("no header")
    length, command, status, sequence = _header.unpack_from(frame)
    if length != len(frame):
        raise Malformed("length")
    if command not in FIELDS:
        raise Malformed("command")
    # Answers that say no often have no body, and some that say yes have none either.
    if length == HEADER and command & RESPONSE:
        return Pdu(command, sequence, status)
    values, at = _read_fields(frame, FIELDS[command])
    if command in _WITH_MESSAGE:
        values["short_message"], at = _read_message(frame, at)
    return Pdu(command, sequence, status, values, _read_tlvs(frame, at))


def _read_fields(frame: bytes, fields: Fields) -> tuple[dict[str, Value], int]:
    values: dict[str, Value] = {}
    at = HEADER
    for name, most in fields:
        if not most:
            if at >= len(frame):
                raise Malformed(name)
            values[name], at = frame[at], at + 1
            continue
        end = frame.find(b"\0", at, at + most)
        if end < 0:
            raise Malformed(name)
        values[name], at = frame[at:end].decode("latin-1"), end + 1
    return values, at


def _read_message(frame: bytes, at: int) -> tuple[bytes, int]:
    if at >= len(frame):
        raise Malformed("sm_length")
    end = at + 1 + frame[at]
    # 255 is no length by the specification, and no harm.
    if end > len(frame):
        raise Malformed("short_message")
    return frame[at + 1 : end], end


def _read_tlvs(frame: bytes, at: int) -> dict[int, bytes]:
    tlvs: dict[int, bytes] = {}
    while at < len(frame):
        if at + 4 > len(frame):
            raise Malformed("TLV")
        tag, length = _tlv.unpack_from(frame, at)
        at += 4
        if at + length > len(frame):
            raise Malformed("TLV")
        tlvs[tag] = frame[at : at + length]
        at += length
    return tlvs
