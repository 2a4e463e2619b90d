"""The mobile network: delivers what was accepted, and plays the people's part."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections import defaultdict
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import aiohttp
from yarl import URL

from .ledger import Ledger, Taken
from .postman import Postman
from .seed import Seed

log = logging.getLogger(__name__)

CLICKS_AT_A_TIME = 32
LEAST_PAUSE = 0.15  # a reply or click comes after its receipt, as a rule
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
)
# ASCII only: Chinese text follows a link without a space.
_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


class Network:
    """Delivers by one timer a request (not one an SMS): O(1) work for an SMS."""

    def __init__(
        self,
        seed: Seed,
        ledger: Ledger,
        postman: Postman,
        session: aiohttp.ClientSession,
    ) -> None:
        self._seed = seed
        self._ledger = ledger
        self._postman = postman
        self._session = session
        self._browsers = asyncio.Semaphore(CLICKS_AT_A_TIME)
        self._doing: set[asyncio.Task[Any]] = set()

    def carry(self, batch: list[Taken]) -> None:
        by_slowness: defaultdict[int, list[Taken]] = defaultdict(list)
        for taken in batch:
            if taken.fate.receipt:
                by_slowness[taken.fate.slowness].append(taken)
        loop = asyncio.get_running_loop()
        for slowness, group in by_slowness.items():
            loop.call_later(self._seed.delay * slowness, self._arrive, group)

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start work in the background and keep hold of it."""
        task = asyncio.create_task(work)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    def _arrive(self, group: list[Taken]) -> None:
        now = now_text()
        for taken in group:
            self._ledger.settle(taken)
            if taken.fate.acts_afterwards:
                self.do(self._act(taken))
        self._postman.add_receipts([_receipt(taken, now) for taken in group])

    async def _act(self, taken: Taken) -> None:
        await asyncio.sleep(max(LEAST_PAUSE, self._seed.delay))
        if taken.fate.reply:
            await self._reply(taken)
        link = first_link(taken.text) if taken.fate.clicks else ""
        if link:
            await self._click(link)

    async def _reply(self, taken: Taken) -> None:
        reply = {
            "id": secrets.token_hex(8),
            "from": taken.to,
            "to": taken.sender,
            "text": taken.fate.reply,
            "at": now_text(),
        }
        if await self._postman.post("reply", reply):
            self._ledger.counts["replies_sent"] += 1

    async def _click(self, link: str) -> None:
        """Open the link as a phone's browser would, following one redirect."""
        try:
            async with self._browsers:
                await self._open(URL(link))
            self._ledger.counts["clicks"] += 1
        except (aiohttp.ClientError, TimeoutError, ValueError):
            log.warning("A link could not be opened.")

    async def _open(self, url: URL) -> None:
        headers = {"User-Agent": PHONE}
        request = self._session.get(url, headers=headers, allow_redirects=False)
        async with request as answer:
            target = answer.headers.get("Location", "")
        if target and 300 <= answer.status < 400:
            onward = self._session.get(
                url.join(URL(target)), headers=headers, allow_redirects=False
            )
            async with onward:
                pass


def first_link(text: str) -> str:
    """The first web address in a text, without the full stop behind it; or ""."""
    found = _LINK.search(text)
    return found.group().rstrip(".,;:!?)'") if found else ""


def now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _receipt(taken: Taken, now: str) -> dict[str, str]:
    receipt = {
        "reference": taken.reference,
        "id": taken.id,
        "to": taken.to,
        "status": taken.fate.status,
        "at": now,
    }
    return receipt | {"error": taken.fate.error} if taken.fate.error else receipt
