from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice.kit.crypto import EncryptedField
from backoffice.kit.ids import uuid7
from backoffice.kit.masking import mask_phone
from customers.models import Customer

from .account import ProviderAccount

ANSWER_KINDS = [
    ("digits", _("Digits")),
    ("date", _("Date")),
    ("yesno", _("Yes or no")),
    ("text", _("Text")),
]


class Call(models.Model):
    """One outbound call that speaks a script and listens for an answer (D5).

    `queued -> dialling -> answered | busy | no_answer | failed`. It knows what kind of
    answer to listen for, never which one is right.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", pgettext_lazy("of a call", "queued")
        DIALLING = "dialling", _("dialling")
        ANSWERED = "answered", _("answered")
        BUSY = "busy", _("busy")
        NO_ANSWER = "no_answer", _("no answer")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(
        ProviderAccount,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("provider account"),
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.SET_NULL, null=True, verbose_name=_("customer")
    )
    phone = EncryptedField("phone", verbose_name=_("phone"))
    script = EncryptedField("text", verbose_name=_("script"))
    language = models.CharField(_("language"), max_length=10)
    answer_kind = models.CharField(
        _("kind of answer"), max_length=10, choices=ANSWER_KINDS
    )
    answer_length = models.PositiveSmallIntegerField(null=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.QUEUED
    )
    reference = models.CharField(_("reference"), max_length=80, blank=True, default="")
    keys = EncryptedField("text", verbose_name=_("keys pressed"), default="")
    recording = models.BinaryField(null=True)  # WAV, encrypted, kind "recording"
    heard = EncryptedField("text", verbose_name=_("heard"), default="")
    confidence = models.FloatField(_("confidence"), null=True)
    created_at = models.DateTimeField(_("created"))
    due_at = models.DateTimeField(_("due"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="call_due"
            )
        ]

    def __str__(self) -> str:
        return self.masked_phone

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)
