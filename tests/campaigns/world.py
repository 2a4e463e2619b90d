"""Members, behaviour and events for the tests of this folder, on tests/builders.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from campaigns.models import EventParameter, EventType, MarketingEvent, PushStandard
from customers.models import (
    BusinessType,
    Customer,
    CustomerLabel,
    Label,
    NoApplyInterval,
    Suppression,
)
from tests.builders import NOON as NOW
from tests.builders import (
    make_business_type,
    make_customer,
    make_message_type,
    make_template,
)
from tracking.models import BehaviourRecord, BehaviourSource, DayRollup, UserGroup

_numbers = count(1)


def make_member(*types: BusinessType, **over: Any) -> Customer:
    """A customer in the user group of each business type."""
    customer = make_customer(**{"language": "en"} | over)
    for one in types:
        join_group(customer, one)
    return customer


def join_group(customer: Customer, business_type: BusinessType) -> UserGroup:
    return UserGroup.objects.create(
        customer=customer,
        business_type=business_type,
        first_at=NOW,
        last_at=NOW,
        count=1,
    )


def give(customer: Customer, label: Label, **over: Any) -> CustomerLabel:
    given = {"since": NOW - timedelta(days=9)} | over
    return CustomerLabel.objects.create(customer=customer, label=label, **given)


def suppress(customer: Customer, scope: str = "marketing") -> Suppression:
    return Suppression.add(customer.phone, scope=scope, reason="test", now=NOW)


def mark_no_apply(customer: Customer, **over: Any) -> NoApplyInterval:
    given = {"start_at": NOW - timedelta(days=1), "end_at": NOW + timedelta(days=1)}
    return NoApplyInterval.objects.create(customer=customer, **given | over)


def make_record(
    customer: Customer, business_type: BusinessType, **over: Any
) -> BehaviourRecord:
    source, _made = BehaviourSource.objects.get_or_create(name="test")
    given = {"at": NOW - timedelta(days=1), "amount": "10.00"} | over
    return BehaviourRecord.objects.create(
        source=source,
        record_key=str(next(_numbers)),
        customer=customer,
        external_id=customer.external_id,
        business_type=business_type,
        **given,
    )


def make_rollup(
    customer: Customer, business_type: BusinessType, *, at: datetime, **over: Any
) -> DayRollup:
    return DayRollup.objects.create(
        customer=customer,
        business_type=business_type,
        day=at.astimezone(UTC).date(),
        last_at=at,
        **{"kind": "click", "count": 1} | over,
    )


def leaf(**over: Any) -> dict[str, Any]:
    """At least one record in a year."""
    given = {"measure": "count", "of": "record", "op": ">=", "value": 1}
    return {**given, "window_days": 365, **over}


def make_standard(criteria: dict[str, Any]) -> PushStandard:
    return PushStandard.objects.create(
        name=f"standard {next(_numbers)}", criteria=criteria
    )


def make_event_type(*types: BusinessType, **over: Any) -> EventType:
    """A type with one required parameter, the number `rate`."""
    number = next(_numbers)
    given = {"code": f"type-{number}", "name": f"Type {number}"} | over
    event_type = EventType.objects.create(message_type=make_message_type(), **given)
    event_type.business_types.set(types)
    EventParameter.objects.create(
        event_type=event_type, name="rate", label="Rate", kind="number"
    )
    return event_type


def make_event(
    *types: BusinessType,
    text: str = "Dear {name}, {rate}% off.",
    labels: tuple[Label, ...] = (),
    **over: Any,
) -> MarketingEvent:
    """An event for the user groups of `types` that is ready to start."""
    event_type = over.pop("event_type", None)
    given: dict[str, Any] = {
        "name": f"Event {next(_numbers)}",
        "event_type": event_type
        or make_event_type(*(types or (make_business_type(),))),
        "template": over.pop("template", None) or make_template(text).template,
        "parameters": {"rate": "5"},
        "requested_by": "cards",
    }
    event = MarketingEvent.objects.create(**given | over)
    event.labels.set(labels)
    return event
