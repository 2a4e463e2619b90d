from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

from tests.messaging.transports.sample import HttpSample, Recorded, Seen, Sms

BIZ_ID = "900619746936498440^0"


class Aliyun(HttpSample):
    slug = "aliyun"
    secrets = {"access_key_id": "LTAI5tExample", "access_key_secret": "s3cret"}
    echoes_id = True

    def settings(self, url):
        return {"url": url}

    def taken(self, seen: Seen):
        return says("OK", BizId=BIZ_ID)

    def refused_number(self, seen):
        return says("isv.MOBILE_NUMBER_ILLEGAL")

    def refused_content(self, seen):
        return says("isv.SMS_CONTENT_ILLEGAL")

    def throttled(self, seen):
        return says("Throttling.User", status=400)

    def receipts(self, sms: Sms):
        return [receipt(sms)]

    def failed(self, sms):
        return receipt(sms, success=False, err_code="MOBILE_NOT_ON_SERVICE")

    def reply(self, id, phone, text):
        row = {
            "phone_number": phone.removeprefix("+86"),
            "content": text,
            "send_time": "2026-11-21 08:03:04",
            "dest_code": "10690001",
            "sequence_id": id,
            "sign_name": "Bank",
        }
        return json.dumps([row]).encode()


def says(code, *, status=200, **more) -> Recorded:
    said = {"Code": code, "Message": code, "RequestId": "F655A8D5-B967", **more}
    return Recorded(status, json.dumps(said).encode())


def receipt(sms: Sms, **over) -> bytes:
    row = {
        "phone_number": sms.phone.removeprefix("+86"),
        "send_time": "2026-11-21 08:03:00",
        "report_time": "2026-11-21 08:03:04",
        "success": True,
        "err_code": "DELIVERED",
        "err_msg": "用户接收成功",
        "sms_size": "1",
        "biz_id": sms.reference,
        "out_id": str(sms.id),
        **over,
    }
    return json.dumps([row], ensure_ascii=False).encode()


def form(seen: Seen) -> dict[str, str]:
    return dict(parse_qsl(seen.body.decode()))


def query(seen: Seen) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(seen.path).query))


def numbers(seen: Seen) -> list[str]:
    return json.loads(form(seen)["PhoneNumberJson"])


SAMPLE = Aliyun()
