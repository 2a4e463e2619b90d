"""The process that speaks SMPP for all enabled accounts, and its door for the workers.

A worker hands SMS over by one HTTP request and has their outcomes in the answer. The door
is for our own processes: they show what only the house's secret key gives.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web
from django.db import Error, close_old_connections

from messaging.models import ProviderAccount

from .config import SLUG, Config, bearer
from .intake import Intake, store
from .line import Line

logger = logging.getLogger(__name__)

LOOK_EVERY = 2.0  # seconds: how soon a new, changed or disabled account is noticed
LARGEST_REQUEST = 16 * 1024 * 1024


class Gateway:
    """`run` until SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self.lines: dict[int, Line] = {}
        self.database = ThreadPoolExecutor(1, "database")
        self.intake = Intake(store, self.database)
        self._secret = bearer().encode()
        self._faults: dict[int, str] = {}

    async def run(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        # A worker that goes away is noticed: its answers go the late way.
        runner = web.AppRunner(
            self.application(),
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=3600,
        )
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        work = [loop.create_task(self.intake.run()), loop.create_task(self._watch())]
        await stopping.wait()
        work[1].cancel()
        await self._stop_lines(list(self.lines))
        await runner.cleanup()
        await self.intake.emptied()
        work[0].cancel()
        self.database.shutdown()

    # --- the door ---------------------------------------------------------------------

    def application(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.router.add_post("/submit", self._submit)
        app.router.add_get("/lines", self._show)
        return app

    async def _submit(self, request: web.Request) -> web.Response:
        self._authenticate(request)
        order: dict[str, Any] = await request.json()
        line = self.lines.get(order["account"])
        if line is None:
            fault = self._faults.get(order["account"], "no such account")
            raise web.HTTPNotFound(text=fault)
        handover = line.take(order["messages"], patience=float(order["patience"]))
        try:
            rows = await handover.done
        except asyncio.CancelledError:
            handover.abandon()
            raise
        return web.json_response({"results": rows})

    async def _show(self, request: web.Request) -> web.Response:
        """What every line is at, for people who look after it."""
        self._authenticate(request)
        return web.json_response(
            {
                pk: {
                    "state": line.state,
                    "queued": len(line.queue),
                    "in_flight": line.in_flight,
                    "rate": line.pace.rate,
                }
                for pk, line in self.lines.items()
            }
        )

    def _authenticate(self, request: web.Request) -> None:
        shown = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(shown, self._secret):
            raise web.HTTPUnauthorized

    # --- accounts ---------------------------------------------------------------------

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                found = await loop.run_in_executor(self.database, enabled_accounts)
            except Error as error:
                logger.warning("SMPP: no accounts read: %s", type(error).__name__)
            else:
                await self.follow(self._configs(found))
            await asyncio.sleep(LOOK_EVERY)

    async def follow(self, wanted: dict[int, Config]) -> None:
        """Have a line for each of these and for no other."""
        lines = self.lines.items()
        await self._stop_lines([k for k, one in lines if one.config != wanted.get(k)])
        for pk in wanted.keys() - self.lines.keys():
            self.lines[pk] = Line(wanted[pk], self.intake)
            self.lines[pk].start()

    def _configs(self, accounts: list[ProviderAccount]) -> dict[int, Config]:
        configs: dict[int, Config] = {}
        faults: dict[int, str] = {}
        for account in accounts:
            try:
                configs[account.pk] = Config.of(account)
            except (ValueError, TypeError) as fault:
                faults[account.pk] = f"unusable setting: {fault}"
        for pk in faults.keys() - self._faults.keys():
            logger.error("SMPP account %s: %s", pk, faults[pk])
        self._faults = faults
        return configs

    async def _stop_lines(self, keys: list[int]) -> None:
        stopped = [self.lines.pop(pk).stop() for pk in keys]
        await asyncio.gather(*stopped)


def enabled_accounts() -> list[ProviderAccount]:
    close_old_connections()
    return list(ProviderAccount.objects.filter(transport=SLUG, is_enabled=True))
