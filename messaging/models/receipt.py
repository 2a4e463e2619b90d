from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .account import ProviderAccount
from .message import Message


class CallbackRequest(models.Model):
    """What a provider POSTed to us, stored raw before it was answered. Append-only."""

    class Kind(models.TextChoices):
        RECEIPTS = "receipts", _("receipts")
        REPLIES = "replies", _("replies")
        CALLS = "calls", _("calls")

    # db_constraint=False: a check would lock the account's one row for every request.
    account = models.ForeignKey(
        ProviderAccount,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        verbose_name=_("provider account"),
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    body = models.BinaryField()  # encrypted, kind "callback"
    content_type = models.CharField(
        max_length=80,
        blank=True,
        default="",
        verbose_name=_("content type"),
    )
    received_at = models.DateTimeField(_("received"))
    # Null until applied; "problem" says why a body could not be read.
    applied_at = models.DateTimeField(_("applied"), null=True)
    problem = models.CharField(_("problem"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("callback request")
        verbose_name_plural = _("callback requests")
        indexes = [
            # what waits, the oldest first; a reply is not looked for among receipts
            models.Index(
                fields=["kind", "id"],
                condition=Q(applied_at__isnull=True),
                name="callback_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class Receipt(models.Model):
    """One delivery report, read into our words; `message` is null while it is parked (E4)."""

    class Outcome(models.TextChoices):
        APPLIED = "applied", _("applied")
        REPEATED = "repeated", _("repeated or late")
        CONFLICT = "conflict", _("conflict")
        PARKED = "parked", _("no message yet")

    account = models.ForeignKey(
        ProviderAccount,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        verbose_name=_("provider account"),
    )
    request = models.ForeignKey(
        CallbackRequest,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
    )
    message = models.ForeignKey(
        Message,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="receipts",
    )
    reference = models.CharField(_("response code"), max_length=80)
    phone_index = models.BinaryField(max_length=16)
    status = models.SmallIntegerField(_("status"), choices=Message.Status.choices)
    failure = models.CharField(_("reason"), max_length=20, blank=True, default="")
    words = models.CharField(
        _("provider's words"), max_length=120, blank=True, default=""
    )
    provider_at = models.DateTimeField(_("provider's time"), null=True)
    received_at = models.DateTimeField(_("received"))
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome.choices)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        indexes = [
            # parked ones are matched when their reference arrives
            models.Index(
                fields=["reference"],
                condition=Q(message__isnull=True),
                name="receipt_parked",
            ),
            # ... the young ones soon, the old ones seldom, and too old ones are forgotten
            models.Index(
                fields=["received_at"],
                condition=Q(message__isnull=True),
                name="receipt_parked_since",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.get_status_display()}"
