from __future__ import annotations

import json

from tests.messaging.transports.sample import (
    Brought,
    HttpSample,
    Recorded,
    Seen,
    Sms,
)


class Simulator(HttpSample):
    slug = "simulator"
    secrets = {"secret": "s3cret"}
    never = {"refused content": "it looks at numbers only"}
    echoes_id = True
    is_signed = True

    def settings(self, url):
        return {"url": url}

    def taken(self, seen: Seen):
        return self._each(seen, {"code": "OK"})

    def refused_number(self, seen):
        return self._each(seen, {"code": "INVALID_NUMBER", "reference": ""})

    def throttled(self, seen):
        return Recorded(429, b'{"error":"slow down"}')

    def receipts(self, sms: Sms):
        return [_report(sms, status="ACCEPTED"), _report(sms, status="DELIVERED")]

    def failed(self, sms):
        return _report(sms, status="FAILED", error="UNREACHABLE")

    def reply(self, id, phone, text):
        return json.dumps([{"id": id, "from": phone, "text": text}]).encode()

    def bring(self, account, url, body):
        secret = account.secret_values["secret"]
        return Brought(body, headers={"Authorization": f"Bearer {secret}"})

    def _each(self, seen, row):
        ids = [item["id"] for item in json.loads(seen.body)["messages"]]
        rows = [{"id": one, "reference": f"r-{one}", **row} for one in ids]
        return Recorded(200, json.dumps({"results": rows}).encode())


def _report(sms: Sms, **over) -> bytes:
    row = {"reference": sms.reference, "to": sms.phone, "id": str(sms.id), **over}
    return json.dumps([row]).encode()


SAMPLE = Simulator()
