from __future__ import annotations

import json
from itertools import count
from urllib.parse import parse_qs, urlencode

from twilio.request_validator import RequestValidator

from tests.messaging.transports.sample import (
    Brought,
    HttpSample,
    Recorded,
    Sms,
)

ACCOUNT = "AC" + "0" * 32


def refusal(code: int, status: int = 400) -> Recorded:
    """An error as the REST API words it."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": "...", "more_info": more, "status": status}
    return Recorded(status, json.dumps(body).encode())


def sign(token: str, url: str, body: bytes) -> dict[str, str]:
    """Twilio's own signature of a form POSTed to an address."""
    fields = parse_qs(body.decode(), keep_blank_values=True)
    once = {name: values[0] for name, values in fields.items()}
    signature = RequestValidator(token).compute_signature(url, once)
    return {
        "X-Twilio-Signature": signature,
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    }


class Twilio(HttpSample):
    slug = "twilio"
    secrets = {"auth_token": "t0ken", "webhook_key": ""}
    echoes_id = True
    is_signed = True
    garbage = (b"", b"%", b"MessageSid=SM1", b"MessageStatus=sent", b"From=%2B1&id=1")

    def __init__(self) -> None:
        self.numbers = count(1)

    def settings(self, url):
        return {"url": url, "account_sid": ACCOUNT, "sender": "+15005550006"}

    def taken(self, seen):
        sid = f"SM{next(self.numbers):032x}"
        form = parse_qs(seen.body.decode())
        body = {"sid": sid, "status": "queued", "to": form["To"][0], "error_code": None}
        return Recorded(201, json.dumps(body | {"num_segments": "1"}).encode())

    def refused_number(self, seen):
        return refusal(21211)

    def refused_content(self, seen):
        return refusal(21617)

    def throttled(self, seen):
        return refusal(20429, 429)

    def receipts(self, sms: Sms):
        return [report(sms, status) for status in ("sent", "delivered")]

    def failed(self, sms):
        return report(sms, "undelivered", ErrorCode="30003")

    def reply(self, id, phone, text):
        fields = {"MessageSid": id, "From": phone, "To": "+15005550006", "Body": text}
        return urlencode(fields | {"NumMedia": "0", "AccountSid": ACCOUNT}).encode()

    def bring(self, account, url, body):
        token = account.secret_values["auth_token"]
        return Brought(body, headers=sign(token, url, body))


def report(sms: Sms, status: str, **more: str) -> bytes:
    """A status callback, with the id from the query of its address behind it."""
    fields = {
        "SmsSid": sms.reference,
        "SmsStatus": status,
        "MessageStatus": status,
        "To": sms.phone,
        "MessageSid": sms.reference,
        "AccountSid": ACCOUNT,
        "From": "+15005550006",
        "ApiVersion": "2010-04-01",
        **more,
    }
    return urlencode(fields | {"id": str(sms.id)}).encode()


SAMPLE = Twilio()
