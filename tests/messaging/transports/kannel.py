from __future__ import annotations

from urllib.parse import urlencode

from tests.messaging.transports.sample import (
    Brought,
    HttpSample,
    Recorded,
    Sms,
)


def _plain(status: int, words: str) -> Recorded:
    return Recorded(status, words.encode(), "text/html")


class Kannel(HttpSample):
    slug = "kannel"
    secrets = {"password": "bar"}
    echoes_id = True
    garbage = (b"", b"%", b"\xff\xfe\x00", b"id=1&type=1", b"type=8", b"id=&type=")

    def settings(self, url):
        return {"url": f"{url}/cgi-bin/sendsms", "username": "foo", "sender": "10690"}

    def taken(self, seen):
        return _plain(202, "0: Accepted for delivery")

    def refused_number(self, seen):
        words = "Number(s) has/have been denied by white- and/or black-lists."
        return _plain(400, words)

    def refused_content(self, seen):
        return _plain(400, "Charset or body misformed, rejected")

    def throttled(self, seen):
        return _plain(503, "Temporal failure, try again later.")

    def receipts(self, sms: Sms):
        return [_report(sms, type="8"), _report(sms, type="1")]

    def failed(self, sms):
        return _report(sms, type="2")

    def reply(self, id, phone, text):
        # As smsbox brings a text that is no GSM-7.
        fields = {"id": id, "from": phone, "to": "10690", "at": "1795212007"}
        fields |= {"text": text.encode("utf-16-be"), "charset": "UTF-16BE"}
        return urlencode(fields).encode()

    def bring(self, account, url, body):
        return Brought(method="GET", query=body.decode("latin-1"))


def _report(sms: Sms, **fields: str) -> bytes:
    return urlencode({"id": str(sms.id), "at": "1795212007", **fields}).encode()


SAMPLE = Kannel()
