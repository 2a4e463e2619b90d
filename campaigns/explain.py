"""Why a customer was, or was not, contacted by an event (X2).

Answered from the frozen push and the facts behind each reason as they stood at its
start; whoever is in no recipient row was outside the initial group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.kit.words import listed
from customers.models import (
    BusinessType,
    Consent,
    Customer,
    CustomerLabel,
    Label,
    NoApplyInterval,
    Suppression,
)
from messaging.gate import LEFT_OUT
from messaging.models import Message
from tracking.models import BehaviourRecord, DayRollup

from .criteria import leaves
from .models import MarketingEvent, Push, Recipient, SignUp
from .standards import Fact
from .standards import explain as explain_standard

Reason, Outcome = Recipient.Reason, Recipient.Outcome


@dataclass(frozen=True, slots=True)
class Explanation:
    """Sentences for staff, the decisive one first; `facts` hold ids and codes."""

    sentences: list[str]
    facts: dict[str, Any] = field(default_factory=dict)


def explain(customer: Customer, event: MarketingEvent, now: datetime) -> Explanation:
    """Why the event's latest push did or did not reach the customer (X2)."""
    push = event.pushes.order_by("-id").first()
    if push is None or push.started_at > now:
        return Explanation([_("The event has not run yet.")], {"outcome": "not_run"})
    row = Recipient.objects.filter(push=push, customer=customer).first()
    if row is None:
        return _outside(push)
    facts = {"push": push.pk, "outcome": row.outcome, "reason": row.reason}
    if row.outcome == Outcome.HOLDOUT:
        words = _("Held out: one of the %d %% who get no SMS, for comparison.")
        return Explanation([words % push.frozen["holdout_percent"]], facts)
    if row.outcome == Outcome.TARGETED:
        return _contacted(push, customer, facts)
    head = _("Left out: %s.") % row.get_reason_display()
    details = _DETAILS[Reason(row.reason)](push, customer)
    return Explanation([head, *details], facts)


def _outside(push: Push) -> Explanation:
    names = BusinessType.objects.filter(pk__in=push.frozen["business_types"])
    words = _("Not in the initial group: no behaviour in %(types)s at %(time)s.")
    said = words % {
        "types": listed(names),
        "time": _moment(push.started_at),
    }
    return Explanation([said], {"push": push.pk, "outcome": "outside"})


def _contacted(push: Push, customer: Customer, facts: dict[str, Any]) -> Explanation:
    messages = Message.objects.select_related("chunk")
    message = messages.filter(customer=customer, chunk__pushpart__push=push).first()
    if message is None:
        return Explanation([_("Targeted; the SMS is not made yet.")], facts)
    facts |= {"message": str(message.pk), "failure": message.failure}
    said = [_("Targeted; the SMS is: %s.") % message.state]
    if message.failure:
        said.append(_("Reason: %s.") % message.get_failure_display())
    if message.waits_for:
        said.append(_("It waits: %s.") % message.waits_for)
    if message.status == Message.Status.CANCELLED:
        said += _stopped_details(push, customer)
    return Explanation(said, facts | {"status": message.status})


def _moment(at: datetime) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M")


# --- the facts behind each reason -------------------------------------------------------


def _label_details(push: Push, customer: Customer) -> list[str]:
    at = push.started_at
    held = CustomerLabel.objects.filter(customer=customer, since__lte=at).filter(
        Q(until__isnull=True) | Q(until__gt=at)
    )
    names = listed(one.label for one in held.select_related("label"))
    said = [_("Labels at the start: %s.") % (names or _("none"))]
    for ids in push.frozen["label_sets"]:
        wanted = listed(Label.objects.filter(pk__in=ids))
        said.append(_("The event wants one of: %s.") % (wanted or _("none")))
    kinds = BusinessType.objects.filter(pk__in=push.frozen["business_types"])
    for kind in kinds.prefetch_related("labels"):
        if allowed := listed(kind.labels.all()):
            words = _("%(type)s may be offered to: %(labels)s.")
            said.append(words % {"type": kind, "labels": allowed})
    return said


def _standard_details(push: Push, customer: Customer) -> list[str]:
    """Each measure with what the customer has, read now for the frozen moment."""
    criteria = push.frozen["criteria"]
    own = BusinessType.objects.filter(pk__in=push.frozen["business_types"])
    codes = set(own.values_list("code", flat=True))
    wanted = codes.union(*(leaf.business_types for leaf in leaves(criteria)))
    facts = facts_of(customer, sorted(wanted), as_of=push.as_of)
    found = explain_standard(criteria, facts, as_of=push.as_of, types=codes)
    yes, no = _("yes"), _("no")
    return [
        f"{one.question}: {one.actual} ({yes if one.holds else no})" for one in found
    ]


def facts_of(customer: Customer, codes: list[str], *, as_of: datetime) -> list[Fact]:
    """The customer's behaviour in business types (codes), as the oracle takes it."""
    records = BehaviourRecord.objects.filter(
        customer=customer, business_type__code__in=codes, at__lte=as_of
    )
    days = DayRollup.objects.filter(customer=customer, business_type__code__in=codes)
    return [
        Fact("record", one.at, one.business_type.code, *_details(one))
        for one in records.select_related("business_type").order_by("id")
    ] + [
        Fact(one.kind, one.last_at, one.business_type.code, count=one.count)
        for one in days.exclude(kind="record").select_related("business_type")
    ]


def _details(record: BehaviourRecord) -> tuple[Any, str, dict[str, object]]:
    return record.amount, record.product, record.attributes


def _no_apply_details(push: Push, customer: Customer) -> list[str]:
    at = push.started_at
    marks = NoApplyInterval.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=at),
        customer=customer,
        start_at__lte=at,
        end_at__gt=at,
    )
    words = _("From %(start)s to %(end)s, by the rule %(rule)s.")
    return [
        words
        % {
            "start": _moment(one.start_at),
            "end": _moment(one.end_at),
            "rule": one.rule or "–",
        }
        for one in marks.select_related("rule")
    ]


def _stopped_details(push: Push, customer: Customer) -> list[str]:
    rows = SignUp.objects.filter(activity=push.frozen["activity"], customer=customer)
    times = rows.values_list("stopped_at", flat=True)
    words = _("The participation was stopped at %s.")
    return [words % _moment(at) for at in times if at]


def _consent_details(push: Push, customer: Customer) -> list[str]:
    consent = Consent.objects.filter(
        customer=customer, purpose=Consent.Purpose.MARKETING
    ).first()
    if consent is None:
        return [_("The customer never agreed to marketing.")]
    if consent.withdrawn_at:
        return [_("Withdrawn at %s.") % _moment(consent.withdrawn_at)]
    return [_("Given at %s.") % _moment(consent.given_at)]


def _suppressed_details(push: Push, customer: Customer) -> list[str]:
    rows = Suppression.objects.filter(phone_index=_index(customer))
    words = _("%(scope)s, since %(time)s: %(reason)s.")
    return [
        words
        % {
            "scope": one.get_scope_display(),
            "time": _moment(one.created_at),
            "reason": one.reason,
        }
        for one in rows
    ]


def _same_phone_details(push: Push, customer: Customer) -> list[str]:
    other = Recipient.objects.filter(
        push=push, phone_index=_index(customer), reason=""
    ).select_related("customer")
    return [_("The one who stands for the number: %s.") % one.customer for one in other]


def _cap_details(push: Push, customer: Customer) -> list[str]:
    words = _(
        "%(found)d marketing SMS in the %(hours)d hours before; allowed: %(most)d."
    )
    said = []
    for hours, most in push.frozen["caps"]:
        since = push.started_at - timedelta(hours=hours)
        sent = Message.objects.filter(
            phone_index=_index(customer),
            is_marketing=True,
            created_at__gte=since,
            created_at__lt=push.started_at,
        )
        found = sent.exclude(status__in=LEFT_OUT).count()
        said.append(words % {"found": found, "hours": hours, "most": most})
    return said


def _index(customer: Customer) -> bytes:
    return bytes(customer.phone_index)


_DETAILS: dict[str, Callable[[Push, Customer], list[str]]] = {
    Reason.LABEL: _label_details,
    Reason.STANDARD: _standard_details,
    Reason.NO_APPLY: _no_apply_details,
    Reason.STOPPED: _stopped_details,
    Reason.CONSENT: _consent_details,
    Reason.SUPPRESSED: _suppressed_details,
    Reason.SAME_PHONE: _same_phone_details,
    Reason.CAP: _cap_details,
}
