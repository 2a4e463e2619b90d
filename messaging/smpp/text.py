"""A text on SMPP's wire: its coding, its cut into parts, and the way back.

Parts are cut as `messaging.text` counts them; only the 16-bit concatenation header takes
a unit more of each part (3GPP 23.040, 9.2.3.24.8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from messaging.text import BASIC, EXTENSION

from . import pdu

Encoding = Literal["gsm", "ucs2"]
Concatenation = Literal["udh8", "udh16", "sar", "payload"]

UDHI: Final = 0x40  # esm_class: the user data begins with a header
DEFAULT, LATIN_1, BINARY, UCS2 = 0x00, 0x03, 0x04, 0x08  # data_coding
MOST_PARTS: Final = 255

_ESCAPE = 0x1B
# 3GPP 23.038: the table without its escape at place 27, and what may follow the escape.
_PLACES = [*range(_ESCAPE), *range(_ESCAPE + 1, 128)]
_ESCAPED = (0x0A, 0x14, 0x28, 0x29, 0x2F, 0x3C, 0x3D, 0x3E, 0x40, 0x65)
_OCTETS = {
    **{ord(char): chr(place) for char, place in zip(BASIC, _PLACES, strict=True)},
    **{
        ord(char): chr(_ESCAPE) + chr(code)
        for char, code in zip(EXTENSION, _ESCAPED, strict=True)
    },
}
_CHARACTERS = dict(zip(_PLACES, BASIC, strict=True))
_PAIRS = dict(zip(_ESCAPED, EXTENSION, strict=True))

# Octets that a single SMS and a part hold. GSM-7 goes one septet an octet.
_SINGLE = {DEFAULT: 160, UCS2: 140}
_PART = {
    (DEFAULT, "udh8"): 153,
    (DEFAULT, "udh16"): 152,
    (DEFAULT, "sar"): 153,
    (UCS2, "udh8"): 134,
    (UCS2, "udh16"): 132,
    (UCS2, "sar"): 134,
}


@dataclass(frozen=True, slots=True)
class Coded:
    data_coding: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One submit_sm's share of a text."""

    octets: bytes
    esm_class: int = 0
    tlvs: Mapping[int, bytes] = field(default_factory=dict)


def encode(text: str, encoding: Encoding = "gsm") -> Coded:
    """GSM-7, an octet a septet, where every character has one; else, or if asked, UCS-2."""
    if encoding == "gsm":
        try:
            return Coded(DEFAULT, _gsm(text))
        except KeyError:
            pass
    return Coded(UCS2, text.encode("utf-16-be", "replace"))


def _gsm(text: str) -> bytes:
    """Raises KeyError for a character that is not of the alphabet."""
    return "".join([_OCTETS[ord(char)] for char in text]).encode("latin-1")


def split(coded: Coded, concatenation: Concatenation, reference: int) -> list[Part]:
    """The parts of a text, in order; a pair (escape, surrogates) is never cut in two.

    `reference` ties the parts together at the handset; as many of its low bits count as
    the header has. Raises ValueError for a text of more than 255 parts.
    """
    if len(coded.octets) <= _SINGLE[coded.data_coding]:
        return [Part(coded.octets)]
    if concatenation == "payload":
        return [Part(b"", 0, {pdu.MESSAGE_PAYLOAD: coded.octets})]
    size = _PART[coded.data_coding, concatenation]
    pieces = list(_cut(coded, size))
    if len(pieces) > MOST_PARTS:
        raise ValueError("more than 255 parts")
    total = len(pieces)
    return [
        _part(piece, concatenation, (reference, total, number))
        for number, piece in enumerate(pieces, start=1)
    ]


def _cut(coded: Coded, size: int) -> Iterator[bytes]:
    octets, at = coded.octets, 0
    while at < len(octets):
        end = at + size
        if end < len(octets) and _is_half(coded, end):
            end -= 2 if coded.data_coding == UCS2 else 1
        yield octets[at:end]
        at = end


def _is_half(coded: Coded, end: int) -> bool:
    """Would a cut before `end` part an escape from its character, or two surrogates?"""
    if coded.data_coding == UCS2:
        return 0xD8 <= coded.octets[end - 2] <= 0xDB
    return coded.octets[end - 1] == _ESCAPE


def _part(
    octets: bytes, concatenation: Concatenation, place: tuple[int, int, int]
) -> Part:
    reference, total, number = place
    if concatenation == "sar":
        tlvs = {
            pdu.SAR_MSG_REF_NUM: (reference & 0xFFFF).to_bytes(2, "big"),
            pdu.SAR_TOTAL_SEGMENTS: bytes((total,)),
            pdu.SAR_SEGMENT_SEQNUM: bytes((number,)),
        }
        return Part(octets, 0, tlvs)
    if concatenation == "udh16":
        header = b"\x06\x08\x04" + (reference & 0xFFFF).to_bytes(2, "big")
    else:
        header = b"\x05\x00\x03" + bytes((reference & 0xFF,))
    return Part(header + bytes((total, number)) + octets, UDHI)


# --- in ------------------------------------------------------------------------


def decode(octets: bytes, data_coding: int, esm_class: int = 0) -> str:
    """The text of a deliver_sm; what cannot be read in it becomes a replacement mark."""
    if esm_class & UDHI and octets:
        octets = octets[1 + octets[0] :]
    if data_coding == UCS2 or 0x18 <= data_coding <= 0x1B:
        return octets.decode("utf-16-be", "replace")
    if data_coding == DEFAULT or data_coding >= 0xF0:
        return _from_gsm(octets)
    return octets.decode("latin-1")


def _from_gsm(octets: bytes) -> str:
    text = []
    pair = False
    for octet in octets:
        if not pair and octet == _ESCAPE:
            pair = True
            continue
        known = _PAIRS if pair and octet in _PAIRS else _CHARACTERS
        text.append(known.get(octet, "\ufffd"))
        pair = False
    return "".join(text)
