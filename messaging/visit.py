"""How long a worker stays with a chunk, asked before each fence.

It leaves when its account has no room near, or took nothing, when more urgent work waits
for this very worker, or after half a minute: what the gate found is not to be stale.
What it leaves stays queued and due; the chunk is taken up again, by whoever is free.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backoffice.kit.clock import DatabaseClock
from backoffice.kit.jobs import is_wanted_elsewhere
from backoffice.platform.models import Parameter

from .models import Chunk, Message, ProviderAccount
from .models.stop import account_target
from .pacing import look_again, take
from .transports.base import Exchange

LONGEST = timedelta(seconds=30)
# A worker waits so many seconds for room. A campaign takes none further ahead than a
# fence, so that a notice, which waits longer, is never far behind.
NEAR = {"marketing": 1.0, "service": 5.0}
FENCE = 1.0  # seconds of an account's rate in one fence
ASK_EVERY = 1.0  # seconds between questions whether this worker is wanted elsewhere


@dataclass
class Visit:
    """One worker's stay with a chunk. `until`, `waiting`: when to come back, and why then."""

    chunk: Chunk
    account: ProviderAccount
    clock: DatabaseClock
    until: datetime | None = None
    waiting: str = ""
    is_over: bool = False
    began: datetime = field(init=False)
    asked: float = field(init=False)

    def __post_init__(self) -> None:
        self.began, self.asked = self.clock.now(), time.monotonic()

    def fence(self, most: int) -> int:
        """How many SMS go into a fence: at most a second's worth of the account's rate."""
        rate = self.account.rate
        return max(1, min(most, int(rate * FENCE))) if rate else most

    def goes_on(self, parts: Sequence[int]) -> bool:
        """May a fence with SMS of so many parts follow? Waits for room that is near."""
        now = self.clock.now()
        slow = self.account.slow_until
        if slow and slow > now:
            self._leave(slow, "throttled")
        elif now - self.began > LONGEST or self._is_wanted():
            self._leave()
        elif self.account.rate:
            self._take_room(parts, now)
        return not self.is_over

    def saw(self, exchanges: Sequence[Exchange]) -> None:
        """An account that took nothing of a fence is left alone for a while, by everybody."""
        outcomes = [one.status for each in exchanges for one in each.outcomes]
        if outcomes.count(Message.Status.QUEUED) * 2 <= len(outcomes):
            return
        pause = timedelta(seconds=Parameter.read("account_pause_seconds"))
        self.account.slow_until = self.clock.now() + pause
        self.account.save(update_fields=["slow_until"])

    def _leave(self, until: datetime | None = None, waiting: str = "") -> None:
        self.is_over, self.until, self.waiting = True, until, waiting

    def _is_wanted(self) -> bool:
        if time.monotonic() - self.asked < ASK_EVERY:
            return False
        self.asked = time.monotonic()
        return is_wanted_elsewhere(self.chunk.lane)

    def _take_room(self, parts: Sequence[int], now: datetime) -> None:
        counted = sum(parts) if self.account.rate_unit == "parts" else len(parts)
        room = take(
            account_target(self.account.pk),
            counted / (self.account.rate or 1),
            now=now,
            near=NEAR.get(self.chunk.lane, 1.0),
        )
        if room.is_taken:
            time.sleep((room.at - now).total_seconds())
        else:
            self._leave(look_again(self.chunk, room), "rate")
