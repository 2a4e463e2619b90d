"""Tencent Cloud SMS (2021-01-11), a template channel, signed with TC3-HMAC-SHA256.

A request has one template with one set of values, for at most 200 numbers; each of them
has its own code and serial number in the answer, so some may be taken and others not. An
error for the whole request says that none was. See providers.md 2.2; the codes and what
they mean are those of its SDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import blind_index
from backoffice.kit.http import Answer, Request, Session, json_request
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
from .signatures import Keys, tc3

URL = "https://sms.tencentcloudapi.com"
REGION = "ap-guangzhou"
VERSION = "2021-01-11"

# It took nothing, and the SMS is not to blame: the pace, the account, its money, the hour.
_NOT_NOW = (
    "FailedOperation.InsufficientBalanceInSmsPackage",
    "FailedOperation.MarketingSendTimeConstraint",
    "InternalError.RequestTimeException",
    "InternalError.SigFieldMissing",
    "InternalError.SigVerificationFail",
    "InvalidParameter.AppidAndBizId",
    "InvalidParameterValue.SdkAppIdNotExist",
    "LimitExceeded",
    "LimitExceeded.AppCountryOrRegionDailyLimit",
    "LimitExceeded.AppDailyLimit",
    "LimitExceeded.AppGlobalDailyLimit",
    "LimitExceeded.AppMainlandChinaDailyLimit",
    "LimitExceeded.DailyLimit",
    "LimitExceeded.DeliveryFrequencyLimit",
    "LimitExceeded.GlobalSmsSendingRateLimit",
    "LimitExceeded.PhoneNumberDailyLimit",
    "LimitExceeded.PhoneNumberOneHourLimit",
    "LimitExceeded.PhoneNumberSameContentDailyLimit",
    "LimitExceeded.PhoneNumberThirtySecondLimit",
    "RequestLimitExceeded",
    "RequestLimitExceeded.IPLimitExceeded",
    "RequestLimitExceeded.UinLimitExceeded",
    "UnauthorizedOperation",
    "UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny",
    "UnauthorizedOperation.RequestIpNotInWhitelist",
    "UnauthorizedOperation.RequestPermissionDeny",
    "UnauthorizedOperation.SdkAppIdIsDisabled",
    "UnauthorizedOperation.ServiceSuspendDueToArrears",
    "UnauthorizedOperation.SmsSdkAppIdVerifyFail",
)
_NOT_LET_IN = "AuthFailure."  # with what the gate of all its services objected to
_REJECTED = (
    "FailedOperation.ContainSensitiveWord",
    "FailedOperation.SignatureIncorrectOrUnapproved",
    "FailedOperation.TemplateIdNotExist",
    "FailedOperation.TemplateIncorrectOrUnapproved",
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
    "FailedOperation.TemplateUnapprovedOrNotExist",
    "InvalidParameter.DirtyWordFound",
    "InvalidParameterValue.ContentLengthLimit",
    "InvalidParameterValue.InvalidTemplateFormat",
    "InvalidParameterValue.MarketingTemplateWithoutUnsubscribe",
    "InvalidParameterValue.TemplateParameterFormatError",
    "InvalidParameterValue.TemplateParameterLengthLimit",
    "InvalidParameterValue.TemplateWithDirtyWords",
    "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone",
    "UnsupportedOperation.GlobalTemplateToChineseMainlandPhone",
)
_OF_A_NUMBER = {
    "InvalidParameterValue.IncorrectPhoneNumber": Failure.INVALID_NUMBER,
    "FailedOperation.PhoneNumberParseFail": Failure.INVALID_NUMBER,
    "FailedOperation.PhoneNumberInBlacklist": Failure.BLOCKED,
}
_REFUSED = {
    **dict.fromkeys(_REJECTED, Failure.REJECTED_CONTENT),
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": Failure.LINK_IN_VALUE,
    **_OF_A_NUMBER,
    "FailedOperation.JsonParseFail": Failure.PROVIDER_ERROR,
    "InternalError.JsonParseFail": Failure.PROVIDER_ERROR,
    "InvalidParameter": Failure.PROVIDER_ERROR,
    "InvalidParameter.InvalidParameters": Failure.PROVIDER_ERROR,
    "LimitExceeded.AppCountryOrRegionInBlacklist": Failure.PROVIDER_ERROR,
    "LimitExceeded.PhoneNumberCountLimit": Failure.PROVIDER_ERROR,
    "MissingParameter": Failure.PROVIDER_ERROR,
    "MissingParameter.EmptyPhoneNumberSet": Failure.PROVIDER_ERROR,
    "UnsupportedOperation.UnsupportedRegion": Failure.PROVIDER_ERROR,
}
# Its word for a number or a request -> our status and failure. Anything else is unknown,
# also InternalError.Timeout and SendAndRecvFail: it does not know itself.
CODES: Mapping[str, tuple[Status, str]] = {
    "Ok": (Status.SENT, ""),
    **dict.fromkeys(_NOT_NOW, (Status.QUEUED, "")),
    **{code: (Status.FAILED, failure) for code, failure in _REFUSED.items()},
}
# Of a report and of a record. A word that is not known: it has the SMS.
REPORTS = {"SUCCESS": Status.DELIVERED, "FAIL": Status.FAILED}

# Its clock and ours may differ by as much as it allows a request.
SKEW = timedelta(minutes=10)
MOST_RECORDS = 100


class Tencent:
    batch = 200
    can_query = True
    mode: Mode = "template"
    settings = (
        Setting("url", _("Address"), "url", default=URL),
        Setting("region", _("Region"), default=REGION),
        Setting("sdk_app_id", _("SdkAppId"), is_required=True),
    )
    secrets = (
        Setting("secret_id", _("SecretId"), is_required=True),
        Setting("secret_key", _("SecretKey"), is_required=True),
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
        """Only what has an end: an SMS on its way is in no record, so none is missing."""
        now = datetime.now(UTC)
        answers = http.send([_question(account, one, now) for one in asked])
        found = (
            _found(one, answer) for one, answer in zip(asked, answers, strict=True)
        )
        return [one for one in found if one]

    def verify(self, account: ProviderAccount, callback: Callback) -> bool:
        return True  # it signs nothing

    def parse_receipts(self, body: bytes) -> list[ReceiptEvent]:
        return [_receipt(row) for row in rows(body)]

    def parse_replies(self, body: bytes) -> list[ReplyEvent]:
        return [_reply(row) for row in rows(body)]

    def acknowledgement(self) -> tuple[str, bytes]:
        return "application/json", b'{"result":0,"errmsg":"OK"}'


# --- handing over -----------------------------------------------------------------------


def _approved(item: Outgoing) -> Approved:
    assert item.approved is not None  # sort_out() has seen to it
    return item.approved


def _kind(item: Outgoing) -> tuple[Approved, bool]:
    """What a request has once; it takes numbers at home or abroad, not both."""
    return _approved(item), item.phone.startswith(HOME)


def _deliver(
    account: ProviderAccount, http: Session, requests: Sequence[Sequence[Outgoing]]
) -> list[Exchange]:
    answers = http.send([_submit(account, batch) for batch in requests])
    return [
        _exchange(batch, answer)
        for batch, answer in zip(requests, answers, strict=True)
    ]


def _submit(account: ProviderAccount, batch: Sequence[Outgoing]) -> Request:
    text = _approved(batch[0])
    said = {
        "PhoneNumberSet": [item.phone for item in batch],
        "TemplateId": text.code,
        "SignName": text.sign_name,
        "TemplateParamSet": [value for _name, value in text.variables],
        "SessionContext": echo(batch),
    }
    return _signed(account, "SendSms", said)


def _signed(account: ProviderAccount, action: str, said: dict[str, Any]) -> Request:
    url = account.settings.get("url") or URL
    secret = account.secret_values
    keys = Keys(secret.get("secret_id", ""), secret.get("secret_key", ""))
    said["SmsSdkAppId"] = str(account.settings.get("sdk_app_id", ""))
    body = json_request("POST", f"{url.rstrip('/')}/", said).body
    headers = {
        "x-tc-action": action,
        "x-tc-region": account.settings.get("region") or REGION,
        "x-tc-version": VERSION,
        **tc3(keys, urlsplit(url).netloc, body, datetime.now(UTC)),
    }
    return Request("POST", f"{url.rstrip('/')}/", body, headers)


def _exchange(batch: Sequence[Outgoing], answer: Answer) -> Exchange:
    """Without outcomes where it refused several for the number of one."""
    said = _response(answer)
    each = _by_phone(said.get("SendStatusSet"))
    error = _dict(said.get("Error")).get("Code")
    none = {"Code": str(error or answer.problem or answer.status)}
    blames_one = len(batch) > 1 and answer.ok and str(error) in _OF_A_NUMBER
    outcomes = [
        _outcome(item, answer, each.get(item.phone) or none)
        for item in batch
        if not blames_one
    ]
    return Exchange(
        outcomes, answer.status, answer.problem, answer.body.decode(errors="replace")
    )


def _response(answer: Answer) -> dict[str, Any]:
    return _dict(_dict(answer.json()).get("Response"))


def _dict(said: Any) -> dict[str, Any]:
    return said if isinstance(said, dict) else {}


def _by_phone(said: Any) -> dict[str, dict[str, Any]]:
    found = [_dict(row) for row in said] if isinstance(said, list) else []
    return {e164(str(row.get("PhoneNumber") or "")): row for row in found}


def _outcome(item: Outgoing, answer: Answer, row: Mapping[str, Any]) -> Outcome:
    code, serial = str(row.get("Code") or ""), str(row.get("SerialNo") or "")
    status, failure = _verdict(answer, code)
    if status == Status.SENT and not serial:
        status = Status.UNKNOWN
    kept = serial if status == Status.SENT else ""
    return Outcome(item.id, status, kept, failure, code)


def _verdict(answer: Answer, code: str) -> tuple[Status, str]:
    if not answer.sent or answer.status == 429 or code.startswith(_NOT_LET_IN):
        return Status.QUEUED, ""
    unknown = (Status.UNKNOWN, "")
    return CODES.get(code, unknown) if answer.ok else unknown


# --- asking -----------------------------------------------------------------------------


def _question(account: ProviderAccount, one: Asked, now: datetime) -> Request:
    said = {
        "BeginTime": int((one.at - SKEW).timestamp()),
        "EndTime": int(now.timestamp()),
        "Offset": 0,
        "Limit": MOST_RECORDS,
        "PhoneNumber": one.phone,
    }
    return _signed(account, "PullSmsSendStatusByPhoneNumber", said)


def _found(one: Asked, answer: Answer) -> Found | None:
    records = _response(answer).get("PullSmsSendStatusSet")
    for record in records if isinstance(records, list) else []:
        status = REPORTS.get(str(_dict(record).get("ReportStatus")))
        if status and _is_of(one, record):
            return Found(one.id, _event(one, record, status))
    return None


def _is_of(one: Asked, record: Mapping[str, Any]) -> bool:
    """By the serial number where we have it, else by our word: both may be absent."""
    if one.reference:
        return record.get("SerialNo") == one.reference
    return echoes(str(record.get("SessionContext") or ""), one.id)


def _event(one: Asked, record: Mapping[str, Any], status: Status) -> ReceiptEvent:
    return ReceiptEvent(
        reference=str(record.get("SerialNo") or ""),
        phone=one.phone,
        status=status,
        failure=Failure.OTHER if status == Status.FAILED else "",
        words=str(record.get("Description") or ""),
        at=_unix(record.get("UserReceiveTime")),
        message_id=one.id,
    )


# --- callbacks ----------------------------------------------------------------------------


def _receipt(row: Mapping[str, Any]) -> ReceiptEvent:
    try:
        said, reference, phone = row["report_status"], str(row["sid"]), _phone(row)
    except KeyError:
        raise Unreadable("KeyError") from None
    status = REPORTS.get(str(said), Status.SENT)
    words = str(row.get("errmsg") or "")
    return ReceiptEvent(
        reference=reference,
        phone=phone,
        status=status,
        failure=operator_failure(words) if status == Status.FAILED else "",
        words=words,
        at=local_time(row.get("user_receive_time")),
        message_id=echoed_id(str(row.get("ext") or "")),
    )


def _phone(row: Mapping[str, Any]) -> str:
    """It gives the country apart from the number."""
    country = str(row.get("nationcode") or "86").lstrip("+")
    number = str(row["mobile"])
    return number if number.startswith("+") else f"+{country}{number}"


def _reply(row: Mapping[str, Any]) -> ReplyEvent:
    """It gives a reply no id: the same words of the same phone in a second are the same."""
    try:
        phone, text, at = _phone(row), str(row["text"]), row["time"]
    except KeyError:
        raise Unreadable("KeyError") from None
    same = f"{phone}\n{at}\n{row.get('extend')}\n{text}"
    return ReplyEvent(
        id=blind_index(same, "reply").hex(), phone=phone, text=text, at=_unix(at)
    )


def _unix(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
