"""SMPP 3.4, by way of the gateway process (messaging/smpp), which has the sessions.

A fence is one request to it. Its answer says of each SMS what the SMSC said; the words
are read here. What the SMSC sends by itself the gateway has stored as our door would.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from backoffice.kit.http import DEADLINE, Answer, Request, Session, json_request
from backoffice.kit.phones import BadPhone, to_e164
from messaging.models import ProviderAccount
from messaging.smpp import pdu
from messaging.smpp.config import SECRETS, SETTINGS, bearer
from messaging.smpp.reports import is_receipt, read_report, text_of

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
    Status,
    Unreadable,
    cut,
)

# The gateway answers before the HTTP deadline is over, whatever the SMSC does.
PATIENCE = DEADLINE - 2.0
TON_NATIONAL = 2

# command_status of a submit_sm that was refused -> failure. Any other is doubt: a system
# error (8) may come from behind the place where the SMS was taken.
REFUSALS = {
    "ESME_RINVMSGLEN": Failure.REJECTED_CONTENT,
    "ESME_RINVDSTADR": Failure.INVALID_NUMBER,
    "ESME_RINVDSTTON": Failure.PROVIDER_ERROR,
    "ESME_RINVDSTNPI": Failure.PROVIDER_ERROR,
    "ESME_RINVSRCADR": Failure.PROVIDER_ERROR,
    "ESME_RINVSRCTON": Failure.PROVIDER_ERROR,
    "ESME_RINVSRCNPI": Failure.PROVIDER_ERROR,
    "ESME_RINVCMDLEN": Failure.PROVIDER_ERROR,
    "ESME_RINVCMDID": Failure.PROVIDER_ERROR,
    "ESME_RINVPRTFLG": Failure.PROVIDER_ERROR,
    "ESME_RINVREGDLVFLG": Failure.PROVIDER_ERROR,
    "ESME_RINVSERTYP": Failure.PROVIDER_ERROR,
    "ESME_RINVESMCLASS": Failure.PROVIDER_ERROR,
    "ESME_RSUBMITFAIL": Failure.PROVIDER_ERROR,
    "ESME_RINVSCHED": Failure.PROVIDER_ERROR,
    "ESME_RINVEXPIRY": Failure.PROVIDER_ERROR,
    "ESME_RINVOPTPARSTREAM": Failure.PROVIDER_ERROR,
    "ESME_ROPTPARNOTALLWD": Failure.PROVIDER_ERROR,
    "ESME_RINVPARLEN": Failure.PROVIDER_ERROR,
    "ESME_RMISSINGOPTPARAM": Failure.PROVIDER_ERROR,
    "ESME_RINVOPTPARAMVAL": Failure.PROVIDER_ERROR,
}
# A receipt's state -> ours; ENROUTE, ACCEPTD, UNKNOWN and any other: the SMSC has it.
STATES: dict[str, tuple[int, str]] = {
    "DELIVRD": (Status.DELIVERED, ""),
    "EXPIRED": (Status.EXPIRED, Failure.UNREACHABLE),
    "DELETED": (Status.FAILED, Failure.OTHER),
    "UNDELIV": (Status.FAILED, Failure.UNREACHABLE),
    "REJECTD": (Status.FAILED, Failure.BLOCKED),
}
# The gateway's own answers by which surely nothing was submitted.
NOTHING_DONE = (401, 404)


class Smpp:
    batch = 250
    can_query = False
    mode: Mode = "text"
    settings = SETTINGS
    secrets = SECRETS

    def send(
        self, account: ProviderAccount, items: Sequence[Outgoing], http: Session
    ) -> list[Exchange]:
        batches = cut(items, self.batch)
        answers = http.send([_submit(account, batch) for batch in batches])
        return [
            Exchange(
                outcomes=_outcomes(batch, answer),
                http_status=answer.status,
                problem=answer.problem,
                answer=answer.body.decode(errors="replace"),
            )
            for batch, answer in zip(batches, answers, strict=True)
        ]

    def query(
        self, account: ProviderAccount, asked: Sequence[Asked], http: Session
    ) -> list[Found] | None:
        """query_sm asks by the SMSC's id, which is what an SMS in doubt lacks."""
        return None

    def verify(self, account: ProviderAccount, callback: Callback) -> bool:
        """Nothing comes over HTTP: what does is not the SMSC's."""
        return False

    def parse_receipts(self, body: bytes) -> list[ReceiptEvent]:
        events = [_event(row) for row in _rows(body)]
        return [event for event in events if event is not None]

    def parse_replies(self, body: bytes) -> list[ReplyEvent]:
        return [_reply(row) for row in _rows(body)]

    def acknowledgement(self) -> tuple[str, bytes]:
        return "text/plain", b""


# --- handing over ------------------------------------------------------------------


def _submit(account: ProviderAccount, batch: Sequence[Outgoing]) -> Request:
    messages = [
        {"id": str(item.id), "to": item.phone, "text": item.text} for item in batch
    ]
    order = {"account": account.pk, "patience": PATIENCE, "messages": messages}
    url = settings.SMPP_GATEWAY.rstrip("/") + "/submit"
    return json_request("POST", url, order, Authorization=bearer())


def _outcomes(batch: Sequence[Outgoing], answer: Answer) -> list[Outcome]:
    if not answer.sent or answer.status in NOTHING_DONE:
        code = answer.problem or answer.body.decode(errors="replace")[:40]
        return [Outcome(item.id, Status.QUEUED, code=code) for item in batch]
    body = answer.json() if answer.ok else None
    rows = body.get("results", []) if isinstance(body, dict) else []
    said = {row["id"]: row for row in rows if isinstance(row, dict) and "id" in row}
    return [outcome(item.id, said.get(str(item.id), {})) for item in batch]


def outcome(message_id: UUID, row: dict[str, Any]) -> Outcome:
    """A row of the gateway's in our words.

    Of a long SMS the parts go one after the other. Refused for good after a part was
    taken, it has failed: no handset shows half an SMS, and the rest cannot follow.
    """
    code, reference = str(row.get("code", "")), str(row.get("reference", ""))
    match row.get("said"):
        case "taken" if reference:
            return Outcome(message_id, Status.SENT, reference, code=code)
        case "waiting" if not row.get("parts"):
            return Outcome(message_id, Status.QUEUED, code=code)
        case "refused" if code in REFUSALS:
            return Outcome(message_id, Status.FAILED, "", REFUSALS[code], code)
    return Outcome(message_id, Status.UNKNOWN, code=code)


# --- what came in ------------------------------------------------------------------


def _rows(body: bytes) -> list[dict[str, Any]]:
    try:
        rows = json.loads(body)
    except ValueError as error:
        raise Unreadable(type(error).__name__) from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable("not a list of objects")
    return rows


def _event(row: dict[str, Any]) -> ReceiptEvent | None:
    try:
        return _receipt(row) if "pdu" in row else _late(row)
    except pdu.Malformed as fault:
        raise Unreadable(f"PDU: {fault}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None


def _receipt(row: dict[str, Any]) -> ReceiptEvent:
    message = pdu.decode(bytes.fromhex(row["pdu"]))
    if not is_receipt(message):
        raise pdu.Malformed("no receipt")
    report = read_report(message)
    status, failure = STATES.get(report.state, (Status.SENT, ""))
    return ReceiptEvent(
        reference=str(row["reference"]),
        phone=_phone(message),
        status=status,
        failure=failure,
        words=f"{report.state} {report.error}".strip(),
        at=_time(row.get("at")),
    )


def _late(row: dict[str, Any]) -> ReceiptEvent | None:
    """An answer to a submit_sm that came when no worker waited for it any more.

    None where it leaves us in doubt as before.
    """
    told = outcome(UUID(str(row["id"])), row)
    if told.status not in (Status.SENT, Status.FAILED):
        return None
    return ReceiptEvent(
        reference=told.reference,
        phone="",
        status=told.status,
        failure=told.failure,
        words=told.code,
        message_id=told.id,
    )


def _reply(row: dict[str, Any]) -> ReplyEvent:
    try:
        frame = bytes.fromhex(row["pdu"])
        message, at = pdu.decode(frame), _time(row["at"])
        return ReplyEvent(
            id=_reply_id(frame, row["at"]),
            phone=_phone(message),
            text=text_of(message),
            at=at,
            reference=str(row["reference"]),
        )
    except pdu.Malformed as fault:
        raise Unreadable(f"PDU: {fault}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None


def _reply_id(frame: bytes, at: str) -> str:
    """SMPP gives a reply no id, and sends it again when our answer got lost.

    So the same from the same number within an hour is one.
    """
    digest = hashlib.sha256(frame[pdu.HEADER :]).hexdigest()
    return f"{at[:13]}-{digest[:40]}"


def _phone(message: pdu.Pdu) -> str:
    """As it was handed over: E.164; most SMSCs write it without the plus."""
    number = message.text("source_addr")
    if message.number("source_addr_ton") == TON_NATIONAL:
        try:
            return to_e164(number, region=settings.DEFAULT_PHONE_REGION)
        except BadPhone:
            return number
    return f"+{number}" if number.isdecimal() else number


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
