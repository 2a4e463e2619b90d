"""What was taken and done: the proof that nobody got the same SMS twice."""

from __future__ import annotations

import secrets
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from .fates import Fate

REMEMBERED = 1000
CALLS_REMEMBERED = 10_000


@dataclass(slots=True, frozen=True)
class Taken:
    """One acceptance of one SMS; the same id accepted again is another one."""

    id: str
    reference: str
    to: str
    text: str
    sender: str
    fate: Fate


@dataclass(slots=True)
class Standing:
    """Where one id stands: how often it was accepted, and what became of the last."""

    times: int = 0
    reference: str = ""
    status: str = "ACCEPTED"
    error: str = ""


@dataclass
class Ledger:
    """Everything remembered. All of it in memory, gone with the process."""

    standings: dict[str, Standing] = field(default_factory=dict)
    throttled: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    most_times: int = 0
    outbox: deque[Taken] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    call_requests: deque[Any] = field(
        default_factory=lambda: deque(maxlen=CALLS_REMEMBERED)
    )
    _process: str = field(default_factory=lambda: secrets.token_hex(4))
    _references: int = 0

    def accept(self, message: dict[str, str], fate: Fate) -> Taken:
        standing = self.standings.setdefault(message["id"], Standing())
        standing.times += 1
        standing.reference = self.new_reference()
        standing.status, standing.error = "ACCEPTED", ""
        self.most_times = max(self.most_times, standing.times)
        self.counts["accepted"] += 1
        taken = Taken(
            id=message["id"],
            reference=standing.reference,
            to=message["to"],
            text=message.get("text", ""),
            sender=message.get("sender", ""),
            fate=fate,
        )
        self.outbox.append(taken)
        return taken

    def settle(self, taken: Taken) -> None:
        standing = self.standings.get(taken.id)
        if standing and standing.reference == taken.reference:
            standing.status, standing.error = taken.fate.status, taken.fate.error

    def new_reference(self) -> str:
        """Unique over restarts as well: clients keep references for ever."""
        self._references += 1
        return f"{self._process}-{self._references:08x}"

    def stats(self) -> dict[str, int]:
        names = "accepted requests received receipts_sent replies_sent calls clicks"
        stats = {name: self.counts[name] for name in [*names.split(), "given_up"]}
        faults = {name: n for name, n in self.counts.items() if "fault" in name}
        return stats | faults | {"max_accepted_per_id": self.most_times}

    def forget(self) -> None:
        self.standings.clear()
        self.throttled.clear()
        self.counts.clear()
        self.outbox.clear()
        self.call_requests.clear()
        self.most_times = 0
