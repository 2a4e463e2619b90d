from __future__ import annotations

import json

from tests.messaging.transports.sample import HttpSample, Recorded, Seen, Sms


class Tencent(HttpSample):
    slug = "tencent"
    secrets = {"secret_id": "AKIDexample", "secret_key": "s3cret"}
    echoes_id = True

    def settings(self, url):
        return {"url": url, "sdk_app_id": "1400006666"}

    def taken(self, seen: Seen):
        return each(seen, lambda phone: {"Code": "Ok", "SerialNo": f"5000:{phone}"})

    def refused_number(self, seen):
        code = "InvalidParameterValue.IncorrectPhoneNumber"
        return each(seen, lambda _phone: {"Code": code, "SerialNo": ""})

    def refused_content(self, seen):
        code = "FailedOperation.ContainSensitiveWord"
        return each(seen, lambda _phone: {"Code": code, "SerialNo": ""})

    def throttled(self, seen):
        return error("RequestLimitExceeded")

    def receipts(self, sms: Sms):
        return [receipt(sms)]

    def failed(self, sms):
        return receipt(sms, report_status="FAIL", errmsg="MK:0005")

    def reply(self, id, phone, text):
        row = {
            "extend": "12",
            "mobile": phone.removeprefix("+86"),
            "nationcode": "86",
            "sign": "Bank",
            "text": text,
            "time": 1795212000 + int(id),
        }
        return json.dumps(row).encode()


def each(seen: Seen, say) -> Recorded:
    phones = json.loads(seen.body)["PhoneNumberSet"]
    rows = [
        {
            "PhoneNumber": phone,
            "Fee": 1,
            "SessionContext": "",
            "Message": "",
            "IsoCode": "CN",
            **say(phone),
        }
        for phone in phones
    ]
    return response({"SendStatusSet": rows})


def error(code) -> Recorded:
    return response({"Error": {"Code": code, "Message": code}})


def response(said) -> Recorded:
    said = {"Response": {**said, "RequestId": "a0aabda6-cf91-4f3e-a81f-9198114a2279"}}
    return Recorded(200, json.dumps(said).encode())


def receipt(sms: Sms, **over) -> bytes:
    row = {
        "user_receive_time": "2026-11-21 08:03:04",
        "nationcode": "86",
        "mobile": sms.phone.removeprefix("+86"),
        "report_status": "SUCCESS",
        "errmsg": "DELIVRD",
        "description": "用户短信送达成功",
        "sid": sms.reference,
        "ext": str(sms.id),
        **over,
    }
    return json.dumps([row], ensure_ascii=False).encode()


SAMPLE = Tencent()
