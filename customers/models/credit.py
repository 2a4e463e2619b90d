from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice.kit.crypto import EncryptedField

from .customer import Customer


class CreditFacts(models.Model):
    """What is known of a customer's credit now: the facts that B3 and B5 ask about."""

    customer = models.OneToOneField(
        Customer,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="credit",
        verbose_name=_("customer"),
    )
    blacklisted = models.BooleanField(_("on the anti-fraud blacklist"), default=False)
    controlled = models.BooleanField(_("controlled"), default=False)
    diverted = models.BooleanField(_("diverted"), default=False)
    limit_closed = models.BooleanField(_("credit limit closed"), default=False)
    temporarily_worse = models.BooleanField(
        _("credit temporarily worse"), default=False
    )
    in_funder_blackout = models.BooleanField(
        _("loan in the funder's blackout"), default=False
    )
    in_maintenance = models.BooleanField(_("in a maintenance period"), default=False)
    data_incomplete = models.BooleanField(_("data incomplete"), default=False)
    as_of = models.DateTimeField(_("as of"))
    source = models.CharField(_("source"), max_length=40, default="manual")

    class Meta:
        verbose_name = _("credit facts")
        verbose_name_plural = _("credit facts")

    def __str__(self) -> str:
        return str(self.customer)


class CreditLine(models.Model):
    """A line of credit granted to a customer, light-asset or heavy-asset."""

    class Kind(models.TextChoices):
        LIGHT = "light", _("Light-asset line")
        HEAVY = "heavy", _("Heavy-asset line")

    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        related_name="credit_lines",
        verbose_name=_("customer"),
    )
    reference = models.CharField(_("reference"), max_length=64)
    kind = models.CharField(_("kind"), max_length=5, choices=Kind.choices)
    product = models.CharField(_("product"), max_length=60, blank=True)
    amount = models.DecimalField(
        _("amount"), max_digits=14, decimal_places=2, null=True, blank=True
    )
    is_open = models.BooleanField(
        pgettext_lazy("of a credit line", "open"), default=True
    )

    class Meta:
        verbose_name = _("credit line")
        verbose_name_plural = _("credit lines")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "reference"], name="credit_line_reference"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.reference}"


class CreditSource(models.Model):
    """Where screening fetches current credit facts from (B2): an HTTP endpoint.

    It is asked `POST {"ids": [...]}` and answers `{"results": {id: {fact: bool}}}`.
    Facts that partners push by file or API need no source.
    """

    name = models.CharField(_("name"), max_length=40, unique=True)
    customer_source = models.CharField(
        _("asks for customers of source"),
        max_length=40,
        blank=True,
        help_text=_("Empty: all customers."),
    )
    url = models.URLField(_("address"), max_length=300)
    secret = EncryptedField("secret", verbose_name=_("secret"), default="")
    is_enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("credit source")
        verbose_name_plural = _("credit sources")

    def __str__(self) -> str:
        return self.name
