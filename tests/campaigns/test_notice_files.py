from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.utils import timezone

from backoffice.platform import imports
from backoffice.platform.imports import RowError
from backoffice.platform.models import Import, UploadedFile
from campaigns.imports import NoticeTarget, parse_amount, parse_day, parse_language
from campaigns.models import Notice

HEADER = "姓名,手机号,还款金额,还款日期,发送日期,通知内容\n"
COLUMNS = {
    "name": "姓名",
    "phone": "手机号",
    "amount": "还款金额",
    "due_on": "还款日期",
    "send_on": "发送日期",
    "text": "通知内容",
}


def imported(text: str) -> Import:
    file = UploadedFile.keep("notices.csv", text.encode())
    row = Import.objects.create(target="notices", file=file, columns=COLUMNS)
    imports.check(row)
    assert imports.start(row)
    assert imports.commit(row.pk, now=timezone.now())
    row.refresh_from_db()
    return row


@pytest.mark.django_db
@pytest.mark.requirement("A1")
def test_a_file_becomes_notices():
    row = imported(
        HEADER + '张伟,138 0013 8000,"1,234.50",2099/11/28,2099-11-25,提前还款提醒\n'
        "王芳,13900139000,,,2099-11-25,你好\n"
    )
    good, held = Notice.objects.order_by("pk")
    assert (good.name, good.phone) == ("张伟", "+8613800138000")
    assert (good.amount, good.due_on) == (Decimal("1234.50"), date(2099, 11, 28))
    assert (good.status, held.hold) == ("scheduled", "no_type")
    assert (good.origin, good.batch) == ("file", row)
    assert row.counts["done"] == {"scheduled": 1, "held": 1, "left out": 0}


@pytest.mark.django_db
def test_a_row_twice_in_a_file_is_one_notice():
    line = "张伟,13800138000,5,2099-11-28,2099-11-25,还款到账\n"
    imported(HEADER + line + line)
    assert Notice.objects.count() == 1


@pytest.mark.requirement("A1")
@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ({"phone": "1380"}, "phone", "too short"),
        ({"phone": "13800138000", "amount": "many"}, "amount", "1234.50"),
        ({"phone": "13800138000", "due_on": "28/11/2026"}, "due_on", "2026-11-21"),
        ({"phone": "13800138000", "send_on": "2026-02-30"}, "send_on", "2026-11-21"),
        ({"phone": "13800138000", "language": "cs"}, "language", "zh-hans"),
        ({"phone": "", "text": ""}, "", "nothing"),
    ],
)
def test_a_bad_cell_is_named(row: dict[str, str], field: str, words: str):
    with pytest.raises(RowError) as caught:
        NoticeTarget().check(row, 2)
    assert caught.value.field == field
    assert words in caught.value.text


def test_an_error_never_repeats_the_number():
    with pytest.raises(RowError) as caught:
        NoticeTarget().check({"phone": "13800138"}, 2)
    assert "138001" not in caught.value.text


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1,234.5", "1234.5"), ("¥12", "12"), ("12.30元", "12.30"), ("CNY 7", "7")],
)
def test_amounts_as_people_write_them(text: str, amount: str):
    assert parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["-5", "1,23", "1.234,50", "NaN", "1e9", ""])
def test_what_is_no_clear_amount_is_refused(text: str):
    with pytest.raises(ValueError, match="amount"):
        parse_amount(text)


@pytest.mark.parametrize(
    "text",
    ["2026-11-21", "2026/11/21", "20261121", "2026年11月21日", "2026-11-21 00:00"],
)
def test_days_as_people_write_them(text: str):
    assert parse_day(text) == date(2026, 11, 21)


@pytest.mark.parametrize("text", ["21.11.2026", "11/21/2026", "2026-11", "2026-11/21"])
def test_what_is_no_clear_day_is_refused(text: str):
    with pytest.raises(ValueError, match="date"):
        parse_day(text)


@pytest.mark.parametrize(("text", "code"), [("EN", "en"), ("zh_CN", "zh-hans")])
def test_languages_as_people_write_them(text: str, code: str):
    assert parse_language(text) == code
