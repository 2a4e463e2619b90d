from __future__ import annotations

from django.db import migrations
from django.utils import timezone

# The six types of A3 and one for marketing, whose texts belong to the events.
# code: (name, Chinese name, keywords, English text, Chinese text). Keywords are whole
# phrases: a text with phrases of two types is held, and a longer phrase swallows a
# shorter one inside it ("提前还款到账" is no reminder).
SERVICE = {
    "repayment_reminder": (
        "Repayment reminder",
        "提前还款提醒",
        "提前还款提醒 还款提醒 提前还款 还款即将到期 即将到期 应还款|repayment reminder|repayment is due|repayment due|payment due|early repayment|prepayment",
        "Dear {name}, your repayment of CNY {amount} is due on {due_on}. Please keep enough money in your account.",
        "尊敬的{name}，您的还款{amount}元将于{due_on}到期，请提前在还款账户存足款项。",
    ),
    "adjustment_credited": (
        "Adjustment credited",
        "调账到账",
        "调账到账 调账成功 调账 账务调整|adjustment credited|account adjustment|balance adjustment",
        "Dear {name}, an adjustment of CNY {amount} has been credited to your account.",
        "尊敬的{name}，您的调账款项{amount}元已到账，请查收。",
    ),
    "repayment_credited": (
        "Repayment credited",
        "还款到账",
        "还款到账 提前还款到账 还款成功 提前还款成功 还款已到账 收到还款|repayment credited|repayment received|early repayment received|payment received",
        "Dear {name}, we have received your repayment of CNY {amount}. Thank you.",
        "尊敬的{name}，您的还款{amount}元已到账，感谢您的支持。",
    ),
    "refund_failed": (
        "Refund failed",
        "退款失败",
        "退款失败 退款未成功 退款不成功|refund failed|refund unsuccessful|refund could not be made",
        "Dear {name}, your refund of CNY {amount} could not be made. Please check your account details in the app.",
        "尊敬的{name}，您的退款{amount}元未成功，请核对收款账户信息。",
    ),
    "loan_disbursed": (
        "Loan disbursed",
        "放款成功",
        "放款成功 已放款 放款到账|loan disbursed|loan paid out|disbursement successful|disbursement succeeded",
        "Dear {name}, your loan of CNY {amount} has been paid out to your account.",
        "尊敬的{name}，您的借款{amount}元已放款成功，请查收。",
    ),
    "disbursement_failed": (
        "Loan disbursement failed",
        "放款失败",
        "放款失败 放款未成功 放款不成功|disbursement failed|disbursement unsuccessful|loan could not be paid out",
        "Dear {name}, we could not pay out your loan of CNY {amount}. Please check your bank card details.",
        "尊敬的{name}，您的借款{amount}元放款失败，请核对银行卡信息。",
    ),
}


# What the texts of a type can be filled with, by purpose: name and kind.
FIELDS = {
    "service": "name:text amount:money due_on:date send_on:date",
    "marketing": "name:text customer_number:text link:link",
}

# Aliyun refuses a template with one of these; other providers may take it.
CAREFUL_WORDS = "贷款 催款 信用卡提额 抽奖 问卷"


# Nobody wants an offer or a call at night; a bank adds its holidays.
QUIET = [("sms", "21:00", "08:00"), ("voice", "21:00", "08:00")]


def add_quiet_hours(apps, schema_editor):
    Hours = apps.get_model("messaging", "QuietHours")
    Hours.objects.bulk_create(
        Hours(channel=channel, days="every", start=start, end=end)
        for channel, start, end in QUIET
    )


def add(apps, schema_editor):
    Type = apps.get_model("messaging", "MessageType")
    Word = apps.get_model("messaging", "ForbiddenWord")
    Word.objects.bulk_create(
        Word(word=word, effect="warn", why="阿里云, Aliyun")
        for word in CAREFUL_WORDS.split()
    )
    offer = Type.objects.create(
        code="marketing_offer",
        name="Marketing offer",
        name_zh="营销推广",
        purpose="marketing",
    )
    add_fields(apps, offer)
    for code, (name, chinese, words, english_text, chinese_text) in SERVICE.items():
        kind = Type.objects.create(
            code=code, name=name, name_zh=chinese, purpose="service"
        )
        add_fields(apps, kind)
        add_keywords(apps, kind, words)
        add_template(apps, kind, f"{name} (English)", "en", english_text)
        add_template(apps, kind, f"{chinese} (中文)", "zh-hans", chinese_text)


def add_fields(apps, kind):
    Field = apps.get_model("messaging", "TypeField")
    pairs = [pair.split(":") for pair in FIELDS[kind.purpose].split()]
    Field.objects.bulk_create(
        Field(message_type=kind, name=name, kind=sort) for name, sort in pairs
    )


def add_keywords(apps, kind, words):
    chinese, *english = words.split("|")
    rows = [*chinese.split(), *english]
    Keyword = apps.get_model("messaging", "Keyword")
    Keyword.objects.bulk_create(Keyword(message_type=kind, word=word) for word in rows)


def add_template(apps, kind, name, language, text):
    template = apps.get_model("messaging", "Template").objects.create(
        name=name, message_type=kind, language=language, is_default=True
    )
    apps.get_model("messaging", "TemplateVersion").objects.create(
        template=template, version=1, text=text, published_at=timezone.now()
    )


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_storage")]

    operations = [
        migrations.RunPython(add, migrations.RunPython.noop),
        migrations.RunPython(add_quiet_hours, migrations.RunPython.noop),
    ]
