"""What a deliver_sm says: a receipt, or a text from a handset (3.4, 5.2.12, appendix B).

SMSCs differ. The TLVs count before the text, the text is decoded by its data_coding and
read by name, in any order, with fields missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, Literal

from . import pdu
from .text import decode

IdForm = Literal["as_is", "loose", "hex_dec", "dec_hex"]

# message_state (5.2.28) by the words of the text form.
STATES: Final = {
    1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED",
    5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD",
}  # fmt: skip
# esm_class, bits 5-2: the SMSC's receipt, and its notice on the way there.
_RECEIPTS = (0x04, 0x20)
_FIELD = re.compile(r"(?i)\b(id|done date|stat|err):(\S*)")
_DONE = re.compile(r"(\d{10})(\d\d)?")


@dataclass(frozen=True, slots=True)
class Report:
    """A receipt. `reference` and `state` as the SMSC wrote them, `done` its local time."""

    reference: str
    phone: str
    state: str
    error: str = ""
    done: str = ""


def is_receipt(message: pdu.Pdu) -> bool:
    return message.number("esm_class") & 0x3C in _RECEIPTS


def read_report(message: pdu.Pdu) -> Report:
    """Raises Malformed where it says neither of which SMS nor what became of it."""
    said = _fields(text_of(message))
    state = STATES.get(int.from_bytes(message.tlvs.get(pdu.MESSAGE_STATE, b""), "big"))
    told = message.tlvs.get(pdu.RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0")
    reference = told.decode("latin-1") or said.get("id", "")
    if not reference or not (state or said.get("stat")):
        raise pdu.Malformed("receipt without id or state")
    return Report(
        reference=reference,
        phone=message.text("source_addr"),
        state=state or said["stat"].upper(),
        error=said.get("err", ""),
        done=said.get("done date", ""),
    )


def _fields(text: str) -> dict[str, str]:
    # The SMS's own text stands last and may hold anything: the first of a name counts.
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(text):
        found.setdefault(name.lower(), value)
    return found


def text_of(message: pdu.Pdu) -> str:
    coding, esm_class = message.number("data_coding"), message.number("esm_class")
    return decode(message.message, coding, esm_class)


def done_at(done: str, zone: tzinfo) -> datetime | None:
    """YYMMDDhhmm, with some SMSCs also ss, in the SMSC's zone."""
    found = _DONE.fullmatch(done)
    if not found:
        return None
    try:
        naive = datetime.strptime(found[1] + (found[2] or "00"), "%y%m%d%H%M%S")  # noqa: DTZ007  it says none
    except ValueError:
        return None
    return naive.replace(tzinfo=zone)


# --- ids -------------------------------------------------------------------------


def id_of_response(raw: str, form: IdForm) -> str:
    """A submit_sm_resp's message_id in the form by which its receipts are found."""
    return _READ[form][0](raw)


def id_of_receipt(raw: str, form: IdForm) -> str:
    return _READ[form][1](raw)


def _loose(raw: str) -> str:
    return raw.lstrip("0").upper() or raw


def _decimal(base: int) -> Callable[[str], str]:
    def read(raw: str) -> str:
        # int() alone would take signs, blanks and underscores.
        return str(int(raw, base)) if raw.isalnum() and _fits(raw, base) else raw

    return read


def _fits(raw: str, base: int) -> bool:
    try:
        int(raw, base)
    except ValueError:
        return False
    return True


# How an id of a response, and one of a receipt, is read in each form.
_READ: dict[IdForm, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "as_is": (str, str),
    "loose": (_loose, _loose),
    "hex_dec": (_decimal(16), _decimal(10)),
    "dec_hex": (_decimal(10), _decimal(16)),
}
