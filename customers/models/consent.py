from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.kit.crypto import blind_index

from .customer import Customer


class Consent(models.Model):
    """A customer's yes to a purpose: when, how, from where. No row means no."""

    class Purpose(models.TextChoices):
        MARKETING = "marketing", _("Marketing")

    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        related_name="consents",
        verbose_name=_("customer"),
    )
    purpose = models.CharField(
        _("purpose"), max_length=20, choices=Purpose.choices, default=Purpose.MARKETING
    )
    source = models.CharField(_("source"), max_length=60)
    given_at = models.DateTimeField(_("given"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "purpose"], name="consent_purpose"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} ({self.source})"


class Suppression(models.Model):
    """A number we must not text. It names no customer, so it survives an erasure."""

    class Scope(models.TextChoices):
        MARKETING = "marketing", _("Marketing only")
        EVERYTHING = "everything", _("Every message")
        # Ours, from failures: ends when the number is corrected or staff lift it.
        DEAD = "dead", _("Every message: no such number")

    phone_index = models.BinaryField(max_length=16)
    scope = models.CharField(_("scope"), max_length=12, choices=Scope.choices)
    reason = models.CharField(_("reason"), max_length=80)
    created_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("suppressed number")
        verbose_name_plural = _("suppressed numbers")
        constraints = [
            models.UniqueConstraint(
                fields=["phone_index", "scope"], name="suppression_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()}: {_(self.reason)}"

    @classmethod
    def add(cls, phone: str, *, scope: str, reason: str, now: datetime) -> Suppression:
        """Suppress an E.164 number; a number already suppressed stays as it was."""
        row, _made = cls.objects.get_or_create(
            phone_index=blind_index(phone),
            scope=scope,
            defaults={"reason": reason, "created_at": now},
        )
        return row
