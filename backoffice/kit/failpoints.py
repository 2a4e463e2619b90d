"""Crash points for tests: where a process kills itself with -9 when FAILPOINT says so.

    FAILPOINT=after_send         at the first passage
    FAILPOINT=after_send:3       at the third passage of the process
    FAILPOINT=after_send:5%:42   at every passage with this chance; 42 is the seed

Not set, a passage costs one look into the environment.
"""

from __future__ import annotations

import os
import random
import signal
from functools import cache
from itertools import count

NAME = "FAILPOINT"


def failpoint(name: str) -> None:
    """End this process as a power cut would, if this is where it is to end."""
    plan = os.environ.get(NAME)
    if plan and _ends_here(plan, name):
        os.kill(os.getpid(), signal.SIGKILL)


def _ends_here(plan: str, name: str) -> bool:
    point, _colon, when = plan.partition(":")
    if point != name:
        return False
    if "%" in when:
        percent, _percent, seed = when.partition("%")
        return _dice(seed, os.getpid()).random() * 100 < float(percent)
    return next(_passages(plan, os.getpid())) == int(when or 1)


# By process: a fork is to count, and to throw the dice, for itself.
@cache
def _dice(seed: str, pid: int) -> random.Random:
    return random.Random(f"{seed}:{pid}")


@cache
def _passages(_plan: str, _pid: int) -> count[int]:
    return count(1)
