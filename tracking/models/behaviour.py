from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import BusinessType, Customer

from .source import BehaviourFile, BehaviourSource


class BehaviourRecord(models.Model):
    """What a user did, as a source told it: business type and business record (C2).

    `customer` is null while nobody of that number is known; it is matched when the
    customer arrives. Append-only; unique (source, record key, external id).
    """

    # db_constraint=False here and below: rows by the million that are made set-based from
    # their parents; a constraint halves the insert rate (performance.md). Tests hold it.
    source = models.ForeignKey(
        BehaviourSource,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        verbose_name=_("source"),
    )
    file = models.ForeignKey(
        BehaviourFile,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        verbose_name=_("file"),
    )
    record_key = models.CharField(_("record key"), max_length=80)
    customer = models.ForeignKey(
        Customer,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        verbose_name=_("customer"),
    )
    external_id = models.CharField(_("customer number"), max_length=64)
    business_type = models.ForeignKey(
        BusinessType,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        verbose_name=_("business type"),
    )
    at = models.DateTimeField(_("time"))
    amount = models.DecimalField(
        _("amount"), max_digits=14, decimal_places=2, null=True
    )
    product = models.CharField(_("product"), max_length=60, blank=True, default="")
    attributes = models.JSONField(_("attributes"), default=dict)

    class Meta:
        verbose_name = _("behaviour record")
        verbose_name_plural = _("behaviour records")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "record_key", "external_id"], name="behaviour_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["business_type", "at"], name="behaviour_window"
            ),  # push standards
            models.Index(
                fields=["external_id"],
                condition=Q(customer__isnull=True),
                name="behaviour_unmatched",
            ),
            models.Index(
                fields=["customer", "at"], name="behaviour_customer"
            ),  # a customer's life
        ]

    def __str__(self) -> str:
        return self.record_key


class UserGroup(models.Model):
    """A row of the user-group table: this customer belongs to this business type (C3)."""

    business_type = models.ForeignKey(
        BusinessType,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        verbose_name=_("business type"),
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        db_constraint=False,
        verbose_name=_("customer"),
    )
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"))
    count = models.PositiveIntegerField(_("records"), default=0)

    class Meta:
        verbose_name = _("user group member")
        verbose_name_plural = _("user groups")
        constraints = [
            models.UniqueConstraint(
                fields=["business_type", "customer"], name="group_member_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.business_type_id}/{self.customer_id}"


class DayRollup(models.Model):
    """What a customer did on a day (UTC) in a business type: the long history, short.

    Deliveries, replies, clicks and sign-ups are behaviour by being counted here (X1).
    """

    class Kind(models.TextChoices):
        RECORD = "record", _("business record")
        DELIVERY = "delivery", _("SMS delivered")
        REPLY = "reply", _("reply")
        CLICK = "click", _("click")
        SIGN_UP = "sign_up", _("sign-up")

    business_type = models.ForeignKey(
        BusinessType,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        verbose_name=_("business type"),
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        db_constraint=False,
        verbose_name=_("customer"),
    )
    kind = models.CharField(_("what"), max_length=8, choices=Kind.choices)
    day = models.DateField(_("day"))
    count = models.PositiveIntegerField(_("count"), default=0)
    total = models.DecimalField(_("sum"), max_digits=16, decimal_places=2, default=0)
    last_at = models.DateTimeField(_("last"))

    class Meta:
        verbose_name = _("day of behaviour")
        verbose_name_plural = _("days of behaviour")
        constraints = [
            models.UniqueConstraint(
                fields=["business_type", "kind", "day", "customer"], name="rollup_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.day}"
