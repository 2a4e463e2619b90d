"""A bad day at the provider, by configuration: what goes wrong with a request for SMS.

    "faults": {"seed": 7, "slow_seconds": 3, "throttle": 5, "error": 5, "cut_after": 5}

Each kind by its name, in percent of the requests; none where it is not named:

    throttle     nothing is taken, 429
    error        nothing is taken, 500
    cut          nothing is taken, the connection is reset
    error_after  all is done, then 500
    cut_after    all is done, then the connection is reset
    garbage      all is done, then an answer that is no JSON
    slow         all is done, the answer comes after `slow_seconds`
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from aiohttp import web

from .seed import Seed

BEFORE = ("throttle", "error", "cut")
AFTER = ("error_after", "cut_after", "garbage", "slow")

Answering = Callable[[], Awaitable[web.StreamResponse]]


class Faults:
    """Draws a fault for each request: the same ones for the same seed."""

    def __init__(self, seed: Seed) -> None:
        self._seed = seed
        self._dice = random.Random(seed.faults.get("seed"))

    def draw(self) -> str:
        """The kind that happens now; "" as a rule."""
        kinds = (*BEFORE, *AFTER)
        percents = [float(self._seed.faults.get(kind, 0)) for kind in kinds]
        well = 100 - sum(percents)
        return self._dice.choices(["", *kinds], [well, *percents])[0]

    async def suffer(
        self, fault: str, request: web.Request, answering: Answering
    ) -> web.StreamResponse:
        """Answer as the fault has it, with or without doing what was asked."""
        answer = await answering() if fault in AFTER else web.Response()
        if fault.startswith("cut") and request.transport:
            request.transport.abort()
        if fault.startswith("error"):
            return web.Response(status=500, text="out of order")
        if fault == "throttle":
            return web.Response(status=429, text="too many")
        if fault == "garbage":
            return web.Response(text="<html>a proxy's own page</html>")
        if fault == "slow":
            await asyncio.sleep(float(self._seed.faults.get("slow_seconds", 3)))
        return answer
