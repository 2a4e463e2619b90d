"""A file of notices: a row is one customer's information (A1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import astuple
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from backoffice.kit.crypto import blind_index
from backoffice.kit.phones import BadPhone, to_e164
from backoffice.platform.imports import Field, RowError, Target
from backoffice.platform.models import Import
from campaigns.models import Notice
from campaigns.notice_decision import NoticeInfo
from campaigns.notices import take_many

# 2026-11-21, 2026/11/21, 2026.11.21, 20261121, 2026年11月21日.
_DAY = re.compile(
    r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|(\d{2})(\d{2})|年(\d{1,2})月(\d{1,2})日)"
    r"(?:[ T]0{1,2}:00(?::00)?)?"
).fullmatch
_MONEY = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d{1,2})?").fullmatch
_CURRENCY = re.compile(r"^(?:¥|￥|CNY|RMB)\s*|\s*元$")
MOST = Decimal(10) ** 12


class NoticeTarget(Target):
    """Everything may be empty: what a notice lacks is the customer's, or holds it."""

    label = gettext_lazy("Lifecycle notices")
    fields = (
        Field("external_id", gettext_lazy("customer number"), also=("客户号",)),
        Field("source", gettext_lazy("source"), also=("来源",)),
        Field("name", pgettext_lazy("of a person", "name"), also=("姓名",)),
        Field("phone", gettext_lazy("mobile number"), also=("mobile", "手机号")),
        Field("amount", gettext_lazy("amount"), also=("还款金额", "金额")),
        Field("due_on", gettext_lazy("repayment date"), also=("due", "还款日期")),
        Field("send_on", gettext_lazy("send date"), also=("发送日期",)),
        Field("text", gettext_lazy("notification text"), also=("通知内容",)),
        Field("language", gettext_lazy("language"), also=("语言",)),
    )

    def check(self, row: dict[str, str], line: int) -> NoticeInfo:
        read = {
            "phone": parse_phone,
            "amount": parse_amount,
            "due_on": parse_day,
            "send_on": parse_day,
            "language": parse_language,
        }
        values: dict[str, Any] = {
            name: _read(name, value, read.get(name, str))
            for name, value in row.items()
            if value
        }
        if not values:
            raise RowError("", _("The row has nothing in the chosen columns."))
        return NoticeInfo(**values)

    def key(self, cleaned: NoticeInfo) -> str:
        return blind_index(repr(astuple(cleaned)), "notice").hex()

    def commit(
        self, rows: list[NoticeInfo], import_: Import, now: datetime
    ) -> dict[str, int]:
        taken = take_many(
            rows,
            origin=Notice.Origin.FILE,
            now=now,
            by=import_.created_by,
            batch=import_,
        )
        held = sum(notice.status == Notice.Status.HELD for notice in taken)
        return {"scheduled": len(taken) - held, "held": held}


def _read(name: str, value: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise RowError(name, str(error)) from None


def parse_phone(text: str) -> str:
    """E.164. Raises ValueError (BadPhone) that says what is wrong, without the number."""
    try:
        return to_e164(text, region=settings.DEFAULT_PHONE_REGION)
    except BadPhone as error:
        raise ValueError(str(error)) from None


def parse_amount(text: str) -> Decimal:
    """`"1,234.50"`, `"¥1234.5"`, `"1234元"` -> Decimal. Raises ValueError."""
    plain = _CURRENCY.sub("", text.strip())
    if not _MONEY(plain):
        raise ValueError(_("It is not an amount: write it like 1234.50."))
    amount = Decimal(plain.replace(",", ""))
    if not 0 <= amount < MOST:
        raise ValueError(_("The amount must be positive and below a million million."))
    return amount


def parse_day(text: str) -> date:
    """Year first, as 2026-11-21. Raises ValueError: day and month first is a guess."""
    found = _DAY(text.strip())
    try:
        year, _mark, *numbers = found.groups() if found else ("",)
        month, day = (int(number) for number in numbers if number)
        return date(int(year), month, day)
    except ValueError:
        raise ValueError(_("It is not a date: write it like 2026-11-21.")) from None


def parse_language(text: str) -> str:
    """`"en"` or `"zh-hans"`, also as people write them. Raises ValueError."""
    plain = text.strip().lower().replace("_", "-")
    known = {"zh": "zh-hans", "zh-cn": "zh-hans", "中文": "zh-hans", "英文": "en"}
    code = known.get(plain, plain)
    if code not in dict(settings.LANGUAGES):
        codes = ", ".join(code for code, _name in settings.LANGUAGES)
        raise ValueError(_("There is no such language: use one of %s.") % codes)
    return code
