"""A bind that is kept: connect, bind, and again with patience when it is lost."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl

from . import pdu
from .config import Config
from .link import Link, Owner
from .pdu import Value

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
INTERFACE_VERSION = 0x34


class Bind:
    """`link` while it is open. `state` says what it is at, for people."""

    def __init__(self, config: Config, command: int, owner: Owner) -> None:
        self.config, self.command, self.owner = config, command, owner
        self.state = "connecting"
        self.unbound_since: float | None = asyncio.get_running_loop().time()
        self._link: Link | None = None

    @property
    def link(self) -> Link | None:
        return self._link if self._link and self._link.is_open else None

    async def keep(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            self._link = await self._bound()
            if self._link and self._link.is_open:
                failures = 0
                self._becomes("bound")
                self.owner.caught_up()
                await self._link.closed
                self._becomes("connection lost")
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2**failures)
            failures += 1
            await asyncio.sleep(wait * random.uniform(0.7, 1.0))

    async def part(self) -> None:
        """Unbind, and close when that is answered or a second is over."""
        if link := self.link:
            link.is_open = False
            await link.request(pdu.UNBIND, {}, seconds=1.0)
            link.close()

    async def _bound(self) -> Link | None:
        link = await self._connected()
        if link is None:
            return None
        seconds = self.config.response_seconds
        said = await link.request(self.command, self._values(), seconds=seconds)
        if said is None or said.status:
            why = pdu.status_name(said.status) if said else "no answer"
            self._becomes(f"bind refused: {why}")
            link.close()
            return None
        link.is_open = not link.closed.done()
        return link

    async def _connected(self) -> Link | None:
        config = self.config
        secure = ssl.create_default_context() if config.tls else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _transport, link = await loop.create_connection(
                    lambda: Link(self.owner), config.host, config.port, ssl=secure
                )
        except (OSError, TimeoutError) as error:
            self._becomes(f"not connected: {type(error).__name__}")
            return None
        return link

    def _values(self) -> dict[str, Value]:
        return {
            "system_id": self.config.system_id,
            "password": self.config.password,
            "system_type": self.config.system_type,
            "interface_version": INTERFACE_VERSION,
        }

    def _becomes(self, state: str) -> None:
        if state != self.state:
            place = (self.config.account_id, self.command, state)
            logger.info("SMPP account %s, bind %d: %s", *place)
        self.state = state
        if state == "bound":
            self.unbound_since = None
        elif self.unbound_since is None:
            self.unbound_since = asyncio.get_running_loop().time()
