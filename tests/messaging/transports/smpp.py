"""What the gateway says to a worker, and the SMSC's PDUs as the gateway has them stored.

Made by node-smpp; the sessions themselves: tests/messaging/smpp.
"""

from __future__ import annotations

import json
from contextlib import contextmanager

from django.test import override_settings

from messaging.smpp import pdu
from tests.messaging.transports.sample import HttpSample, Recorded, Sms

AT = "2026-11-22T02:00:00+00:00"


class Smpp(HttpSample):
    slug = "smpp"
    secrets = {"system_id": "esme", "password": "secret"}
    has_callbacks = False

    @contextmanager
    def peer(self, happening):
        with super().peer(happening) as address, override_settings(**address):
            yield {"host": "127.0.0.1"}

    def settings(self, url):
        return {"SMPP_GATEWAY": url}

    def taken(self, seen):
        return self._each(seen, said="taken", code="ESME_ROK")

    def refused_number(self, seen):
        return self._each(seen, said="refused", code="ESME_RINVDSTADR")

    def refused_content(self, seen):
        return self._each(seen, said="refused", code="ESME_RINVMSGLEN")

    def throttled(self, seen):
        return self._each(seen, said="waiting", code="ESME_RTHROTTLED")

    def receipts(self, sms: Sms):
        return [_receipt(sms, "ENROUTE", 1), _receipt(sms, "DELIVRD", 2)]

    def failed(self, sms):
        return _receipt(sms, "UNDELIV", 5)

    def reply(self, id, phone, text):
        values = {"esm_class": 0, "data_coding": 8, "destination_addr": f"10690{id}"}
        return _stored(phone, values, text.encode("utf-16-be"), reference="")

    def _each(self, seen, **row):
        ids = [item["id"] for item in json.loads(seen.body)["messages"]]
        taken = row["said"] == "taken"
        rows = [
            {"id": one, "reference": one[:8], "parts": [one[:8]], **row}
            if taken
            else {"id": one, "reference": "", "parts": [], **row}
            for one in ids
        ]
        return Recorded(200, json.dumps({"results": rows}).encode())


def _receipt(sms: Sms, state: str, number: int) -> bytes:
    text = f"id:{sms.reference} sub:001 dlvrd:001 stat:{state} err:000 text:..."
    tlvs = {pdu.MESSAGE_STATE: bytes((number,))}
    return _stored(sms.phone, {"esm_class": 4}, text.encode(), tlvs, sms.reference)


def _stored(phone, values, octets, tlvs=None, reference="") -> bytes:
    values = {"source_addr": phone[1:], "short_message": octets, **values}
    message = pdu.Pdu(pdu.DELIVER_SM, 1, values=values, tlvs=tlvs or {})
    row = {"pdu": pdu.encode(message).hex(), "at": AT, "reference": reference}
    return json.dumps([row]).encode()


SAMPLE = Smpp()
