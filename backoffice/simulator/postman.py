"""Carries callbacks to the client: receipts by the hundred, the rest one by one."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

import aiohttp

from .ledger import Ledger
from .seed import Seed

log = logging.getLogger(__name__)

RECEIPTS_A_POST = 100
EVERY_SECONDS = 0.1
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
POSTS_AT_A_TIME = 16


class Postman:
    """Posts to the seed's URLs, each some attempts, a few posts at a time."""

    def __init__(self, seed: Seed, ledger: Ledger, session: aiohttp.ClientSession):
        self._seed = seed
        self._ledger = ledger
        self._session = session
        self._receipts: deque[dict[str, Any]] = deque()
        self._slots = asyncio.Semaphore(POSTS_AT_A_TIME)
        self._full = asyncio.Event()
        self._posts: set[asyncio.Task[None]] = set()

    def add_receipts(self, receipts: list[dict[str, Any]]) -> None:
        self._receipts.extend(receipts)
        if len(self._receipts) >= RECEIPTS_A_POST:
            self._full.set()

    async def deliver_receipts(self) -> None:
        """Runs for ever: a post as soon as a hundred wait, the rest every 0.1 s."""
        while True:
            try:
                await asyncio.wait_for(self._full.wait(), EVERY_SECONDS)
            except TimeoutError:
                pass
            self._full.clear()
            while self._receipts:
                await self._slots.acquire()
                self._start(self._next_receipts())

    def _next_receipts(self) -> list[dict[str, Any]]:
        size = min(RECEIPTS_A_POST, len(self._receipts))
        return [self._receipts.popleft() for _ in range(size)]

    def _start(self, receipts: list[dict[str, Any]]) -> None:
        post = asyncio.create_task(self._post_receipts(receipts))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)
        post.add_done_callback(lambda _: self._slots.release())

    async def _post_receipts(self, receipts: list[dict[str, Any]]) -> None:
        if await self.post("receipt", receipts):
            self._ledger.counts["receipts_sent"] += len(receipts)

    async def post(self, kind: str, body: Any) -> bool:
        """Tell the client; True once it answered 200. False: given up, or no URL."""
        url = self._seed.url(kind)
        if not url:
            return False
        attempts = self._seed.attempts
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(
                    min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
                )
            if await self._answered(url, body):
                return True
        self._ledger.counts["given_up"] += 1
        log.warning("A %s callback was given up after %s attempts.", kind, attempts)
        return False

    async def _answered(self, url: str, body: Any) -> bool:
        headers = {"Authorization": f"Bearer {self._seed.secret}"}
        try:
            async with self._session.post(url, json=body, headers=headers) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
