"""A bank's customers for the benchmarks: made set-based, once, and kept."""

from __future__ import annotations

from datetime import UTC, datetime

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


def members(count):
    """A business type whose user group is `count` customers with consent."""
    kind = BusinessType.objects.get_or_create(
        code=f"bench-{count}", defaults={"name": f"Bench {count}"}
    )[0]
    customers(count)
    if UserGroup.objects.filter(business_type=kind).count() != count:
        UserGroup.objects.filter(business_type=kind).delete()
        first = Customer.objects.filter(source="bench").order_by("pk")
        ids = first.values_list("pk", flat=True)[:count]
        for some in chunks(ids.iterator(20_000), 20_000):
            rows = [(kind.pk, pk, BEGAN, BEGAN, 1) for pk in some]
            insert_rows(UserGroup, _MEMBER, rows)
    return kind


_MEMBER = ["business_type", "customer", "first_at", "last_at", "count"]


def customers(count):
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


def _customer(n):
    name, phone = f"Customer {n}", f"+8613{n:09d}"
    return (
        "bench", f"B{n}", encrypt(name, "name"), blind_index(name, "name"), encrypt(phone, "phone"), blind_index(phone),
        "en", "Asia/Shanghai", "{}", BEGAN, BEGAN,
    )  # fmt: skip


def event(sink_port, kind, *, batch=100):
    """A marketing event over the sink for a business type's members; a new one each time."""
    sink = account()
    sink.settings = {"url": f"http://127.0.0.1:{sink_port}", "batch": batch}
    sink.set_secrets({"secret": "bench"})
    sink.save()
    event_type = _event_type()
    event_type.business_types.set([kind])
    return MarketingEvent.objects.create(
        event_type=event_type, name="bench", parameters={"amount": "1000"}, template=template(),
        link_target="https://bank.example/offer", tracking=[{"name": "channel", "value": "sms"}], requested_by="bench",
    )  # fmt: skip


def account():
    return ProviderAccount.objects.get_or_create(
        name="sink", defaults={"channel": "sms", "transport": "simulator"}
    )[0]


def template():
    kind, _made = MessageType.objects.get_or_create(
        code="bench-offer",
        defaults={"name": "Offer", "purpose": "marketing", "valid_hours": 24},
    )
    offer, made = Template.objects.get_or_create(
        name="bench",
        defaults={"message_type": kind, "language": "en", "is_default": False},
    )
    if made:
        offer.publish(
            "Hello {name}, your offer of {amount} is ready: {link}", now=BEGAN
        )
    return offer


def _event_type():
    event_type, made = EventType.objects.get_or_create(
        code="bench",
        defaults={"name": "Bench", "message_type": template().message_type},
    )
    if made:
        event_type.parameters.create(name="amount", label="Amount", kind="number")
    return event_type
