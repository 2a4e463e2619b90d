"""A line to an SMSC on this test's own event loop, with an intake that remembers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from messaging.models import ProviderAccount
from messaging.smpp import pdu
from messaging.smpp.config import Config
from messaging.smpp.intake import read
from messaging.smpp.line import Line
from messaging.smpp.reports import text_of

PATIENCE = 30.0


class Heard:
    """What the SMSC told: `receipts`, `replies` (text), `late` rows."""

    def __init__(self, safely=True):
        self.safely = safely
        self.receipts, self.replies, self.late = [], [], []

    def message(self, config, frame, stored):
        said = pdu.decode(frame)
        kind, notes = read(config, said)
        if kind == "receipts":
            self.receipts.append(notes["reference"])
        else:
            self.replies.append(text_of(said))
        stored(self.safely)

    def result(self, config, row):
        self.late.append(row)


def make_config(port, *, password="secret", **over):
    settings = {"host": "127.0.0.1", "port": port, "source": "10690000"}
    account = ProviderAccount(pk=1, settings=settings)
    account.set_secrets({"system_id": "esme", "password": password})
    # Over the settings as read: a test waits for parts of a second.
    return replace(Config.of(account), **over)


@asynccontextmanager
async def bound(config, heard=None):
    line = Line(config, heard or Heard())
    line.start()
    try:
        await until(lambda: line.sender.link)
        yield line
    finally:
        await line.stop(grace=0.2)


async def until(holds):
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


def sms(count, text="Hello", start=0, ending="11"):
    return [
        {"id": str(n), "to": f"+86138{n:06d}{ending}", "text": text}
        for n in range(start, start + count)
    ]


async def submit(line, messages, patience=PATIENCE):
    """What is said of each, by id."""
    rows = await line.take(messages, patience=patience).done
    return {row["id"]: row for row in rows}
