from __future__ import annotations

from django.db import models
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from customers.models import BusinessType, Customer
from messaging.models import Message


class ParameterSet(models.Model):
    """Business tracking parameters, parallel and parent-child (E7), as they were given.

    `tree` is a list of nodes: `[{"name": "channel", "value": "sms", "children": [...]}]`.
    Messages with equal parameters share one row, found by `digest`.
    """

    digest = models.CharField(max_length=64, unique=True)
    tree = models.JSONField(_("parameters"))

    class Meta:
        verbose_name = _("tracking parameters")
        verbose_name_plural = _("tracking parameters")

    def __str__(self) -> str:
        return ", ".join(f"{node['name']}={node['value']}" for node in self.tree)


class ParameterValue(models.Model):
    """One node of a set, flat, so that an SMS can be found by any parameter (E9)."""

    set = models.ForeignKey(
        ParameterSet, on_delete=models.CASCADE, related_name="values"
    )
    path = models.CharField(
        _("path"), max_length=200
    )  # "channel/spot": names from the root
    value = models.CharField(_("value"), max_length=200)

    class Meta:
        verbose_name = _("tracking parameter")
        verbose_name_plural = _("tracking parameters")
        constraints = [
            models.UniqueConstraint(
                fields=["set", "path", "value"], name="parameter_once"
            )
        ]
        indexes = [models.Index(fields=["value", "path"], name="parameter_value")]

    def __str__(self) -> str:
        return f"{self.path}={self.value}"


class TrackingRecord(models.Model):
    """The tracking record of an SMS, one to one (E2, E8). Status is read from the message."""

    message = models.OneToOneField(
        # db_constraint=False: filled by COPY beside its message; a test holds the invariant.
        Message,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        primary_key=True,
        related_name="tracking",
        verbose_name=_("SMS id"),
    )
    code = models.CharField(  # noqa: DJ001  null: unique among those that have one
        _("link code"), max_length=10, null=True
    )
    target = models.CharField(_("leads to"), max_length=500, blank=True, default="")
    # The redirect adds a signed, short-lived token that names the code (design.md).
    adds_token = models.BooleanField(
        default=False,
        verbose_name=_("adds a token to the link"),
    )
    parameters = models.ForeignKey(
        ParameterSet,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="records",
        verbose_name=_("tracking parameters"),
    )
    requested_by = models.CharField(_("ordered by"), max_length=80)
    customer = models.ForeignKey(
        Customer,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,  # a customer's SMS are found by their messages
        null=True,
        related_name="tracking_records",
        verbose_name=_("receiver"),
    )
    business_type = models.ForeignKey(
        BusinessType,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        verbose_name=_("business type"),
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("tracking record")
        verbose_name_plural = _("tracking records")
        constraints = [
            # not `unique=True`: its second index, for LIKE, would cost each insert
            models.UniqueConstraint(fields=["code"], name="tracking_code_once")
        ]

    def __str__(self) -> str:
        return str(self.message_id)


class Click(models.Model):
    """One request for a short link: the user-behaviour log with its SMS id (E6, E7)."""

    # The stream's own id: a batch written twice after a crash is one.
    event_id = models.CharField(max_length=40, unique=True)
    message = models.ForeignKey(
        Message,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="clicks",
        verbose_name=_("SMS id"),
    )
    code = models.CharField(_("link code"), max_length=10)
    parameters = models.ForeignKey(
        ParameterSet,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        verbose_name=_("tracking parameters"),
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        db_index=False,
        verbose_name=_("customer"),
    )
    at = models.DateTimeField(_("time"))
    agent = models.CharField(_("browser"), max_length=120, blank=True, default="")
    network = models.CharField(
        _("network"), max_length=45, blank=True, default=""
    )  # truncated address

    class Meta:
        verbose_name = _("click")
        verbose_name_plural = _("clicks")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.code} {localtime(self.at):%Y-%m-%d %H:%M}"
