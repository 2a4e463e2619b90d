"""What the simulator is told: one JSON file, read again whenever it changes.

    {"secret": "...", "delay": 0.3, "latency": 0,
     "receipt_url": "http://.../receipts", "reply_url": "...", "call_url": "...",
     "people": {"+8613800000001": {"picks_up": "answer|busy|no_answer",
                                   "by": "voice|keypad",
                                   "answers": {"digits": "4719", "yesno": "yes",
                                               "date": "1990-05-20"}}},
     "faults": {"error": 5}, "attempts": 5,
     "credit": {"C1001": {"blacklisted": true}}}

Everything but the secret may be missing: without a URL nothing is called back. A
callback is tried `attempts` times; what `faults` may be stands in faults.py.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

Json = dict[str, Any]


class BadSeed(Exception):
    """The seed file is missing, no JSON object, or has no secret."""


class Seed:
    """The seed file's content, and people added while running.

    People that were added win over those of the file until `forget()`.
    """

    def __init__(self, path: Path, *, fast: bool = False) -> None:
        self._path = path
        self._fast = fast
        self._added: dict[str, Json] = {}
        self._stamp = self._stamp_now()
        self._content = self._read()

    def refresh(self) -> None:
        """Read the file again if it changed. A file half written is left for later."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        try:
            self._content = self._read()
            self._stamp = stamp
        except BadSeed as error:
            log.warning("%s The former content stays.", error)

    @property
    def secret(self) -> str:
        return str(self._content["secret"])

    @property
    def delay(self) -> float:
        return 0.0 if self._fast else float(self._content.get("delay", 0.3))

    @property
    def latency(self) -> float:
        """Seconds between taking an SMS request and answering it."""
        return float(self._content.get("latency", 0))

    @property
    def faults(self) -> Json:
        found = self._content.get("faults", {})
        return found if isinstance(found, dict) else {}

    @property
    def attempts(self) -> int:
        """How often a callback is tried before it is given up."""
        return int(self._content.get("attempts", 5))

    def url(self, kind: str) -> str:
        """Where receipts, replies and calls are told: kind is "receipt" and so on."""
        return str(self._content.get(f"{kind}_url") or "")

    def person(self, phone: str) -> Json | None:
        known = self._content.get("people", {}).get(phone)
        added = self._added.get(phone)
        return _merged(known or {}, added) if added else known

    def add_people(self, people: dict[str, Json]) -> None:
        for phone, person in people.items():
            self._added[phone] = _merged(self._added.get(phone, {}), person)

    def credit(self, ids: list[str]) -> dict[str, Json]:
        facts = self._content.get("credit", {})
        return {one: facts[one] for one in ids if one in facts}

    def forget(self) -> None:
        self._added.clear()

    def _stamp_now(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_size)

    def _read(self) -> Json:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadSeed(
                f"The seed file {self._path} cannot be read: {error}."
            ) from None
        if not isinstance(content, dict) or not content.get("secret"):
            raise BadSeed(f'The seed file {self._path} has no "secret".')
        return content


def _merged(old: Json, new: Json) -> Json:
    answers = {**old.get("answers", {}), **new.get("answers", {})}
    return {**old, **new, "answers": answers}
