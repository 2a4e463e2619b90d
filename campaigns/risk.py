"""The weaker signals beside the call (D8). They are shown; they never decide alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import blind_index
from backoffice.platform.models import Parameter
from customers.models import CreditFacts, Customer, Suppression

from .models import SignUp

# A range of numbers is looked for among the newest sign-ups: the cost stays the same.
NEWEST = 1000

RISKS = {
    "blacklisted": _("on the anti-fraud blacklist"),
    "suppressed": _("number is suppressed"),
    "same_ip": _("sign-ups from the same address"),
    "same_device": _("sign-ups from the same device"),
    "same_phone_range": _("sign-ups from the same range of numbers"),
    "activities": _("activities entered"),
}
# Signal -> the parameter that says above which count it is a warning.
THRESHOLDS = {
    "same_ip": "sign_ups_per_ip",
    "same_device": "sign_ups_per_device",
    "same_phone_range": "sign_ups_per_phone_range",
    "activities": "activities_per_customer",
}


@dataclass(frozen=True, slots=True)
class Signals:
    """Where a sign-up came from, as keyed hashes: equal ones can be counted, no more."""

    ip_index: bytes | None = None
    device_index: bytes | None = None

    @classmethod
    def of(cls, *, ip: str, device: str) -> Signals:
        """From an address ("" where unknown) and the device's own cookie."""
        return cls(
            ip_index=blind_index(ip, "ip") if ip else None,
            device_index=blind_index(device, "device") if device else None,
        )


def measure(sign_up: SignUp) -> dict[str, int]:
    """How often each signal occurs, this sign-up included, in its activity (D8)."""
    peers = SignUp.objects.filter(activity=sign_up.activity_id)
    newest = peers.order_by("-pk").values("customer_id")[:NEWEST]
    customer = sign_up.customer
    return {
        "blacklisted": _blacklisted(customer),
        "suppressed": _suppressed(customer),
        "same_ip": _same(peers, ip_index=sign_up.ip_index),
        "same_device": _same(peers, device_index=sign_up.device_index),
        "same_phone_range": Customer.objects.filter(
            pk__in=newest, prefix_index=customer.prefix_index
        ).count(),
        "activities": SignUp.objects.filter(customer=customer).count(),
    }


def warnings(risk: Mapping[str, int]) -> list[str]:
    """The signals that staff should look at: a block list hit, a count above its threshold."""
    listed = [name for name in ("blacklisted", "suppressed") if risk.get(name)]
    many = [
        name
        for name, parameter in THRESHOLDS.items()
        if risk.get(name, 0) > int(Parameter.read(parameter))
    ]
    return listed + many


def _same(peers: QuerySet[SignUp], **signal: bytes | memoryview | None) -> int:
    known = all(value is not None for value in signal.values())
    return peers.filter(**signal).count() if known else 0


def _blacklisted(customer: Customer) -> int:
    return CreditFacts.objects.filter(customer=customer, blacklisted=True).count()


def _suppressed(customer: Customer) -> int:
    return Suppression.objects.filter(phone_index=customer.phone_index).count()
