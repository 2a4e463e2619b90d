"""What becomes of an SMS: decided by the last two digits of its number."""

from __future__ import annotations

from dataclasses import dataclass

INVALID_NUMBER = "INVALID_NUMBER"
UNREACHABLE = "UNREACHABLE"


@dataclass(frozen=True)
class Fate:
    """One row of the table in the package's docstring."""

    refused: bool = False
    throttled_once: bool = False
    answer_cut: bool = False
    receipt: bool = True
    error: str = ""
    slowness: int = 1
    reply: str = ""
    clicks: bool = False

    @property
    def status(self) -> str:
        return "FAILED" if self.error else "DELIVERED"

    @property
    def acts_afterwards(self) -> bool:
        return self.clicks or bool(self.reply)


_ORDINARY = Fate()
_BY_ENDING = {
    "99": Fate(error=INVALID_NUMBER),
    "98": Fate(error=UNREACHABLE),
    "97": Fate(slowness=10),
    "96": Fate(receipt=False),
    "95": Fate(refused=True),
    "94": Fate(throttled_once=True),
    "93": Fate(answer_cut=True),
    "88": Fate(clicks=True),
    "87": Fate(clicks=True),
    "77": Fate(reply="TD"),
    "76": Fate(reply="好的，谢谢 thanks"),
}


def fate_of(phone: str) -> Fate:
    return _BY_ENDING.get(phone[-2:], _ORDINARY)
