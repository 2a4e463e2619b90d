from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import EncryptedField
from backoffice.kit.masking import mask_phone
from customers.models import Customer

from .account import ProviderAccount
from .message import Message


class InboundMessage(models.Model):
    """What somebody texted us: a reply where it could be matched to a message (E5)."""

    account = models.ForeignKey(
        ProviderAccount, on_delete=models.PROTECT, verbose_name=_("provider account")
    )
    provider_id = models.CharField(max_length=80)
    phone = EncryptedField("phone", verbose_name=_("phone"))
    phone_index = models.BinaryField(max_length=16)
    text = EncryptedField("text", verbose_name=_("text"))
    received_at = models.DateTimeField(_("received"))
    message = models.ForeignKey(
        Message,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="replies",
        verbose_name=_("answers"),
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.SET_NULL, null=True, verbose_name=_("customer")
    )
    is_opt_out = models.BooleanField(_("opt-out"), default=False)

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        ordering = ["-id"]
        constraints = [
            # the same reply delivered twice is one
            models.UniqueConstraint(
                fields=["account", "provider_id"], name="inbound_once"
            )
        ]
        indexes = [models.Index(fields=["phone_index"], name="inbound_phone")]

    def __str__(self) -> str:
        return self.masked_phone

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)
