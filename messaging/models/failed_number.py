from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice.kit.bulk import is_postgres
from backoffice.kit.crypto import EncryptedField
from backoffice.kit.masking import mask_phone
from backoffice.platform.models import Parameter
from customers.models import Customer, Suppression

from .account import ProviderAccount
from .message import Message
from .template import Template

# The same text to the same number fails again: only a corrected number helps.
PERMANENT = (
    Message.Failure.INVALID_NUMBER,
    Message.Failure.BLOCKED,
    Message.Failure.REJECTED_CONTENT,
)
# Taken from the rows as they stand, so that the list can be filtered without them.
_COPIED = (
    "INSERT INTO messaging_failednumber (message_id, customer_id, phone, phone_index, "
    "failure, at, state, recycled, account_id, template_id, origin) "
    "SELECT m.id, m.customer_id, m.phone, m.phone_index, m.failure, %s, 'open', '', "
    "m.account_id, v.template_id, c.origin FROM messaging_message m "
    "JOIN messaging_templateversion v ON v.id = m.template_version_id "
    "JOIN messaging_chunk c ON c.id = m.chunk_id "
)
# Failures of a number, since it was last corrected or allowed again -> no more is sent.
_STOPPED = (
    "INSERT INTO customers_suppression (phone_index, scope, reason, created_at) "
    "SELECT phone_index, %s, %s, %s FROM messaging_failednumber "
    "WHERE failure = %s AND state IN ('open', 'retried') AND phone_index IN "
    "(SELECT phone_index FROM messaging_failednumber WHERE message_id IN ({marks})) "
    "GROUP BY phone_index HAVING COUNT(*) >= %s ON CONFLICT DO NOTHING"
)
DEAD, MARKETING = Suppression.Scope.DEAD.value, Suppression.Scope.MARKETING.value


class Stopping(NamedTuple):
    """After so many failures (a parameter; 0: never) a number gets nothing of the scope."""

    failure: str
    scope: str
    parameter: str
    reason: str


# Who blocks us, or whose operator does, may still be told of a loan.
STOPPING = (
    Stopping("invalid_number", DEAD, "stop_after_invalid", "number does not exist"),
    Stopping("blocked", MARKETING, "stop_after_blocked", "blocked before"),
)


_STOPPING_FAILURES = tuple(one.failure for one in STOPPING)


class FailedNumberQuerySet(models.QuerySet["FailedNumber"]):
    def record(self, message_ids: Sequence[UUID], *, now: datetime) -> None:
        """List the numbers of these messages, as far as they failed (A6); once each.

        Numbers that have failed for good often enough are sent nothing any more.
        """
        if not message_ids:
            return
        marks = ", ".join(["%s"] * len(message_ids))
        ids = [pk if is_postgres() else pk.hex for pk in message_ids]
        at = connection.ops.adapt_datetimefield_value(now)
        with connection.cursor() as cursor:
            cursor.execute(
                f"{_COPIED} WHERE m.id IN ({marks}) AND m.status IN (40, 41) "
                "ON CONFLICT DO NOTHING",
                [at, *ids],
            )
            for failure, scope, parameter, reason in STOPPING:
                if most := Parameter.read(parameter):
                    values = [scope, reason, at, failure, *ids, most]
                    cursor.execute(_STOPPED.format(marks=marks), values)

    def permanent(self) -> FailedNumberQuerySet:
        return self.filter(failure__in=PERMANENT)

    def passing(self) -> FailedNumberQuerySet:
        return self.exclude(failure__in=PERMANENT)

    def flagged(self) -> FailedNumberQuerySet:
        """Those that may have a new owner, and nobody has looked into it."""
        kinds = [one for one in FailedNumber.Recycled if one != "same"]
        done = (FailedNumber.State.CORRECTED, FailedNumber.State.SUPPRESSED)
        return self.filter(recycled__in=kinds).exclude(state__in=done)

    def reached(self, message_ids: Sequence[UUID]) -> None:
        """These SMS arrived after all: whoever is still open is no longer to be acted on,
        and a number that was stopped for nothing else is sent to again."""
        if not message_ids:
            return
        open_ = self.filter(message__in=message_ids, state=FailedNumber.State.OPEN)
        indexes = {bytes(one) for one in open_.values_list("phone_index", flat=True)}
        open_.delete()
        failed = self.filter(phone_index__in=indexes, failure__in=_STOPPING_FAILURES)
        still = failed.filter(state__in=("open", "retried")).values_list("phone_index")
        ours_of(indexes - {bytes(index) for (index,) in still}).delete()


def ours_of(indexes: Collection[bytes]) -> models.QuerySet[Suppression]:
    """What our own counting stopped for these numbers; not what people asked for."""
    reasons = [one.reason for one in STOPPING]
    return Suppression.objects.filter(phone_index__in=indexes, reason__in=reasons)


class FailedNumber(models.Model):
    """A number an SMS did not reach, for staff to act on (A6)."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("to be done", "open")
        RETRIED = "retried", _("sent again")
        CORRECTED = "corrected", _("number corrected")
        SUPPRESSED = "suppressed", _("suppressed")
        ALLOWED = "allowed", _("allowed again")

    class Recycled(models.TextChoices):
        """Why the number may be somebody else's by now."""

        WORKS = "works", _("works again")
        SILENT = "silent", _("reached again after a long silence")
        OTHER = "other", _("is another customer's now")
        SAME = "same", _("no, looked into")

    message = models.OneToOneField(
        Message,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        verbose_name=_("message"),
        related_name="failed_number",
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.SET_NULL, null=True, verbose_name=_("customer")
    )
    phone = EncryptedField("phone", verbose_name=_("phone"))
    phone_index = models.BinaryField(max_length=16)
    failure = models.CharField(
        _("reason"), max_length=20, choices=Message.Failure.choices
    )
    at = models.DateTimeField(_("time"))
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.OPEN
    )

    recycled = models.CharField(
        _("possible new owner"),
        max_length=6,
        choices=Recycled.choices,
        blank=True,
        default="",
    )
    # As the message had them.
    account = models.ForeignKey(
        ProviderAccount,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        verbose_name=_("provider account"),
    )
    template = models.ForeignKey(
        Template,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        verbose_name=_("template"),
    )
    origin = models.CharField(_("ordered by"), max_length=40, default="")

    objects = FailedNumberQuerySet.as_manager()

    class Meta:
        verbose_name = _("failed number")
        verbose_name_plural = _("failed numbers")
        ordering = ["-id"]
        indexes = [models.Index(fields=["phone_index"], name="failed_phone")]

    def __str__(self) -> str:
        return self.masked_phone

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)
