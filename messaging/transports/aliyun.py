"""Aliyun SMS (dysmsapi 2017-05-25), a template channel, signed with ACS3-HMAC-SHA256.

Everything goes by SendBatchSms, an SMS alone too: it takes each SMS's own values, and it
takes them and the numbers in its body. SendSms has them in its address, which ends up in
the log of a proxy; a fence of 250 would save two requests of three at best.

One answer, with one code and one BizId, stands for the whole request. A timeout may have
sent it, and no request is idempotent: what we do not surely know to be refused is unknown.
See providers.md 2.1; the error codes are those of help.aliyun.com, 101346 and 101347.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from backoffice.kit.http import Answer, Request, Session
from messaging.models import ProviderAccount

from .base import (
    Approved,
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
from .clouds import (
    CHINA,
    HOME,
    batches,
    e164,
    echo,
    echoed_id,
    echoes,
    hand_over,
    local_time,
    operator_failure,
    rows,
    sort_out,
)
from .signatures import Keys, acs3, acs3_query

URL = "https://dysmsapi.aliyuncs.com"
VERSION = "2017-05-25"
FORM = "application/x-www-form-urlencoded"

# It took nothing, and the SMS is not to blame: the pace, the account, its money.
_NOT_NOW = (
    "isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL",
    "isv.OUT_OF_SERVICE", "isv.AMOUNT_NOT_ENOUGH", "isv.ACCOUNT_NOT_EXISTS",
    "isv.ACCOUNT_ABNORMAL", "isv.PRODUCT_UN_SUBSCRIPT", "isv.PRODUCT_UNSUBSCRIBE",
    "isv.DENY_IP_RANGE", "isp.RAM_PERMISSION_DENY", "InvalidAccessKeyId.NotFound",
    "InvalidAccessKeyId.Inactive", "InvalidTimeStamp.Expired", "SignatureDoesNotMatch",
    "Throttling", "Throttling.Api", "Throttling.User",
)  # fmt: skip
# It refuses the template or the sign: every SMS of the request.
_REFUSED = dict.fromkeys(
    (
        "isv.SMS_TEMPLATE_ILLEGAL", "isv.SMS_SIGNATURE_ILLEGAL", "isv.SMS_SIGN_ILLEGAL",
        "isv.SMS_SIGNATURE_SCENE_ILLEGAL", "isv.SIGN_STATE_ILLEGAL",
        "isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE", "isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
    ),
    Failure.REJECTED_CONTENT,
) | {
    "isv.EXTEND_CODE_ERROR": Failure.PROVIDER_ERROR,
    "isv.MOBILE_COUNT_OVER_LIMIT": Failure.PROVIDER_ERROR,
}  # fmt: skip
# It refuses the request for the number or the values of one SMS in it.
_REFUSED_FOR_ONE = dict.fromkeys(
    (
        "isv.TEMPLATE_MISSING_PARAMETERS", "isv.TEMPLATE_PARAMS_ILLEGAL",
        "isv.INVALID_PARAMETERS", "isv.INVALID_JSON_PARAM", "isv.PARAM_LENGTH_LIMIT",
        "isv.BLACK_KEY_CONTROL_LIMIT", "isv.SMS_CONTENT_ILLEGAL",
        "isv.UNSUPPORTED_CONTENT",
    ),
    Failure.REJECTED_CONTENT,
) | {
    "isv.MOBILE_NUMBER_ILLEGAL": Failure.INVALID_NUMBER,
    "isv.PARAM_NOT_SUPPORT_URL": Failure.LINK_IN_VALUE,
}  # fmt: skip
# Its word for a request -> our status and failure. Anything else is unknown, also
# isp.SYSTEM_ERROR, which says "try again" and not that nothing was sent.
CODES: Mapping[str, tuple[Status, str]] = {
    "OK": (Status.SENT, ""),
    **dict.fromkeys(_NOT_NOW, (Status.QUEUED, "")),
    **{
        code: (Status.FAILED, failure)
        for code, failure in (_REFUSED | _REFUSED_FOR_ONE).items()
    },
}
# Counted phone by phone: with several, some may have gone before the one that was over.
_COUNTED_BY_PHONE = "isv.BUSINESS_LIMIT_CONTROL"

# Its own words in a receipt; it hands through the operators' words, too.
ERRORS = {
    "MOBILE_NOT_ON_SERVICE": Failure.UNREACHABLE,
    # It says so of phones that are switched off, too: not a reason to give a number up.
    "INVALID_NUMBER": Failure.UNREACHABLE,
    "MOBILE_ACCOUNT_ABNORMAL": Failure.UNREACHABLE,
    "MOBLLE_TERMINAL_ERROR": Failure.UNREACHABLE,
    "MOBILE_SEND_LIMIT": Failure.PROVIDER_ERROR,
    "MOBILE_IN_BLACK": Failure.BLOCKED,
    "USER_REJECT": Failure.BLOCKED,
    "CONTENT_KEYWORD": Failure.REJECTED_CONTENT,
    "CONTENT_ERROR": Failure.REJECTED_CONTENT,
    "PARAMS_ILLEGAL": Failure.REJECTED_CONTENT,
    "IS_CLOSE": Failure.PROVIDER_ERROR,
    "NO_ROUTE": Failure.PROVIDER_ERROR,
    "SP_UNKNOWN_ERROR": Failure.PROVIDER_ERROR,
    "REQUEST_SUCCESS": Failure.NO_RECEIPT,
    **dict.fromkeys(_NOT_NOW, Failure.PROVIDER_ERROR),
    **_REFUSED,
    **_REFUSED_FOR_ONE,
}
# A record's SendStatus -> ours. 1: it waits for the operator's word.
RECORDS = {"1": Status.SENT, "2": Status.FAILED, "3": Status.DELIVERED}

PAGE = 50  # records, the most it gives
# Its clock and ours may differ by as much; a day's records begin at midnight in China.
SKEW = timedelta(minutes=15)
# So long an SMS of several in doubt waits for its final record: receipts cannot find it.
PATIENCE = timedelta(hours=20)


class Aliyun:
    batch = 100
    can_query = True
    mode: Mode = "template"
    settings = (Setting("url", _("Address"), "url", default=URL),)
    secrets = (
        Setting("access_key_id", _("AccessKey ID"), is_required=True),
        Setting("access_key_secret", _("AccessKey secret"), is_required=True),
    )

    def send(
        self, account: ProviderAccount, items: Sequence[Outgoing], http: Session
    ) -> list[Exchange]:
        refused, ready = sort_out(items)
        requests = batches(ready, _kind, self.batch)
        return refused + hand_over(requests, partial(_deliver, account, http))

    def query(
        self, account: ProviderAccount, asked: Sequence[Asked], http: Session
    ) -> list[Found] | None:
        questions = [(one, day) for one in asked for day in _days(one.at)]
        answers = http.send([_question(account, one, day) for one, day in questions])
        told: dict[UUID, list[Answer]] = {}
        for (one, _day), answer in zip(questions, answers, strict=True):
            told.setdefault(one.id, []).append(answer)
        now = datetime.now(UTC)
        found = (_found(one, told[one.id], now) for one in asked)
        return [one for one in found if one]

    def verify(self, account: ProviderAccount, callback: Callback) -> bool:
        return True  # it signs nothing

    def parse_receipts(self, body: bytes) -> list[ReceiptEvent]:
        return [_receipt(row) for row in rows(body)]

    def parse_replies(self, body: bytes) -> list[ReplyEvent]:
        return [_reply(row) for row in rows(body)]

    def acknowledgement(self) -> tuple[str, bytes]:
        return "application/json", b'{"code":0,"msg":"OK"}'


# --- handing over -----------------------------------------------------------------------


def _approved(item: Outgoing) -> Approved:
    assert item.approved is not None  # sort_out() has seen to it
    return item.approved


def _kind(item: Outgoing) -> tuple[str, str, str]:
    """What a request has once. A number abroad goes alone, to be known by its SMS id.

    Without its plus, as receipts have it, 1 312 … could be a mobile at home.
    """
    text, is_home = _approved(item), item.phone.startswith(HOME)
    return text.code, text.sign_name, "" if is_home else item.phone


def _deliver(
    account: ProviderAccount, http: Session, requests: Sequence[Sequence[Outgoing]]
) -> list[Exchange]:
    answers = http.send([_submit(account, batch) for batch in requests])
    return [
        _exchange(batch, answer)
        for batch, answer in zip(requests, answers, strict=True)
    ]


def _submit(account: ProviderAccount, batch: Sequence[Outgoing]) -> Request:
    texts = [_approved(item) for item in batch]
    form = {
        "PhoneNumberJson": [_number(item.phone) for item in batch],
        "SignNameJson": [text.sign_name for text in texts],
        "TemplateParamJson": [dict(text.variables) for text in texts],
    }
    query = {"OutId": echo(batch), "TemplateCode": texts[0].code}
    body = urlencode({name: _json(value) for name, value in form.items()})
    return _signed(account, "SendBatchSms", query, body.encode())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number(phone: str) -> str:
    """As its records and receipts write it: at home the bare number, no plus abroad."""
    return phone.removeprefix(HOME).removeprefix("+")


def _exchange(batch: Sequence[Outgoing], answer: Answer) -> Exchange:
    """Without outcomes where it refused several for one of them."""
    said = answer.json()
    said = said if isinstance(said, dict) else {}
    code = str(said.get("Code") or answer.problem or answer.status)
    blames_one = len(batch) > 1 and answer.ok and code in _REFUSED_FOR_ONE
    reference = str(said.get("BizId") or "")
    outcomes = [] if blames_one else _outcomes(batch, answer, code, reference)
    return Exchange(
        outcomes, answer.status, answer.problem, answer.body.decode(errors="replace")
    )


def _outcomes(
    batch: Sequence[Outgoing], answer: Answer, code: str, reference: str
) -> list[Outcome]:
    status, failure = _verdict(answer, code)
    if status == Status.SENT and not reference:
        status = Status.UNKNOWN
    if code == _COUNTED_BY_PHONE and len(batch) > 1:
        status = Status.UNKNOWN
    kept = reference if status == Status.SENT else ""
    return [Outcome(item.id, status, kept, failure, code) for item in batch]


def _verdict(answer: Answer, code: str) -> tuple[Status, str]:
    if not answer.sent or answer.status == 429 or code.startswith("Throttling"):
        return Status.QUEUED, ""
    unknown = (Status.UNKNOWN, "")
    return CODES.get(code, unknown) if 0 < answer.status < 500 else unknown


def _signed(
    account: ProviderAccount, action: str, query: Mapping[str, str], form: bytes = b""
) -> Request:
    url = account.settings.get("url") or URL
    secret = account.secret_values
    keys = Keys(secret.get("access_key_id", ""), secret.get("access_key_secret", ""))
    headers = {
        "host": urlsplit(url).netloc,
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(form).hexdigest(),
        "x-acs-date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": secrets.token_hex(16),
        "x-acs-version": VERSION,
        "accept": "application/json",
        "content-type": FORM,
    }
    headers["authorization"] = acs3(keys, query, headers)
    return Request("POST", f"{url.rstrip('/')}/?{acs3_query(query)}", form, headers)


# --- asking -----------------------------------------------------------------------------


def _days(at: datetime) -> list[str]:
    """The days, in China, on which it may have written the SMS down."""
    edges = (at - SKEW, at + SKEW)
    return sorted({f"{edge.astimezone(CHINA):%Y%m%d}" for edge in edges})


def _question(account: ProviderAccount, one: Asked, day: str) -> Request:
    # It takes the number in its address only.
    query = {
        "CurrentPage": "1",
        "PageSize": str(PAGE),
        "PhoneNumber": _number(one.phone),
        "SendDate": day,
    }
    return _signed(account, "QuerySendDetails", query)


def _found(one: Asked, answers: Sequence[Answer], now: datetime) -> Found | None:
    """What its records say of the SMS; None where they do not settle it."""
    pages = [_records(answer) for answer in answers]
    mine = [
        record
        for page in pages
        for record in page or ()
        if echoes(str(record.get("OutId") or ""), one.id)
    ]
    if mine:
        return _settled(one, max(mine, key=_status), now)
    return None if None in pages else Found(one.id, None)


def _records(answer: Answer) -> list[dict[str, Any]] | None:
    """The records of a phone and day; None if it did not give them, or not all."""
    said = answer.json()
    if not (answer.ok and isinstance(said, dict) and said.get("Code") == "OK"):
        return None
    try:
        records = (said.get("SmsSendDetailDTOs") or {}).get("SmsSendDetailDTO") or []
        complete = int(said["TotalCount"]) == len(records)
        return [dict(record) for record in records] if complete else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _status(record: Mapping[str, Any]) -> Status:
    return RECORDS.get(str(record.get("SendStatus")), Status.SENT)


def _settled(one: Asked, record: Mapping[str, Any], now: datetime) -> Found | None:
    status, error = _status(record), str(record.get("ErrCode") or "")
    is_findable = echoed_id(str(record.get("OutId")))
    if status == Status.SENT and not is_findable and now < one.at + PATIENCE:
        return None
    event = ReceiptEvent(
        reference="",
        phone=one.phone,
        status=status,
        failure=_failure(error) if status == Status.FAILED else "",
        words=error,
        at=local_time(record.get("ReceiveDate")),
        message_id=one.id,
    )
    return Found(one.id, event)


# --- callbacks ----------------------------------------------------------------------------


def _failure(error: str) -> str:
    return ERRORS.get(error) or operator_failure(error)


def _receipt(row: Mapping[str, Any]) -> ReceiptEvent:
    try:
        success, error = row["success"], str(row.get("err_code") or "")
        reference, number = str(row["biz_id"]), str(row["phone_number"])
    except KeyError:
        raise Unreadable("KeyError") from None
    if not isinstance(success, bool):
        raise Unreadable("success is neither true nor false")
    return ReceiptEvent(
        reference=reference,
        phone=e164(number),
        status=Status.DELIVERED if success else Status.FAILED,
        failure="" if success else _failure(error),
        words=error,
        at=local_time(row.get("report_time")),
        message_id=echoed_id(str(row.get("out_id") or "")),
    )


def _reply(row: Mapping[str, Any]) -> ReplyEvent:
    try:
        return ReplyEvent(
            id=str(row["sequence_id"]),
            phone=e164(str(row["phone_number"])),
            text=str(row["content"]),
            at=local_time(row.get("send_time")),
        )
    except KeyError:
        raise Unreadable("KeyError") from None
