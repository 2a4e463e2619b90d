"""What the demo's people paid, as a file on a file server that is scanned."""

from __future__ import annotations

import csv
import os
from datetime import datetime, timedelta
from pathlib import Path

from tracking.models import BehaviourSource

from .people import everybody

NAME = "Demo payments"
WORDS = {"zh-hans": "水电费", "en": "UTILITY"}


def write_file(folder: Path, now: datetime) -> None:
    """A year's payments: most are read, one word is unknown, one amount is no number."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"payments-{now:%Y-%m-%d}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "customer", "type", "paid on", "amount", "payee"])
        writer.writerows(_rows(now))
    # Not a file that somebody is still writing.
    written = now.timestamp() - 3600
    os.utime(path, (written, written))


def _rows(now: datetime) -> list[list[str]]:
    rows = []
    for person in everybody():
        for turn in range(person.payments):
            day = now - timedelta(days=30 * turn + int(person.number[1:]) % 25 + 1)
            amount = 1_050 + 35 * turn + int(person.number[1:]) % 700
            rows.append(
                [
                    f"{person.number}-{turn}",
                    person.number,
                    WORDS[person.language],
                    f"{day:%Y-%m-%d %H:%M}",
                    f"{amount}.00",
                    "city power" if turn % 2 else "city water",
                ]
            )
    lately = f"{now - timedelta(days=3):%Y-%m-%d %H:%M}"
    rows.append(["odd-1", "D1002", "lottery", lately, "20.00", "kiosk"])
    rows.append(["odd-2", "D1003", "UTILITY", lately, "a lot", "city power"])
    return rows


def make_source(folder: Path, customers: str) -> None:
    columns = {
        "record_key": "order",
        "external_id": "customer",
        "business_type": "type",
        "at": "paid on",
        "amount": "amount",
        "product": "payee",
    }
    values = {
        "url": folder.resolve().as_uri(),
        "columns": columns,
        "date_format": "%Y-%m-%d %H:%M",
        "customer_source": customers,
    }
    BehaviourSource.objects.get_or_create(name=NAME, defaults=values)
