"""An SMS as the submit_sm that carry it, the way the account says."""

from __future__ import annotations

from . import pdu
from .config import Config
from .pdu import Pdu, Value
from .text import Coded, Part, encode, split


def frames(config: Config, to: str, text: str, reference: int) -> list[bytes]:
    """One for each part, their sequence numbers open. Raises ValueError for what none can hold.

    A receipt is asked for the last part alone: its id stands for the SMS.
    """
    coded = encode(text, config.encoding)
    parts = split(coded, config.concatenation, reference)
    wants = [False] * (len(parts) - 1) + [config.receipts == "last"]
    return [
        _frame(config, to, coded, part, receipt)
        for part, receipt in zip(parts, wants, strict=True)
    ]


def _frame(config: Config, to: str, coded: Coded, part: Part, receipt: bool) -> bytes:
    values: dict[str, Value] = {
        "source_addr_ton": config.source_ton,
        "source_addr_npi": config.source_npi,
        "source_addr": config.source,
        "dest_addr_ton": config.dest_ton,
        "dest_addr_npi": config.dest_npi,
        "destination_addr": to.removeprefix("+"),
        "esm_class": part.esm_class,
        "registered_delivery": int(receipt),
        "data_coding": coded.data_coding,
        "short_message": part.octets,
    }
    return pdu.encode(Pdu(pdu.SUBMIT_SM, values=values, tlvs=part.tlvs))
