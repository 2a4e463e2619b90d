"""The simulator: a full provider in a process of its own (backoffice/simulator).

`account.settings["url"]` is its address, `secret` what both sides show each other.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from backoffice.kit.http import Answer, Request, Session, json_request
from messaging.models import ProviderAccount

from .base import (
    Asked,
    Callback,
    Exchange,
    Failure,
    Found,
    Mode,
    Outcome,
    Outgoing,
    ReceiptEvent,
    ReplyEvent,
    Setting,
    Status,
    Unreadable,
    cut,
)

# Its word for one SMS of a request -> our status and failure. Anything else is unknown.
CODES = {
    "OK": (Status.SENT, ""),
    "INVALID_NUMBER": (Status.FAILED, Failure.INVALID_NUMBER),
    "THROTTLED": (Status.QUEUED, ""),
}
# Its word in a receipt -> ours.
REPORTS = {
    "DELIVERED": Status.DELIVERED,
    "FAILED": Status.FAILED,
    "ACCEPTED": Status.SENT,
}
ERRORS = {
    "INVALID_NUMBER": Failure.INVALID_NUMBER,
    "UNREACHABLE": Failure.UNREACHABLE,
    "BLOCKED": Failure.BLOCKED,
}


class Simulator:
    batch = 100
    can_query = True
    mode: Mode = "text"
    settings = (
        Setting("url", _("Address"), "url", is_required=True),
        Setting("batch", _("SMS in a request"), "number", default=100),
    )
    secrets = (Setting("secret", _("Secret"), is_required=True),)

    def send(
        self, account: ProviderAccount, items: Sequence[Outgoing], http: Session
    ) -> list[Exchange]:
        batches = cut(items, int(account.settings.get("batch", self.batch)))
        answers = http.send([_submit(account, batch) for batch in batches])
        return [
            _exchange(batch, answer)
            for batch, answer in zip(batches, answers, strict=True)
        ]

    def query(
        self, account: ProviderAccount, asked: Sequence[Asked], http: Session
    ) -> list[Found] | None:
        ids = [str(one.id) for one in asked]
        answer = http.send([_call(account, "/sms/query", {"ids": ids})])[0]
        found = answer.json()
        if not answer.ok or not isinstance(found, dict):
            return None
        return [
            Found(UUID(row["id"]), _found(row) if row["found"] else None)
            for row in found["results"]
        ]

    def verify(self, account: ProviderAccount, callback: Callback) -> bool:
        return shows_secret(account, callback)

    def parse_receipts(self, body: bytes) -> list[ReceiptEvent]:
        return [_receipt(row) for row in _rows(body)]

    def parse_replies(self, body: bytes) -> list[ReplyEvent]:
        return [_reply(row) for row in _rows(body)]

    def acknowledgement(self) -> tuple[str, bytes]:
        return "application/json", b'{"ok":true}'


def shows_secret(account: ProviderAccount, callback: Callback) -> bool:
    shown = callback.headers.get("authorization", "").encode()
    return hmac.compare_digest(shown, _bearer(account).encode())


def _bearer(account: ProviderAccount) -> str:
    return "Bearer " + account.secret_values.get("secret", "")


def _call(account: ProviderAccount, path: str, payload: Any) -> Request:
    url = account.settings["url"].rstrip("/") + path
    return json_request("POST", url, payload, Authorization=_bearer(account))


def _submit(account: ProviderAccount, batch: Sequence[Outgoing]) -> Request:
    items = [
        {"id": str(item.id), "to": item.phone, "text": item.text} for item in batch
    ]
    return _call(account, "/sms", {"messages": items})


def _exchange(batch: Sequence[Outgoing], answer: Answer) -> Exchange:
    return Exchange(
        outcomes=_outcomes(batch, answer),
        http_status=answer.status,
        problem=answer.problem,
        answer=answer.body.decode(errors="replace"),
    )


def _outcomes(batch: Sequence[Outgoing], answer: Answer) -> list[Outcome]:
    if not answer.sent or answer.status == 429:
        return [
            Outcome(item.id, Status.QUEUED, code=answer.problem or "429")
            for item in batch
        ]
    body = answer.json() if answer.ok else None
    results = body.get("results", []) if isinstance(body, dict) else []
    said = {row["id"]: row for row in results if isinstance(row, dict) and "id" in row}
    return [_outcome(item, said.get(str(item.id), {})) for item in batch]


def _outcome(item: Outgoing, row: dict[str, Any]) -> Outcome:
    code = str(row.get("code", ""))
    status, failure = CODES.get(code, (Status.UNKNOWN, ""))
    reference = str(row.get("reference", ""))
    if status == Status.SENT and not reference:
        status = Status.UNKNOWN
    return Outcome(item.id, status, reference, failure, code)


def _rows(body: bytes) -> list[dict[str, Any]]:
    try:
        rows = json.loads(body)
    except ValueError as error:
        raise Unreadable(type(error).__name__) from None
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable("not a list of objects")
    return rows


def _receipt(row: dict[str, Any]) -> ReceiptEvent:
    try:
        status = REPORTS.get(row["status"], Status.SENT)
        error = str(row.get("error") or "")
        return ReceiptEvent(
            reference=str(row["reference"]),
            phone=str(row["to"]),
            status=status,
            failure=ERRORS.get(error, Failure.OTHER) if status == Status.FAILED else "",
            words=f"{row['status']} {error}".strip(),
            at=_time(row.get("at")),
            message_id=UUID(row["id"]) if row.get("id") else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(type(error).__name__) from None


def _reply(row: dict[str, Any]) -> ReplyEvent:
    try:
        return ReplyEvent(
            id=str(row["id"]),
            phone=str(row["from"]),
            text=str(row["text"]),
            at=_time(row.get("at")),
            reference=str(row.get("reference") or ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None


def _found(row: dict[str, Any]) -> ReceiptEvent:
    status = REPORTS.get(str(row.get("status") or "ACCEPTED"), Status.SENT)
    failure = (
        ERRORS.get(str(row.get("error") or ""), Failure.OTHER)
        if status == Status.FAILED
        else ""
    )
    return ReceiptEvent(
        str(row["reference"]),
        "",
        status,
        failure,
        str(row.get("status") or ""),
        None,
        UUID(row["id"]),
    )


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
