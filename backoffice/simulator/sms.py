"""Taking SMS: each one accepted, refused or throttled; and questions afterwards."""

from __future__ import annotations

from typing import Any

from .fates import INVALID_NUMBER, fate_of
from .ledger import Ledger, Taken

AT_MOST = 100


def problem_of(body: Any) -> str:
    """What is wrong with a submission, as a sentence; "" when nothing is."""
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        return 'A submission is {"messages": [...]}.'
    if len(messages) > AT_MOST:
        return f"A submission has at most {AT_MOST} messages, not {len(messages)}."
    if not all(map(_is_message, messages)):
        return "Every message has the texts id, to and text, and may have a sender."
    return ""


def _is_message(message: Any) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("sender", ""), str):
        return False
    return all(isinstance(message.get(name), str) for name in ("id", "to", "text"))


def submit(
    messages: list[dict[str, str]], ledger: Ledger
) -> tuple[list[dict[str, str]], list[Taken]]:
    """The results, one a message in the same order, and what was taken."""
    ledger.counts["requests"] += 1
    ledger.counts["received"] += len(messages)
    taken: list[Taken] = []
    return [_result(message, ledger, taken) for message in messages], taken


def _result(
    message: dict[str, str], ledger: Ledger, taken: list[Taken]
) -> dict[str, str]:
    one, fate = message["id"], fate_of(message["to"])
    if fate.refused:
        words = "The number does not exist."
        return {"id": one, "code": INVALID_NUMBER, "message": words}
    if fate.throttled_once and one not in ledger.throttled:
        ledger.throttled.add(one)
        return {"id": one, "code": "THROTTLED", "message": "Too many, later please."}
    accepted = ledger.accept(message, fate)
    taken.append(accepted)
    return {"id": one, "code": "OK", "reference": accepted.reference}


def found(one: str, ledger: Ledger) -> dict[str, Any]:
    """What is known of our client's id: the last acceptance of it, and its end."""
    standing = ledger.standings.get(one)
    if standing is None:
        return {"id": one, "found": False}
    return {
        "id": one,
        "found": True,
        "reference": standing.reference,
        "status": standing.status,
        "error": standing.error,
    }
