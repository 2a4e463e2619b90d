"""Plain functions that make rows with sane values; a test overrides what it is about."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from backoffice.kit.crypto import blind_index, encrypt
from backoffice.kit.ids import uuid7
from customers.models import (
    BusinessType,
    Consent,
    CreditFacts,
    CreditLine,
    Customer,
    CustomerLabel,
    Label,
    Rule,
    ScreeningRun,
)
from customers.screening import screen
from messaging.models import (
    CallbackToken,
    Chunk,
    FailedNumber,
    Message,
    MessageType,
    ProviderAccount,
    QuietHours,
    Template,
    TemplateVersion,
)
from messaging.outbox import Draft, Order, enqueue
from tracking.links import short_url
from tracking.models import BehaviourSource
from tracking.records import Track, Tracking, record

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # in Shanghai
_number = itertools.count(1)


def make_customer(
    *, phone: str = "", name: str = "Li Lei", consent: bool = True, **over: Any
) -> Customer:
    """A customer of source `bank` who agreed to marketing; see `give_credit` for the rest."""
    n = next(_number)
    credit = {name: over.pop(name) for name in ("facts", "lines") if name in over}
    customer = Customer(**{"source": "bank", "external_id": f"C{n}", **over})
    customer.set_phone(phone or f"+86138{n:06d}00")
    customer.set_name(name)
    customer.save()
    if consent:
        Consent.objects.create(
            customer=customer, source="test", given_at=timezone.now()
        )
    return give_credit(customer, **credit)


def make_label(code: str = "light", **over: Any) -> Label:
    values = {"name": code.title(), "kind": Label.Kind.FREE, **over}
    return Label.objects.get_or_create(code=code, defaults=values)[0]


def make_business_type(code: str = "household", **over: Any) -> BusinessType:
    values = {"name": code.title(), **over}
    return BusinessType.objects.get_or_create(code=code, defaults=values)[0]


def make_message_type(code: str = "offer", **over: Any) -> MessageType:
    values = {"name": code.title(), "purpose": "marketing", **over}
    kind, is_new = MessageType.objects.get_or_create(code=code, defaults=values)
    if is_new:
        kind.give_default_fields()
    return kind


def make_template(
    text: str = "Hello {name}", *, type_code: str = "offer", **over: Any
) -> TemplateVersion:
    """A published template of one version; returns the version."""
    kind = over.pop("message_type", None) or make_message_type(type_code)
    values = {
        "name": f"template {next(_number)}",
        "language": "en",
        "is_default": False,
        **over,
    }
    template = Template.objects.create(message_type=kind, **values)
    return template.publish(text, now=timezone.now())


def make_account(**over: Any) -> ProviderAccount:
    """An SMS account over the simulator; its secret is `s3cret`."""
    values: dict[str, Any] = {
        "name": f"account {next(_number)}",
        "channel": "sms",
        "transport": "simulator",
        "settings": {"url": "http://127.0.0.1:1"},
        **over,
    }
    account = ProviderAccount(**values)
    account.set_secrets({"secret": "s3cret"})
    account.save()
    return account


def make_token(account: ProviderAccount) -> str:
    return CallbackToken.issue(account)


def make_draft(customer: Customer, **values: str) -> Draft:
    return Draft(
        id=uuid7(),
        customer_id=customer.pk,
        phone=encrypt(customer.phone, "phone"),
        phone_index=blind_index(customer.phone),
        values={"name": "Li Lei", **values},
    )


def make_chunk(
    *customers: Customer,
    version: TemplateVersion | None = None,
    now: datetime | None = None,
    **over: Any,
) -> Chunk:
    """A chunk with one message for each customer, due now."""
    now = now or timezone.now()
    order = Order(
        **{
            "version": version or make_template(),
            "origin": "test",
            "due_at": now,
            "expires_at": now + timedelta(days=1),
            **over,
        }
    )
    people = customers or (make_customer(),)
    return enqueue([make_draft(one) for one in people], order, now=now)


def make_message(customer: Customer | None = None, **over: Any) -> Message:
    """One message, by the way all messages are made; `over` changes its columns."""
    chunk = make_chunk(customer or make_customer())
    Message.objects.filter(chunk=chunk).update(**over)
    return Message.objects.get(chunk=chunk)


def make_tracked(
    text: str = "Hello {name}",
    *,
    customer: Customer | None = None,
    code: str | None = None,
    tree: list[dict[str, Any]] | None = None,
    **over: Any,
) -> Message:
    """A message with its tracking record; with `code` its value `link` is the short URL."""
    now = timezone.now()
    customer = customer or make_customer()
    values = {"link": short_url(code)} if code else {}
    draft = make_draft(customer, **values)
    order = Order(make_template(text), "test", now, now + timedelta(days=1))
    enqueue([draft], order, now=now)
    target = "https://bank.example/offer" if code else ""
    tracking = Tracking("test", target=target, tree=tree or [])
    record([Track(draft.id, customer.pk, code)], tracking, now=now)
    Message.objects.filter(pk=draft.id).update(**over)
    return Message.objects.get(pk=draft.id)


def make_failed_number(
    customer: Customer | None = None,
    *,
    message: Message | None = None,
    failure: str = "unreachable",
) -> FailedNumber:
    """A number as a receipt lists it: of a message that failed for a passing reason."""
    message = message or make_tracked(customer=customer)
    failed = Message.Status.FAILED
    Message.objects.filter(pk=message.pk).update(status=failed, failure=failure)
    FailedNumber.objects.record([message.pk], now=timezone.now())
    return FailedNumber.objects.get(message=message)


# --- customers ------------------------------------------------------------------


def give_credit(
    customer: Customer,
    *,
    facts: dict[str, bool] | None = None,
    lines: Iterable[str] = (),
) -> Customer:
    """Facts such as `{"blacklisted": True}` (None: no row) and open lines of these kinds."""
    if facts is not None:
        CreditFacts.objects.create(customer=customer, as_of=NOON, **facts)
    for kind in lines:
        CreditLine.objects.create(
            customer=customer, reference=f"{kind}-{next(_number)}", kind=kind
        )
    return customer


def no_quiet_hours() -> None:
    """Whatever the hour: for worker processes, which read the rows."""
    QuietHours.objects.all().delete()


def give_label(customer: Customer, label: Label | str, **over: Any) -> CustomerLabel:
    label = make_label(label) if isinstance(label, str) else label
    is_segment = label.kind == Label.Kind.SEGMENT
    values = {"since": NOON - timedelta(days=1), "is_segment": is_segment} | over
    return CustomerLabel.objects.create(customer=customer, label=label, **values)


def segment_of(customer: Customer) -> str | None:
    held = customer.labels.filter(until=None, is_segment=True)
    return held.values_list("label__code", flat=True).first()


def screen_now(scope: str = "all", *, now: datetime = NOON) -> ScreeningRun:
    return screen(scope=scope, now=now)


def make_rule(code: str, **over: Any) -> Rule:
    rule = Rule(**{"code": code, "position": 900, "description": code} | over)
    rule.revise()
    return rule


def make_source(**over: Any) -> BehaviourSource:
    """A source whose files have the columns user, type, sum, of customers of `bank`."""
    values = {
        "name": f"source {next(_number)}",
        "url": "memory://in",
        "columns": {"external_id": "user", "business_type": "type", "amount": "sum"},
        "customer_source": "bank",
        **over,
    }
    return BehaviourSource.objects.create(**values)
