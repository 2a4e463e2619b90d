"""Twilio Programmable Messaging: one request an SMS, many in flight.

Its reference is the message SID. Our SMS id comes back in the address that each SMS names
for its reports (`StatusCallback`), so that one whose answer was lost is settled by its
report. It can be asked by SID only: asking by number would put the number into an address.
Callbacks are signed over the whole address and all fields
(twilio.com/docs/usage/webhooks/webhooks-security).
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from backoffice.kit.http import Answer, Request, Session
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
)

# Its error codes, in answers (4xx) and in reports (twilio.com/docs/api/errors).
FAILURES = {
    "21211": Failure.INVALID_NUMBER,  # no valid number
    "21214": Failure.INVALID_NUMBER,
    "21217": Failure.INVALID_NUMBER,
    "21604": Failure.INVALID_NUMBER,  # none given
    "21614": Failure.INVALID_NUMBER,  # no mobile number
    "21635": Failure.INVALID_NUMBER,  # landline
    "30005": Failure.INVALID_NUMBER,  # nobody has it, by the operator
    "30006": Failure.INVALID_NUMBER,  # landline, or no such operator
    "21612": Failure.UNREACHABLE,  # not from this sender
    "30003": Failure.UNREACHABLE,  # switched off, no service
    "21610": Failure.BLOCKED,  # the person wrote STOP
    "30004": Failure.BLOCKED,
    "21602": Failure.REJECTED_CONTENT,  # empty
    "21605": Failure.REJECTED_CONTENT,  # too long
    "21617": Failure.REJECTED_CONTENT,
    "21619": Failure.REJECTED_CONTENT,
    "30007": Failure.REJECTED_CONTENT,  # filtered by Twilio or the operator
    # The account, the sender or its registration is not as it should be.
    "21212": Failure.PROVIDER_ERROR,
    "21408": Failure.PROVIDER_ERROR,  # the country is not allowed to it
    "21601": Failure.PROVIDER_ERROR,
    "21603": Failure.PROVIDER_ERROR,
    "21606": Failure.PROVIDER_ERROR,
    "21608": Failure.PROVIDER_ERROR,  # trial account
    "21609": Failure.PROVIDER_ERROR,  # our StatusCallback
    "21703": Failure.PROVIDER_ERROR,
    "30001": Failure.PROVIDER_ERROR,  # its queue was full after all
    "30002": Failure.PROVIDER_ERROR,  # account suspended
    "30010": Failure.PROVIDER_ERROR,  # dearer than our limit
    "30034": Failure.PROVIDER_ERROR,  # sender not registered
    "30036": Failure.PROVIDER_ERROR,  # lay too long in its queue
}
# Refused for now, surely not taken: too many requests, a full queue, who we are.
LATER = {"10001", "20003", "20005", "20429", "21611"}
REPORTS = {
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "failed": Status.FAILED,
    "undelivered": Status.FAILED,
    "canceled": Status.FAILED,
}
# Twilio by itself tries a report again only where it could not connect.
RETRIES = "#rc=5&rp=5xx,ct,rt"
# How a callback may be signed: the secret for it.
SIGNED_BY = {
    "HMAC_SHA1": ("auth_token", "sha1"),
    "HMAC_SHA256": ("webhook_key", "sha256"),
}
MOST_FIELDS = 200

Pairs = list[tuple[str, str]]


class Twilio:
    batch = 1
    can_query = True
    mode: Mode = "text"
    settings = (
        Setting("account_sid", _("Account SID"), is_required=True),
        Setting(
            "sender",
            _("Sender"),
            is_required=True,
            help=_("A number, a name, or a messaging service (MG…)."),
        ),
        Setting("url", _("Address"), "url", default="https://api.twilio.com"),
    )
    secrets = (
        Setting("auth_token", _("Auth token"), is_required=True),
        Setting(
            "webhook_key",
            _("Key of callbacks"),
            help=_("Only where callbacks are signed with a shared key (HMAC_SHA256)."),
        ),
    )

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
        known = [one for one in asked if one.reference]
        answers = http.send([_look_up(account, one.reference) for one in known])
        found = zip(known, map(_event, answers, known), strict=True)
        return [Found(one.id, event) for one, event in found if event]

    def verify(self, account: ProviderAccount, callback: Callback) -> bool:
        name, digest = _signing(callback)
        secret = account.secret_values.get(name, "").encode()
        if not secret:
            return False
        shown = callback.headers.get("x-twilio-signature", "").encode()
        return any(
            hmac.compare_digest(shown, b64encode(hmac.digest(secret, said, digest)))
            for said in _possibly_signed(callback)
        )

    def parse_receipts(self, body: bytes) -> list[ReceiptEvent]:
        return [_receipt(dict(_pairs(body)))]

    def parse_replies(self, body: bytes) -> list[ReplyEvent]:
        fields = dict(_pairs(body))
        try:
            id, phone, text = (fields[name] for name in ("MessageSid", "From", "Body"))
        except KeyError as error:
            raise Unreadable(type(error).__name__) from None
        return [ReplyEvent(id, phone, text)]

    def acknowledgement(self) -> tuple[str, bytes]:
        return "text/xml", b"<Response/>"


# --- handing over --------------------------------------------------------------


def _messages(account: ProviderAccount) -> str:
    base = account.settings.get("url") or "https://api.twilio.com"
    sid = quote(account.settings.get("account_sid", ""), safe="")
    return f"{base.rstrip('/')}/2010-04-01/Accounts/{sid}/Messages"


def _authorised(account: ProviderAccount) -> dict[str, str]:
    said = account.settings.get("account_sid", "")
    pair = f"{said}:{account.secret_values.get('auth_token', '')}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}


def _submit(account: ProviderAccount, item: Outgoing) -> Request:
    sender = account.settings.get("sender", "")
    form = {
        "To": item.phone,
        "MessagingServiceSid" if sender.startswith("MG") else "From": sender,
        "Body": item.text,
    }
    if url := account.callback_url("receipts"):
        form["StatusCallback"] = f"{url}?id={item.id}{RETRIES}"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        **_authorised(account),
    }
    address = _messages(account) + ".json"
    return Request("POST", address, urlencode(form).encode(), headers)


def _exchange(item: Outgoing, answer: Answer) -> Exchange:
    return Exchange(
        outcomes=[_outcome(item, answer)],
        http_status=answer.status,
        problem=answer.problem,
        answer=answer.body.decode(errors="replace"),
    )


def _outcome(item: Outgoing, answer: Answer) -> Outcome:
    said = _object(answer)
    if not answer.sent or answer.status == 429:
        return Outcome(item.id, Status.QUEUED, code=answer.problem or "429")
    if answer.ok:
        return _taken(item, said)
    code = str(said.get("code", ""))
    if 400 <= answer.status < 500 and code in LATER:
        return Outcome(item.id, Status.QUEUED, code=code)
    if 400 <= answer.status < 500 and code in FAILURES:
        return Outcome(item.id, Status.FAILED, failure=FAILURES[code], code=code)
    return Outcome(item.id, Status.UNKNOWN, code=code[:40])


def _taken(item: Outgoing, said: dict[str, Any]) -> Outcome:
    """What it has: an SMS that failed at once gets no report of it."""
    sid, word = str(said.get("sid") or ""), str(said.get("status") or "")
    if not sid:
        return Outcome(item.id, Status.UNKNOWN)
    if REPORTS.get(word) == Status.FAILED:
        failure = FAILURES.get(str(said.get("error_code")), Failure.OTHER)
        return Outcome(item.id, Status.FAILED, sid, failure, word)
    return Outcome(item.id, Status.SENT, sid, code=word[:40])


def _object(answer: Answer) -> dict[str, Any]:
    said = answer.json()
    return said if isinstance(said, dict) else {}


def _look_up(account: ProviderAccount, sid: str) -> Request:
    url = f"{_messages(account)}/{quote(sid, safe='')}.json"
    return Request("GET", url, headers=_authorised(account))


def _event(answer: Answer, asked: Asked) -> ReceiptEvent | None:
    said = _object(answer)
    if not answer.ok or said.get("sid") != asked.reference:
        return None
    word, code = str(said.get("status")), str(said.get("error_code") or "")
    return _report(asked.reference, asked.phone, word, code, asked.id)


# --- callbacks -----------------------------------------------------------------


def _pairs(body: bytes) -> Pairs:
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise Unreadable(type(error).__name__) from None


def _signing(callback: Callback) -> tuple[str, str]:
    """The name of the secret, and the digest, that the callback says it is signed with."""
    said = callback.headers.get("x-twilio-webhooks-signature-settings", "")
    parts = dict(part.strip().partition("=")[::2] for part in said.split(","))
    algorithm = parts.get("algorithm", "").strip().upper()
    return SIGNED_BY.get(algorithm or "HMAC_SHA1", ("", ""))


def _possibly_signed(callback: Callback) -> Iterator[bytes]:
    """The address and the fields of a POST; a GET's fields are in its address already."""
    try:
        pairs = sorted(set(_pairs(callback.body)))
    except Unreadable:
        return
    fields = ["".join(name + value for name, value in pairs)]
    if callback.url.encode().endswith(b"?" + callback.body):
        fields.append("")
    for url in _possible_urls(callback.url):
        yield from ((url + said).encode() for said in fields)


def _possible_urls(url: str) -> Iterator[str]:
    """As Twilio may have signed it: it is not constant in the port and the fragment."""
    parts = urlsplit(url)
    host, _colon, port = parts.netloc.partition(":")
    port = port or ("443" if parts.scheme == "https" else "80")
    for netloc in (host, f"{host}:{port}"):
        for fragment in ("", RETRIES):
            yield parts._replace(netloc=netloc).geturl() + fragment


def _receipt(fields: dict[str, str]) -> ReceiptEvent:
    try:
        return _report(
            fields["MessageSid"],
            fields["To"],
            fields["MessageStatus"],
            fields.get("ErrorCode", ""),
            UUID(fields["id"]) if fields.get("id") else None,
        )
    except (KeyError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None


def _report(
    sid: str, phone: str, word: str, code: str, id: UUID | None
) -> ReceiptEvent:
    status = REPORTS.get(word, Status.SENT)
    failure = FAILURES.get(code, Failure.OTHER) if status == Status.FAILED else ""
    words = f"{word[:20]} {code[:10]}".strip()
    return ReceiptEvent(sid, phone, status, failure, words, message_id=id)
