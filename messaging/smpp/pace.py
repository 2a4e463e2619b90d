"""How fast we may submit: as the window allows, until the SMSC says that it is throttled.

Then a little less than what it took in a second, a tenth more for each quiet second, and
freely again after a quiet minute. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

HOLD = 1.0  # most SMSCs count by the second
LESS, MORE = 0.8, 1.1
FREE_AFTER = 60.0
SLOWEST = 1.0
CATCH_UP = 0.2  # seconds: the line looks at its queue every tenth


@dataclass(slots=True)
class Pace:
    """`rate`: submissions a second; 0 is no limit."""

    rate: float = 0.0
    _throttled_at: float = 0.0
    _next_at: float = 0.0
    _second: float = 0.0  # the one that is counted now ...
    _taken: int = 0  # ... what the SMSC took in it, and in the one before
    _before: int = 0

    def taken(self, now: float) -> None:
        """The SMSC took one."""
        self._turn(now)
        self._taken += 1

    def throttled(self, now: float) -> None:
        """The SMSC took one not; what it says of others within the second says no more."""
        if now < self._throttled_at + HOLD and self.rate:
            return
        self._turn(now)
        self.rate = max(SLOWEST, LESS * max(self._taken, self._before))
        self._throttled_at, self._next_at = now, now + HOLD

    def wait(self, now: float) -> float:
        """Seconds until the next may go; 0: now."""
        self._turn(now)
        return max(0.0, self._next_at - now) if self.rate else 0.0

    def goes(self, now: float) -> None:
        """One is submitted."""
        if self.rate:
            self._next_at = max(self._next_at, now - CATCH_UP) + 1 / self.rate

    def _turn(self, now: float) -> None:
        """Into the second of `now`."""
        passed = int(now - self._second)
        if passed < 1:
            return
        self._before = self._taken if passed == 1 else 0
        self._second, self._taken = self._second + passed, 0
        quiet = now - self._throttled_at
        if quiet > FREE_AFTER:
            self.rate = 0.0
        elif self.rate and quiet > HOLD:
            self.rate *= MORE
