"""What would leave the machine for a provider, caught; a test says what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backoffice.kit.http import Answer


class Wire:
    """What would leave the machine; `answer` says what comes back for a request."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.answer = self.accept

    def accept(self, items: list[dict[str, Any]]) -> Answer:
        rows = [
            {"id": item["id"], "code": "OK", "reference": f"r-{item['id']}"}
            for item in items
        ]
        return Answer(200, json.dumps({"results": rows}).encode())

    def send(self, requests: list[Any]) -> list[Answer]:
        answers = []
        for request in requests:
            items = json.loads(request.body)["messages"]
            self.sent += items
            answers.append(self.answer(items))
        return answers


def caught(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(
        "backoffice.kit.http.Session.send", lambda self, requests: wire.send(requests)
    )
    return wire
