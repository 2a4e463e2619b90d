"""An event's SMS as one real customer would get it, masked for the eye."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from backoffice.kit.crypto import encrypt
from backoffice.kit.masking import mask_name, mask_text
from customers.models import Customer
from messaging.models import ProviderAccount, TemplateVersion
from messaging.rendering import compile_template
from messaging.text import count_parts
from tracking.links import short_url

from .models import MarketingEvent
from .placeholders import LINK, customer_values, event_values


@dataclass(frozen=True, slots=True)
class Sample:
    """`text` is masked; `parts` is counted on the customer's real values."""

    text: str
    parts: int


def sample(event: MarketingEvent) -> Sample | None:
    """The text for a member of the initial group; None where there is nobody or no text."""
    version = event.template.current
    types = event.event_type.business_types.all()
    someone = Customer.objects.filter(usergroup__business_type__in=types).first()
    if version is None or someone is None:
        return None
    account = sms_account()
    signature = account.signature if account else ""
    rule = account.parts_rule if account else "gsm"
    compiled = compile_template(version.text, signature=signature)
    values = _values(event, version, someone)
    own = {name: mask_text(value) for name, value in _own(version, someone).items()}
    if "name" in own:
        own["name"] = mask_name(someone.name)
    text = compiled.render(values)
    parts = count_parts(text, rule="china" if rule == "china" else "gsm").parts
    return Sample(text=compiled.render(values | own), parts=parts)


def sms_account() -> ProviderAccount | None:
    """The enabled account that most SMS go over."""
    accounts = ProviderAccount.objects.filter(channel="sms", is_enabled=True)
    return accounts.order_by("-weight", "name").first()


def _values(
    event: MarketingEvent, version: TemplateVersion, customer: Customer
) -> dict[str, str]:
    """Every field filled; one that this customer lacks says so."""
    shared = event_values(
        event.event_type, event.parameters, language=version.template.language
    )
    lacking = {name: _("[missing: %s]") % name for name in version.fields}
    link = {LINK: short_url("x" * 8)}
    return lacking | shared | link | _own(version, customer)


def _own(version: TemplateVersion, customer: Customer) -> dict[str, str]:
    values = customer_values(
        version.fields,
        name=encrypt(customer.name, "name"),
        external_id=customer.external_id,
        attributes=customer.attributes,
    )
    return {name: value for name, value in values.items() if value.strip()}
