"""A bank's customers for the benchmarks: made set-based, once, and kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from backoffice.kit.bulk import chunks, insert_rows
from backoffice.kit.crypto import blind_index, encrypt
from campaigns.models import EventType, MarketingEvent
from customers.models import BusinessType, Consent, Customer
from messaging.models import MessageType, ProviderAccount, Template
from tracking.models import UserGroup

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_CUSTOMER = [
    "source", "external_id", "name", "name_index", "phone", "phone_index",
    "language", "time_zone", "attributes", "created_at", "updated_at",
]  # fmt: skip


def customers(count, business_type):
    """`count` customers with consent who belong to the business type's user group."""
    have = Customer.objects.filter(source="bench").count()
    for numbers in chunks(range(have, count), 20_000):
        insert_rows(Customer, _CUSTOMER, [_customer(n) for n in numbers])
    new = Customer.objects.filter(source="bench", consents__isnull=True).values_list(
        "pk", flat=True
    )
    for ids in chunks(new.iterator(20_000), 20_000):
        insert_rows(
            Consent,
            ["customer", "purpose", "source", "given_at"],
            [(pk, "marketing", "bench", BEGAN) for pk in ids],
        )
        rows = [(business_type.pk, pk, BEGAN, BEGAN, 1) for pk in ids]
        insert_rows(
            UserGroup,
            ["business_type", "customer", "first_at", "last_at", "count"],
            rows,
        )


def _customer(n):
    name, phone = f"Customer {n}", f"+8613{n:09d}"
    return (
        "bench", f"B{n}", encrypt(name, "name"), blind_index(name, "name"), encrypt(phone, "phone"), blind_index(phone),
        "en", "Asia/Shanghai", "{}", BEGAN, BEGAN,
    )  # fmt: skip


def event(sink_port):
    """A marketing event over the sink whose audience is everybody; returns a new one each time."""
    account, _made = ProviderAccount.objects.get_or_create(
        name="sink", defaults={"channel": "sms", "transport": "simulator"}
    )
    account.settings = {"url": f"http://127.0.0.1:{sink_port}"}
    account.set_secrets({"secret": "bench"})
    account.save()
    kind, _made = MessageType.objects.get_or_create(
        code="bench-offer",
        defaults={"name": "Offer", "purpose": "marketing", "valid_hours": 24},
    )
    template, made = Template.objects.get_or_create(
        name="bench",
        defaults={"message_type": kind, "language": "en", "is_default": False},
    )
    if made:
        template.publish(
            "Hello {name}, your offer of {amount} is ready: {link}", now=BEGAN
        )
    event_type, made = EventType.objects.get_or_create(
        code="bench", defaults={"name": "Bench", "message_type": kind}
    )
    if made:
        event_type.business_types.add(business_type())
        event_type.parameters.create(name="amount", label="Amount", kind="number")
    return MarketingEvent.objects.create(
        event_type=event_type, name="bench", parameters={"amount": "1000"}, template=template,
        link_target="https://bank.example/offer", tracking=[{"name": "channel", "value": "sms"}], requested_by="bench",
    )  # fmt: skip


def business_type():
    return BusinessType.objects.get_or_create(code="bench", defaults={"name": "Bench"})[
        0
    ]


def tomorrow():
    return datetime.now(UTC) + timedelta(days=1)
