"""A call: somebody picks up (or not) and answers what that person knows.

A request carries the script and the KIND of the answer, never the answer: the
person's own knowledge comes from the seed. Anything more in it is refused.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from .network import now_text
from .postman import Postman
from .seed import Json, Seed
from .speech import keys_of, recording_of

FIELDS = frozenset({"id", "to", "script", "answer_kind", "language"})
KINDS = ("digits", "yesno", "date", "text")
_WITHOUT_ANSWER = ("busy", "no_answer")


def problem_of(body: Any) -> str:
    """What is wrong with a call request, as a sentence; "" when nothing is."""
    if not isinstance(body, dict):
        return "A call request is a JSON object."
    if set(body) != FIELDS:
        return f"A call request has exactly these fields: {', '.join(sorted(FIELDS))}."
    if not all(isinstance(value, str) for value in body.values()):
        return "Every field of a call request is a text."
    if body["answer_kind"] not in KINDS:
        return f"answer_kind is one of: {', '.join(KINDS)}."
    return ""


class Exchange:
    """Places the calls."""

    def __init__(self, seed: Seed, postman: Postman) -> None:
        self._seed = seed
        self._postman = postman

    async def place(self, call: dict[str, str], reference: str) -> None:
        await asyncio.sleep(self._seed.delay)
        person = self._seed.person(call["to"])
        outcome = outcome_of(call, person)
        told = {"reference": reference, "id": call["id"], **outcome, "at": now_text()}
        await self._postman.post("call", told)


def outcome_of(call: dict[str, str], person: Json | None) -> dict[str, str]:
    """Status, pressed keys and recording (base64) of a call to this person."""
    picks_up = person.get("picks_up", "answer") if person else "no_answer"
    if person is None or picks_up in _WITHOUT_ANSWER:
        return {"status": picks_up, "keys": "", "recording": ""}
    answer = str(person.get("answers", {}).get(call["answer_kind"], ""))
    if _presses_keys(call, person):
        return {"status": "answered", "keys": keys_of(answer), "recording": ""}
    recording = base64.b64encode(recording_of(answer, voice=call["to"])).decode()
    return {"status": "answered", "keys": "", "recording": recording}


def _presses_keys(call: dict[str, str], person: Json) -> bool:
    """The clips are English: who is asked in Chinese answers on the keypad."""
    chinese = call["language"].lower().replace("_", "-").startswith("zh")
    return chinese or person.get("by", "voice") == "keypad"
