"""Whose SMS the editor shows, over which account, in full or masked: read from a POST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext as _

from backoffice.platform.models import AuditEntry
from backoffice.platform.reveal import PERMISSION
from customers.models import Customer
from messaging.audience import Audience, Person
from messaging.models import ProviderAccount
from messaging.proof import Draft, Proof, proof

# Buttons that only look: whoever presses one publishes nothing.
ASKS = ("preview", "step", "reveal", "replace")
STEPS = {"next": 1, "previous": -1}
SALT = "messaging.looking"
REVEALED_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Look:
    """What a page shows beside the text. `token`: this person may see this customer in full."""

    accounts: list[ProviderAccount]
    account: ProviderAccount | None
    audience: Audience
    person: Person | None
    token: str = ""
    problem: str = ""

    @classmethod
    def of(cls, request: HttpRequest, language: str) -> Look:
        """Reads the POST; a reveal that it asks for is put on record."""
        accounts = list(ProviderAccount.objects.for_sms())
        chosen = [one for one in accounts if str(one.pk) == request.POST.get("account")]
        account = next(iter(chosen or accounts), None)
        audience = Audience.speaking(language)
        person, problem = _person(request.POST, audience)
        token, refused = _token(request, person)
        return cls(accounts, account, audience, person, token, problem or refused)

    def proof(self, draft: Draft) -> Proof:
        return proof(
            draft,
            self.account,
            self.audience,
            self.person,
            is_revealed=bool(self.token),
        )


def _person(post: Any, audience: Audience) -> tuple[Person | None, str]:
    """The one that was chosen, and what is wrong with the choice."""
    given, step = post.get("customer", ""), post.get("step", "")
    pk = int(given) if given.isdecimal() else None
    if step == "find":
        number = post.get("number", "").strip()
        found = _one(Customer.objects.filter(external_id=number))
        problem = "" if found else _("There is no customer with this number.")
        return found or audience.person(pk), problem
    person = audience.person(pk, step=STEPS.get(step, 0))
    if pk and not step and (person is None or person.pk != pk):
        # Found by number before, outside the sample.
        person = _one(Customer.objects.filter(pk=pk)) or person
    return person, ""


def _one(customers: Any) -> Person | None:
    return Audience.among(customers).person(None)


def _token(request: HttpRequest, person: Person | None) -> tuple[str, str]:
    """Proof that this person revealed this customer a moment ago, or does so now."""
    if person is None:
        return "", ""
    who = [request.user.pk, person.pk]
    if "reveal" not in request.POST:
        token = request.POST.get("token", "")
        return (token, "") if _revealed(token) == who else ("", "")
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    reason = request.POST.get("reason", "").strip()
    if not reason:
        return "", _("Give a reason: it is recorded with your name.")
    customer = Customer.objects.get(pk=person.pk)
    AuditEntry.write(
        request.user,
        "reveal",
        customer,
        reason=reason[:200],
        fields=["name", "attributes"],
    )
    return signing.dumps(who, salt=SALT), ""


def _revealed(token: str) -> object:
    try:
        return signing.loads(token, salt=SALT, max_age=REVEALED_SECONDS)
    except signing.BadSignature:
        return None
