from __future__ import annotations

from django.db import models
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import EncryptedField
from backoffice.kit.ids import uuid7

from .account import ProviderAccount
from .chunk import Chunk
from .message import Message


class Submission(models.Model):
    """One request to a provider, with its answer verbatim (it may hold numbers: encrypted)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(
        ProviderAccount, on_delete=models.PROTECT, verbose_name=_("provider account")
    )
    chunk = models.ForeignKey(
        Chunk, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    at = models.DateTimeField(_("time"))
    message_count = models.PositiveIntegerField(_("messages"))
    # Of them in doubt: what an account's health is judged by.
    unknown_count = models.PositiveIntegerField(_("in doubt"), default=0)
    http_status = models.SmallIntegerField(_("HTTP status"), default=0)
    problem = models.CharField(_("problem"), max_length=60, blank=True, default="")
    answer = EncryptedField("text", verbose_name=_("answer"), default="")

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")

    def __str__(self) -> str:
        return f"{self.account}, {localtime(self.at):%Y-%m-%d %H:%M:%S}"


class ProviderReference(models.Model):
    """A provider's reference (the response code of E3) for a part of a message.

    Append-only: receipts of an earlier attempt still come. Aliyun gives one reference
    for a hundred phones, SMPP one for each part: hence the four columns of the key.
    """

    account = models.ForeignKey(
        ProviderAccount, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    reference = models.CharField(_("response code"), max_length=80)
    phone_index = models.BinaryField(max_length=16)
    part = models.SmallIntegerField(default=1)
    message = models.ForeignKey(
        Message,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="references",
    )
    submission = models.ForeignKey(
        Submission,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
    )
    # The provider's own word for "taken", as it said it (E3).
    code = models.CharField(_("answer code"), max_length=40, blank=True, default="")

    class Meta:
        verbose_name = _("response code")
        verbose_name_plural = _("response codes")
        constraints = [
            models.UniqueConstraint(
                fields=["reference", "phone_index", "account", "part"],
                name="provider_reference",
            )
        ]

    def __str__(self) -> str:
        return self.reference
