from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .account import ProviderAccount


class AccountHealth(models.Model):
    """How an account fared when it was last looked at. Kept apart: routing reads accounts
    for every chunk, and this changes every minute."""

    account = models.OneToOneField(
        ProviderAccount, on_delete=models.CASCADE, related_name="health"
    )
    looked_at = models.DateTimeField(_("looked at"))
    # Of the last minutes' requests: SMS handed over, and those that went wrong.
    submitted = models.PositiveIntegerField(_("handed over"), default=0)
    errors = models.PositiveIntegerField(_("errors"), default=0)
    # Of SMS handed over long enough ago: looked at, and those not delivered in time.
    judged = models.PositiveIntegerField(_("delivery looked at"), default=0)
    slow = models.PositiveIntegerField(_("not delivered in time"), default=0)
    # An account that never reports deliveries cannot be told from a slow one.
    delivered_at = models.DateTimeField(_("last delivery"), null=True)
    last_error = models.CharField(_("last error"), max_length=80, blank=True)
    last_error_at = models.DateTimeField(_("time of the last error"), null=True)

    class Meta:
        verbose_name = _("account health")
        verbose_name_plural = _("account health")

    def __str__(self) -> str:
        return str(self.account)


class WeightChange(models.Model):
    """Why an account's weight became another: by its health, or by hand. Append-only."""

    class Why(models.TextChoices):
        ERRORS = "errors", _("errors")
        SLOW = "slow", _("slow delivery")
        BACK = "back", _("back towards its set weight")
        HAND = "hand", _("set by hand")

    at = models.DateTimeField(_("time"))
    account = models.ForeignKey(
        ProviderAccount,
        on_delete=models.CASCADE,
        related_name="weight_changes",
        verbose_name=_("provider account"),
    )
    was = models.PositiveSmallIntegerField(_("from"))
    now = models.PositiveSmallIntegerField(_("to"))
    why = models.CharField(_("why"), max_length=6, choices=Why.choices)
    # What was counted: "wrong" of "of" SMS within "seconds".
    counted = models.JSONField(_("counted"), default=dict)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("by"),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("change of weight")
        verbose_name_plural = _("changes of weight")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.account}: {self.was} → {self.now}"
