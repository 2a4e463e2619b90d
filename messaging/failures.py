"""What staff do with a number that an SMS did not reach (A6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.utils.translation import gettext_lazy as _

from backoffice.kit.bulk import insert_rows
from backoffice.kit.crypto import blind_index
from backoffice.kit.phones import to_e164
from backoffice.platform.models import AuditEntry
from customers.models import Suppression
from messaging.models import FailedNumber, Message, ProviderAccount, ProviderTemplate
from messaging.models.failed_number import PERMANENT, ours_of
from messaging.transports import transport

State = FailedNumber.State
Failure = Message.Failure
NOT_REACHED = (Message.Status.FAILED, Message.Status.EXPIRED)

# Why a failed number is left out when others are sent again.
LEFT = {
    "retried": _("sent again already"),
    "suppressed": _("the number is suppressed"),
    "reached": _("reached after all, or it may have been"),
    "permanent": _("another try would fail too: correct the number first"),
    "too_late": _("no longer valid"),
    "not_approved": _("this provider has not approved the text"),
}
Rows = QuerySet[FailedNumber]


def sorted_out(
    rows: Rows, *, now: datetime, account: ProviderAccount | None = None
) -> QuerySet[Any]:
    """Each with `left`: why it is not sent again, over the account if given; or empty.

    Nobody gets the same SMS twice: not where a receipt said delivered after all, nor
    where none came. A notice keeps its validity; an offer is made anew.
    """
    reached = ~Q(message__status__in=NOT_REACHED) | Q(failure=Failure.NO_RECEIPT)
    permanent = Q(state=State.OPEN, failure__in=PERMANENT)
    if account:  # what one provider refuses to print another may print
        refused = Q(failure=Failure.REJECTED_CONTENT)
        permanent &= ~(refused & ~Q(account=account))
    stale = Q(message__is_marketing=False, message__expires_at__lte=now)
    reasons = [
        (Q(state=State.RETRIED), "retried"),
        (Q(state=State.SUPPRESSED), "suppressed"),
        (reached, "reached"),
        (permanent, "permanent"),
        (_is_suppressed(), "suppressed"),
        (stale, "too_late"),
    ]
    if account and transport(account.transport).mode != "text":
        approved = ProviderTemplate.objects.approved().filter(account=account)
        of = ~Q(message__template_version__in=approved.values("version"))
        reasons.append((of, "not_approved"))
    whens = [When(condition, then=Value(word)) for condition, word in reasons]
    field = CharField()
    return rows.annotate(left=Case(*whens, default=Value(""), output_field=field))


def retryable(
    rows: Rows, *, now: datetime, account: ProviderAccount | None = None
) -> Rows:
    """Those that another SMS may reach: corrected, or failed for a passing reason."""
    return sorted_out(rows, now=now, account=account).filter(left="")


def counted(
    rows: Rows, *, now: datetime, account: ProviderAccount | None = None
) -> Counter[str]:
    """How many would go (""), and how many are left for which reason."""
    left = sorted_out(rows, now=now, account=account).order_by().values("left")
    return Counter(dict(left.annotate(n=Count("pk")).values_list("left", "n")))


def _is_suppressed() -> Q:
    of_number = Suppression.objects.filter(phone_index=OuterRef("phone_index"))
    wholly = of_number.exclude(scope=Suppression.Scope.MARKETING)
    return Q(Exists(wholly)) | Q(message__is_marketing=True) & Q(Exists(of_number))


@transaction.atomic
def correct(failed: FailedNumber, phone: str, *, by: Any) -> bool:
    """Set the right number, here and for the customer; returns whether the latter's changed.

    In every row that lists it for the customer. Messages keep the number they went to.
    The customer's number stays where it is another one by now. Raises BadPhone for what
    is no number.
    """
    number = to_e164(phone, region=settings.DEFAULT_PHONE_REGION)
    wrong, right = bytes(failed.phone_index), blind_index(number)
    customer = failed.customer
    changes = customer is not None and bytes(customer.phone_index) == wrong
    if customer is not None and changes:
        customer.set_phone(number)
        customer.save()
    same = FailedNumber.objects.filter(
        customer=customer, phone_index=wrong, state=State.OPEN
    )
    corrected = {"phone": number, "phone_index": right, "recycled": ""}
    rows = FailedNumber.objects.filter(pk=failed.pk) | (
        same if customer else same.none()
    )
    rows.update(**corrected, state=State.CORRECTED)
    # Who says that this is the number knows better than what failed before.
    ours_of([right]).delete()
    AuditEntry.write(by, "number corrected", failed, customer_changed=changes)
    return changes


@transaction.atomic
def suppress(rows: Rows, *, by: Any, now: datetime) -> int:
    """No SMS of any purpose to these numbers any more; returns how many rows it was."""
    ids, indexes = _keys(rows.exclude(state=State.SUPPRESSED))
    insert_rows(
        Suppression,
        ("phone_index", "scope", "reason", "created_at"),
        [
            (index, Suppression.Scope.EVERYTHING.value, "failed number", now)
            for index in indexes
        ],
        ignore_conflicts=True,
    )
    # The number and not the row: it may stand in the list for several messages.
    same = FailedNumber.objects.filter(Q(pk__in=ids) | Q(phone_index__in=indexes))
    same.update(state=State.SUPPRESSED)
    AuditEntry.write(by, "failed numbers suppressed", count=len(ids))
    return len(ids)


@transaction.atomic
def allow(rows: Rows, *, by: Any, reason: str) -> int:
    """These numbers are right: what their failures stopped is sent again.

    What people asked for stays. Returns how many rows it was.
    """
    ids, indexes = _keys(rows.exclude(state=State.SUPPRESSED))
    ours_of(indexes).delete()
    same = FailedNumber.objects.filter(Q(pk__in=ids) | Q(phone_index__in=indexes))
    same.exclude(recycled="").update(recycled=FailedNumber.Recycled.SAME)
    same.filter(state__in=(State.OPEN, State.RETRIED)).update(state=State.ALLOWED)
    AuditEntry.write(by, "numbers allowed", reason=reason, count=len(ids))
    return len(ids)


def _keys(rows: Rows) -> tuple[Sequence[int], list[bytes]]:
    found = list(rows.order_by("pk").values_list("pk", "phone_index"))
    return [pk for pk, _index in found], list({bytes(index) for _pk, index in found})
