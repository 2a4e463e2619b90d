"""The simulator's calls. `account.settings["url"]`, and the `secret` both sides show."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from backoffice.kit.http import Answer, Request, Session, json_request
from messaging.models import Call, ProviderAccount
from messaging.transports.base import Callback, Setting, Unreadable
from messaging.transports.simulator import shows_secret

from .base import CallEvent, Dialled

# Its word for the end of a call -> ours.
STATUSES = {
    "answered": Call.Status.ANSWERED,
    "busy": Call.Status.BUSY,
    "no_answer": Call.Status.NO_ANSWER,
    "failed": Call.Status.FAILED,
}


class SimulatorVoice:
    settings = (Setting("url", _("Address"), "url", is_required=True),)
    secrets = (Setting("secret", _("Secret"), is_required=True),)

    def dial(self, account: ProviderAccount, call: Call, http: Session) -> Dialled:
        return _dialled(http.send([_request(account, call)])[0])

    def parse_calls(self, body: bytes) -> list[CallEvent]:
        return [_event(row) for row in _rows(body)]

    def verify(self, account: ProviderAccount, callback: Callback) -> bool:
        return shows_secret(account, callback)

    def acknowledgement(self) -> tuple[str, bytes]:
        return "application/json", b'{"ok":true}'


def _request(account: ProviderAccount, call: Call) -> Request:
    secret = account.secret_values.get("secret", "")
    payload = {
        "id": str(call.pk),
        "to": call.phone,
        "script": call.script,
        "answer_kind": call.answer_kind,
        "language": call.language,
    }
    url = account.settings["url"].rstrip("/") + "/calls"
    return json_request("POST", url, payload, Authorization=f"Bearer {secret}")


def _dialled(answer: Answer) -> Dialled:
    if not answer.sent or answer.status == 429:
        return Dialled("not_taken")
    if 400 <= answer.status < 500:
        return Dialled("refused")
    said = answer.json() if answer.ok else None
    reference = said.get("reference") if isinstance(said, dict) else None
    # Taken, but by whom? Its callback will name our id.
    return Dialled("accepted", str(reference)) if reference else Dialled("unknown")


def _rows(body: bytes) -> list[Any]:
    try:
        said = json.loads(body)
    except ValueError as error:
        raise Unreadable(type(error).__name__) from None
    return said if isinstance(said, list) else [said]


def _event(row: Any) -> CallEvent:
    try:
        return CallEvent(
            reference=str(row["reference"]),
            call_id=UUID(row["id"]) if row.get("id") else None,
            status=STATUSES.get(row["status"], Call.Status.FAILED),
            keys=str(row.get("keys") or ""),
            recording=_wav(row.get("recording")),
            at=datetime.fromisoformat(row["at"]) if row.get("at") else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # The kind of error only: its words may quote what was said.
        raise Unreadable(type(error).__name__) from None


def _wav(recording: str | None) -> bytes | None:
    return base64.b64decode(recording, validate=True) if recording else None
