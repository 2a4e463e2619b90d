"""An event's SMS as one real customer would get it, masked for the eye."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from backoffice.kit.masking import mask_name, mask_text
from customers.models import Customer
from messaging.audience import Audience
from messaging.models import ProviderAccount, TemplateVersion
from messaging.proof import rule_of, worst
from messaging.text import count_parts
from tracking.links import short_url
from tracking.models import UserGroup

from .models import MarketingEvent
from .placeholders import ATTRIBUTE, LINK, OF_CUSTOMER, event_values


@dataclass(frozen=True, slots=True)
class Sample:
    """`text` is masked; `parts` is counted on the customer's real values, `at_most` on the
    longest values among the newest of the initial group; `price` is that of a part."""

    text: str
    parts: int
    at_most: int
    price: Decimal | None


def sample(event: MarketingEvent) -> Sample | None:
    """The text for a member of the initial group; None where there is nobody or no text."""
    version = event.template.current
    audience = Audience.among(_initial_group(event))
    if version is None or not audience.people:
        return None
    account = ProviderAccount.objects.for_sms().first()
    compiled = version.compiled(account.signature if account else "")
    shared, own = _shared(event, version), _own(version)
    given = audience.people[-1].values(own)
    masked = {name: _masked(name, value) for name, value in given.items()}
    rule = rule_of(account)
    longest = worst(compiled, shared, audience, own, rule)
    return Sample(
        text=compiled.render({**shared, **masked}),
        parts=count_parts(compiled.render({**shared, **given}), rule=rule).parts,
        at_most=longest.parts if longest else 0,
        price=account.cost if account else None,
    )


def _initial_group(event: MarketingEvent) -> QuerySet[Customer]:
    types = event.event_type.business_types.all()
    member = UserGroup.objects.filter(business_type__in=types, customer=OuterRef("pk"))
    return Customer.objects.filter(Exists(member))


def _shared(event: MarketingEvent, version: TemplateVersion) -> dict[str, str]:
    """What is the same for all; a customer's field that one lacks says so."""
    given = event_values(
        event.event_type, event.parameters, language=version.template.language
    )
    lacking = {name: _("[missing: %s]") % name for name in version.fields}
    return {**lacking, **given, LINK: short_url("x" * 8)}


def _own(version: TemplateVersion) -> list[str]:
    return [
        name
        for name in version.fields
        if name in OF_CUSTOMER or name.startswith(ATTRIBUTE)
    ]


def _masked(name: str, value: str) -> str:
    return mask_name(value) if name == "name" else mask_text(value)
