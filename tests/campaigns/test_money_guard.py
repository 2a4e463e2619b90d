from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.money_guard import differences
from campaigns.stated_amounts import amounts
from campaigns.stated_dates import dates
from messaging.rendering import compile_template, format_values

AMOUNT, DUE, SENT = Decimal("1234.50"), date(2026, 11, 21), date(2026, 11, 18)


def held_for(text: str, amount: Decimal | None = AMOUNT) -> dict[str, str]:
    """What differs, as the text has it, by field."""
    found = differences(text, amount=amount, due_on=DUE, send_on=SENT)
    return {one.field: one.stated for one in found}


# --- what a text states ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("¥1,234.50", "1234.50"),
        ("￥１，２３４．５０", "1234.50"),
        ("人民币1234.5元整", "1234.5"),
        ("RMB 1,234.50", "1234.50"),
        ("CNY1234.50", "1234.50"),
        ("1,234.50 CNY", "1234.50"),
        ("US$1,234.50", "1234.50"),
        ("1 234,50 Kč", "1234.50"),
        ("1.234,50 EUR", "1234.50"),
        ("1.2万元", "12000"),
        ("1.2 万元", "12000"),
        ("1万2千元", "12000"),
        ("3百万元", "3000000"),
        ("1亿2千万元", "120000000"),
        ("5千元", "5000"),
        ("12元5角6分", "12.56"),
        ("1234元零5分", "1234.05"),
        ("壹仟贰佰叁拾肆元伍角整", "1234.5"),
        ("一千二百三十四元五角", "1234.5"),
        ("一万零二十元", "10020"),
        ("十元", "10"),
        ("USD 1.5 million", "1500000"),
        ("$5k", "5000"),
        ("12,34,567.00 INR is USD 15,000", "15000"),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, stated: str):
    assert [Decimal(stated) in one.readings for one in amounts(text)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "尾号1234的银行卡",
        "合同编号20261121001",
        "2026元旦快乐",
        "请于10:30前登录",
        "利率3.85%",
        "共3笔、第2/12期",
        "请致电95555或13800138000",
        "Contract 1,234.50",
        "数万元",
        "2026年11月21日",
        "call 400-800-1234",
    ],
)
def test_a_number_without_a_currency_is_no_amount(text: str):
    assert amounts(text) == []


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("2026-11-21", (2026, 11, 21)),
        ("2026/11/21", (2026, 11, 21)),
        ("2026.11.21", (2026, 11, 21)),
        ("2026年11月21日", (2026, 11, 21)),
        ("26年11月21号", (2026, 11, 21)),
        ("２０２６年１１月２１日", (2026, 11, 21)),
        ("二〇二六年十一月二十一日", (2026, 11, 21)),
        ("十一月二十一日", (None, 11, 21)),
        ("11月21日", (None, 11, 21)),
        ("21 Nov 2026", (2026, 11, 21)),
        ("21st of November 2026", (2026, 11, 21)),
        ("Nov. 21st, 2026", (2026, 11, 21)),
        ("NOVEMBER 21", (None, 11, 21)),
        ("21-Nov-2026", (2026, 11, 21)),
        ("21/11/2026", (2026, 11, 21)),
        ("11/21/2026", (2026, 11, 21)),
        ("21. 11. 2026", (2026, 11, 21)),
        ("21/11/26", (2026, 11, 21)),
        ("May 5", (None, 5, 5)),
    ],
)
def test_dates_are_read_as_people_write_them(
    text: str, reading: tuple[int | None, int, int]
):
    assert [reading in one.readings for one in dates(text)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "20261121",
        "第1/3期",
        "10.0.0.12",
        "11-21",
        "31/02/2026",
        "You may 5 times",
        "Nov 2026",
        "每月21日",
        "21日前",
        "12-34-5678",
    ],
)
def test_what_may_be_no_date_is_none(text: str):
    assert dates(text) == []


# --- notices that agree, or may ------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "提前还款提醒",
        "【某某金融】尊敬的张伟，您的还款1,234.50元将于2026年11月21日到期，请提前存足。",
        "您尾号8899的账户应还款￥1234.5，请于11月21日前存入",
        "本期应还壹仟贰佰叁拾肆元伍角，到期日二〇二六年十一月二十一日",
        "还款提醒：张伟 2026-11-21 1,234.50元",
        "您11月1日申请的贷款将于11月21日到期，本期应还1234.50元，其中利息34.50元",
        "应还1,234.50元（含手续费5元），逾期将收取滞纳金50元",
        "您的余额为500元，低于本期还款1234.5元",
        "您的账户余额不足100元，请及时存款，以免影响还款",
        "授信额度50,000元，提前还款请登录",
        "满1000元减50元，提前还款享优惠",
        "约1200元的还款即将到期",
        "单笔限额100-200元",
        "截至11月18日，您有一笔还款即将到期",
        "账单周期11月1日至11月30日，还款即将到期",
        "还款提醒（账单周期2026-10-01~2026-10-31）",
        "您于11月15日还款成功，1,234.50元已到账",
        "11月16日发生的退款失败",
        "自12月1日起，还款提醒改为短信",
        "11月18日提醒您：还款即将到期",
        "请在3日内还款，每月21日扣款",
        "Repayment reminder",
        "Dear Jan, your repayment of CNY 1,234.50 is due on 21 Nov 2026.",
        "Payment due 21/11/2026: RMB 1234.50. A late fee of RMB 50 applies.",
        "Your loan from 5 May 2026: CNY 1,234.50 due by Nov 21st.",
        "Repayment due soon, at least USD 100, up to USD 5,000",
        "Your credit limit is CNY 50,000. Repayment is due on November 21.",
        "Repayment reminder for the period 1 Nov - 30 Nov 2026",
        "We received CNY 1,234.50 on 15 Nov 2026. Repayment credited.",
        "splatnost 21. 11. 2026, 1 234,50 Kč",
        "As of 18 Nov your payment is due soon",
        "Contract 20261128, card 1299.50",
    ],
)
def test_a_text_that_agrees_or_may_holds_nothing(text: str):
    assert held_for(text) == {}


def test_a_rounded_sum_agrees():
    for text in ("借款1.2万元", "loan of CNY 12.3 thousand"):
        assert held_for(text, Decimal("12345.60")) == {}
    assert held_for("借款1.5万元", Decimal("12345.60")) == {"amount": "1.5万元"}
    assert held_for("借款1万元", Decimal("12345.60")) == {"amount": "1万元"}


def test_a_field_that_was_not_given_cannot_differ():
    text = "还款9,999元，11月30日到期"
    assert differences(text, amount=None, due_on=None, send_on=None) == []


# --- notices that do not ------------------------------------------------------------


@pytest.mark.requirement("A4")
@pytest.mark.parametrize(
    ("text", "differ"),
    [
        ("您的还款1,243.50元将于11月21日到期", {"amount": "1,243.50元"}),
        ("您的还款1234.05元即将到期", {"amount": "1234.05元"}),
        ("应还￥１２３４５", {"amount": "¥12345"}),
        ("应还壹仟贰佰肆拾叁元伍角整", {"amount": "壹仟贰佰肆拾叁元伍角"}),
        ("应还1.23万元", {"amount": "1.23万元"}),
        ("应还1,234元，手续费34.50元", {"amount": "1,234元"}),
        ("还款1,234.50元将于2026年11月12日到期", {"due_on": "2026年11月12日"}),
        ("还款1,234.50元将于2025年11月21日到期", {"due_on": "2025年11月21日"}),
        ("请于11月28日前存入1,234.50元", {"due_on": "11月28日"}),
        ("还款提醒：张伟 2026-12-21 1,234.50元", {"due_on": "2026-12-21"}),
        ("您11月1日申请的贷款将于11月28日到期", {"due_on": "11月28日"}),
        ("到期日十二月一日", {"due_on": "十二月一日"}),
        ("还款12,345元，到期日2026/12/01", {"amount": "12,345元", "due_on": "2026/12/01"}),
        ("Your repayment of CNY 1,243.50 is due", {"amount": "CNY 1,243.50"}),
        ("Repayment of USD 2,000 due by 28 Nov", {"amount": "USD 2,000", "due_on": "28 Nov"}),
        ("Payment due 12/11/2026", {"due_on": "12/11/2026"}),
        ("Please pay by November 12, 2026", {"due_on": "November 12, 2026"}),
        ("Repayment reminder 28 Nov 2026", {"due_on": "28 Nov 2026"}),
        ("splatnost 22. 11. 2026", {"due_on": "22. 11. 2026"}),
    ],
)  # fmt: skip
def test_a_text_that_says_otherwise_is_named(text: str, differ: dict[str, str]):
    assert held_for(text) == differ


# --- every text of our own ------------------------------------------------------------

OURS = {
    "zh-hans": "尊敬的{name}，您的还款{amount}元将于{due_on}到期，请提前在还款账户存足款项。",
    "en": "Dear {name}, your repayment of CNY {amount} is due on {due_on}. Please keep "
    "enough money in your account.",
}
LANGUAGES = st.sampled_from(sorted(OURS))
MONEY = st.decimals("0.01", "99999999.99", places=2)
DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))


def written(language: str, **values: object) -> str:
    return compile_template(OURS[language]).render(
        format_values(values, language=language)
    )


@given(LANGUAGES, st.text(min_size=1).filter(str.strip), MONEY, DAYS, DAYS)
def test_a_text_made_from_the_fields_always_agrees(
    language: str, name: str, amount: Decimal, due_on: date, send_on: date
):
    text = written(language, name=name, amount=amount, due_on=due_on)
    assert not differences(text, amount=amount, due_on=due_on, send_on=send_on)


@given(LANGUAGES, MONEY, MONEY, DAYS, DAYS)
def test_a_text_made_from_other_fields_never_does(
    language: str, amount: Decimal, other: Decimal, due_on: date, day: date
):
    text = written(language, name="Li", amount=other, due_on=day)
    found = differences(text, amount=amount, due_on=due_on, send_on=None)
    wrong = {"amount"} if amount != other else set()
    assert {one.field for one in found} == wrong | (
        {"due_on"} if day != due_on else set()
    )


@given(
    st.text(
        st.sampled_from("0123456789,. 万千百十元一二三¥$k年月日-/NovMay前到期"),
        max_size=200,
    )
)
def test_no_text_breaks_the_guard(text: str):
    for one in differences(text, amount=AMOUNT, due_on=DUE, send_on=SENT):
        assert one.stated
