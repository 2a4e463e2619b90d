"""What the demo bank offers: an activity, and one campaign in two languages."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from campaigns.models import (
    Activity,
    ActivityField,
    CallTemplate,
    EventParameter,
    EventType,
    MarketingEvent,
    PushStandard,
)
from customers.models import BusinessType, Label
from messaging.models import MessageType, Template

ACTIVITY = "household-draw"
EVENTS = {"zh-hans": "家庭缴费抽奖", "en": "Household draw"}
TEXTS = {
    "zh-hans": "{name}您好，缴费满额可参加{prize}抽奖，{until}前报名：{link}",
    "en": "Dear {name}, your household payments let you win a {prize}. "
    "Sign up by {until}: {link}",
}
PRIZES = {"zh-hans": "100元电费券", "en": "CNY 100 power voucher"}

# At least two payments over 1,000 in the year.
CRITERIA = {
    "measure": "count",
    "of": "record",
    "op": ">=",
    "value": 2,
    "window_days": 365,
    "where": {"amount": [">", "1000"]},
}


def make(business_type: BusinessType, readers: dict[str, Label], now: datetime) -> None:
    """Everything that staff would enter before they press start."""
    kind = _event_type(business_type)
    activity = _activity(business_type, now)
    standard = PushStandard.objects.create(
        name="At least 2 payments over 1,000 in a year", criteria=CRITERIA
    )
    until = timezone.localdate(now) + timedelta(days=14)
    for language, name in EVENTS.items():
        event = MarketingEvent.objects.create(
            event_type=kind,
            name=name,
            parameters={"prize": PRIZES[language], "until": until.isoformat()},
            template=_template(kind.message_type, language, now),
            standard=standard,
            activity=activity,
            tracking=_tracking(language),
            requested_by="Retail marketing",
        )
        event.labels.add(readers[language])


def _event_type(business_type: BusinessType) -> EventType:
    kind = EventType.objects.create(
        code="household_draw",
        name="Draw for household payers",
        name_zh="家庭缴费抽奖活动",
        message_type=MessageType.objects.get(code="marketing_offer"),
    )
    kind.business_types.add(business_type)
    rows = [("prize", "Prize", "奖品", "text"), ("until", "Until", "截止日期", "date")]
    for position, (name, label, chinese, value_kind) in enumerate(rows):
        EventParameter.objects.create(
            event_type=kind,
            name=name,
            label=label,
            label_zh=chinese,
            kind=value_kind,
            position=position,
        )
    return kind


def _template(kind: MessageType, language: str, now: datetime) -> Template:
    template = Template.objects.create(
        name=f"Draw ({language})",
        message_type=kind,
        language=language,
        is_default=False,
    )
    template.publish(TEXTS[language], now=now)
    return template


def _tracking(language: str) -> list[dict[str, object]]:
    """Two parallel parameters, one of them with a child."""
    spot = {"name": "language", "value": language}
    return [
        {"name": "channel", "value": "sms", "children": [spot]},
        {"name": "season", "value": "demo"},
    ]


def _activity(business_type: BusinessType, now: datetime) -> Activity:
    activity = Activity.objects.create(
        slug=ACTIVITY,
        name="Household draw",
        name_zh="家庭缴费抽奖",
        description="Win one of ten power vouchers. One sign-up per customer.",
        description_zh="十张电费券等您来抽，每位客户限报名一次。",
        business_type=business_type,
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=30),
    )
    activity.labels.set(Label.objects.filter(code__in=["heavy", "overlay"]))
    activity.call_templates.set(CallTemplate.objects.all())
    ActivityField.objects.create(
        activity=activity,
        name="card",
        label="Number of your bank card",
        label_zh="银行卡号",
        kind="digits",
        question="Please say or key in the last four digits of your bank card.",
        question_zh="请按键输入您银行卡号的最后四位数字。",
        last_digits=4,
    )
    return activity
