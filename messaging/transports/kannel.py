"""Kannel 1.4: a gateway of the bank's own, spoken to over smsbox's sendsms.

Password, number and text go in headers and body, never in the address: addresses end up
in logs. Kannel gives no reference at submit, so the SMS id is ours; its reports bring the
id back in the address that each SMS names (`dlr-url`, whose escapes Kannel fills in). It
signs nothing: the token in the address is what authenticates it. See docs/kannel.md for
what its own configuration needs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from backoffice.kit.http import Answer, Request, Session
from messaging.models import ProviderAccount
from messaging.text import count_parts

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
)

# How an answer begins (smsbox.c) -> our status and failure. Anything else is unknown.
ANSWERS = {
    "0: Accepted for delivery": (Status.SENT, ""),
    # The link to the operator is down: Kannel keeps it and sends it when it is back.
    "3: Queued for later delivery": (Status.SENT, ""),
    "Sent.": (Status.SENT, ""),  # with immediate-sendsms-reply
    "Temporal failure, try again later.": (Status.QUEUED, ""),
    "Authorization failed for sendsms": (Status.QUEUED, ""),
    # No link for such numbers: what is wrong may be the configuration, not the number.
    "Not routable. Do not try again.": (Status.FAILED, Failure.PROVIDER_ERROR),
    "Number(s) has/have been denied": (Status.FAILED, Failure.BLOCKED),
    "Missing receiver": (Status.FAILED, Failure.INVALID_NUMBER),
    "Empty receiver number": (Status.FAILED, Failure.INVALID_NUMBER),
    "Charset or body misformed": (Status.FAILED, Failure.REJECTED_CONTENT),
    "Sender missing and no global set": (Status.FAILED, Failure.PROVIDER_ERROR),
    "DLR-URL field misformed": (Status.FAILED, Failure.PROVIDER_ERROR),
}
# A report's type (%d) -> ours. 4 and 8: the gateway, the operator has it.
REPORTS = {
    "1": (Status.DELIVERED, ""),
    "2": (Status.FAILED, Failure.UNREACHABLE),
    "4": (Status.SENT, ""),
    "8": (Status.SENT, ""),
    "16": (Status.FAILED, Failure.OTHER),
}
ALL_REPORTS = "31"
# The operator's reason (%A), an SMPP word or code, where the account asks for it.
REASON = re.compile(r"stat:(\w+)|NACK/(?:0x)?0*(\w+)/").search
REASONS = {
    "UNDELIV": Failure.UNREACHABLE,
    "EXPIRED": Failure.UNREACHABLE,
    "REJECTD": Failure.BLOCKED,
    "b": Failure.INVALID_NUMBER,  # ESME_RINVDSTADR
    "11": Failure.INVALID_NUMBER,
}
CODINGS = {"GSM-7": "0", "UCS-2": "2"}
# Python knows "charsets" that are none, and slow ones: only what a gateway may say.
CHARSETS = {"UTF-8", "UTF-16BE", "ISO-8859-1", "US-ASCII", "WINDOWS-1252", "GB18030"}
MOST_FIELDS = 50


class Kannel:
    batch = 1
    can_query = False
    mode: Mode = "text"
    settings = (
        Setting(
            "url",
            _("Address"),
            "url",
            is_required=True,
            help=_("Of sendsms: http://gateway:13013/cgi-bin/sendsms"),
        ),
        Setting("username", _("User name"), is_required=True),
        Setting("sender", _("Sender"), help=_("Empty: the gateway's own.")),
        Setting(
            "smsc",
            _("Route"),
            help=_("Name of the gateway's link (smsc-id). Empty: the gateway chooses."),
        ),
        Setting(
            "asks_reason",
            _("Ask for the operator's reason"),
            "yes/no",
            default=False,
            help=_(
                "Reports then say why a phone was not reached. Operators often put the "
                "first letters of the text beside it, and it comes in an address."
            ),
        ),
    )
    secrets = (Setting("password", _("Password"), is_required=True),)

    def send(
        self, account: ProviderAccount, items: Sequence[Outgoing], http: Session
    ) -> list[Exchange]:
        answers = http.send([_submit(account, item) for item in items])
        return [
            _exchange(item, answer) for item, answer in zip(items, answers, strict=True)
        ]

    def query(
        self, account: ProviderAccount, asked: Sequence[Asked], http: Session
    ) -> list[Found] | None:
        return None

    def verify(self, account: ProviderAccount, callback: Callback) -> bool:
        return True

    def parse_receipts(self, body: bytes) -> list[ReceiptEvent]:
        return [_receipt(_fields(body))]

    def parse_replies(self, body: bytes) -> list[ReplyEvent]:
        return [_reply(_fields(body))]

    def acknowledgement(self) -> tuple[str, bytes]:
        # What a reply's request is answered goes to the customer as an SMS: nothing.
        return "text/plain", b""


def _submit(account: ProviderAccount, item: Outgoing) -> Request:
    said = account.settings
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "X-Kannel-Username": said.get("username", ""),
        "X-Kannel-Password": account.secret_values.get("password", ""),
        "X-Kannel-From": said.get("sender", ""),
        "X-Kannel-To": item.phone,
        "X-Kannel-SMSC": said.get("smsc", ""),
        "X-Kannel-Coding": CODINGS[count_parts(item.text, rule="gsm").encoding],
        **_wishes(account, item.id),
    }
    used = {name: value for name, value in headers.items() if value}
    return Request("POST", said.get("url", ""), item.text.encode(), used)


def _wishes(account: ProviderAccount, id: UUID) -> dict[str, str]:
    """Which reports we want, and where."""
    url = account.callback_url("receipts")
    if not url:
        return {}
    reason = "&reason=%A" if account.settings.get("asks_reason") else ""
    return {
        "X-Kannel-DLR-Mask": ALL_REPORTS,
        "X-Kannel-DLR-Url": f"{url}?id={id}&type=%d&at=%T{reason}",
    }


def _exchange(item: Outgoing, answer: Answer) -> Exchange:
    return Exchange(
        outcomes=[_outcome(item, answer)],
        http_status=answer.status,
        problem=answer.problem,
        answer=answer.body.decode(errors="replace"),
    )


def _outcome(item: Outgoing, answer: Answer) -> Outcome:
    if not answer.sent:
        return Outcome(item.id, Status.QUEUED, code=answer.problem)
    words = answer.body.decode(errors="replace")
    code = next((known for known in ANSWERS if words.startswith(known)), "")
    status, failure = ANSWERS.get(code, (Status.UNKNOWN, ""))
    reference = str(item.id) if status == Status.SENT else ""
    return Outcome(item.id, status, reference, failure, code[:40])


def _fields(body: bytes) -> dict[str, str]:
    """A query's fields, each octet a character: a reply's text is in a charset it names."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding="latin-1",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:
        raise Unreadable(type(error).__name__) from None
    return dict(pairs)


def _receipt(fields: dict[str, str]) -> ReceiptEvent:
    try:
        id, kind = UUID(fields["id"]), fields["type"]
        at = _time(fields.get("at", ""))
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise Unreadable(type(error).__name__) from None
    status, failure = REPORTS.get(kind, (Status.SENT, ""))
    found = REASON(fields.get("reason", ""))
    reason = (found[1] or found[2]) if found else ""
    if status == Status.FAILED:
        failure = REASONS.get(reason, failure)
    words = f"{kind[:10]} {reason[:20]}".strip()
    return ReceiptEvent(str(id), "", status, failure, words, at, message_id=id)


def _reply(fields: dict[str, str]) -> ReplyEvent:
    try:
        return ReplyEvent(
            id=fields["id"],
            phone=fields["from"],
            text=_text(fields["text"], fields.get("charset") or "UTF-8"),
            at=_time(fields.get("at", "")),
        )
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise Unreadable(type(error).__name__) from None


def _text(octets: str, charset: str) -> str:
    if charset.upper() not in CHARSETS:
        raise Unreadable("charset")
    return octets.encode("latin-1").decode(charset)


def _time(seconds: str) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
