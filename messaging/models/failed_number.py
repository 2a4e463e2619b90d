from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice.kit.bulk import is_postgres
from backoffice.kit.crypto import EncryptedField
from backoffice.kit.masking import mask_phone
from customers.models import Customer

from .message import Message


class FailedNumberQuerySet(models.QuerySet["FailedNumber"]):
    def record(self, message_ids: Sequence[UUID], *, now: datetime) -> None:
        """List the numbers of these messages, as far as they failed (A6); once each."""
        if not message_ids:
            return
        marks = ", ".join(["%s"] * len(message_ids))
        plain = [pk if is_postgres() else pk.hex for pk in message_ids]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO messaging_failednumber "  # noqa: S608
                "(message_id, customer_id, phone, phone_index, failure, at, state) "
                "SELECT id, customer_id, phone, phone_index, failure, %s, 'open' "
                f"FROM messaging_message WHERE id IN ({marks}) AND status = 40 "
                "ON CONFLICT DO NOTHING",
                [connection.ops.adapt_datetimefield_value(now), *plain],
            )


class FailedNumber(models.Model):
    """A number an SMS did not reach, for staff to act on (A6)."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("to be done", "open")
        RETRIED = "retried", _("sent again")
        CORRECTED = "corrected", _("number corrected")
        SUPPRESSED = "suppressed", _("suppressed")

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
