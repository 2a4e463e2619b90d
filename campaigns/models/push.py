from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.models import Customer

from .event import MarketingEvent


class Push(models.Model):
    """One run of an event, frozen at its start: who is in and why is answered from here."""

    class Status(models.TextChoices):
        STARTING = "starting", _("finding the target group")
        SENDING = "sending", _("sending")
        DONE = "done", _("done")
        CANCELLED = "cancelled", pgettext_lazy("of a push", "cancelled")

    RUNNING = (Status.STARTING, Status.SENDING)

    event = models.ForeignKey(
        MarketingEvent,
        on_delete=models.PROTECT,
        related_name="pushes",
        verbose_name=_("event"),
    )
    status = models.CharField(
        _("status"), max_length=9, choices=Status.choices, default=Status.STARTING
    )
    # Everything the run depends on, as it was: type, parameters, standard, labels, text.
    frozen = models.JSONField(_("frozen event"))
    as_of = models.DateTimeField(_("as of"))
    started_at = models.DateTimeField(_("started"))
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("by"),
    )
    finished_at = models.DateTimeField(_("finished"), null=True)
    initial_count = models.PositiveIntegerField(_("initial group"), default=0)
    target_count = models.PositiveIntegerField(_("target group"), default=0)
    # By reason: how many were left out (X2).
    excluded = models.JSONField(_("left out"), default=dict)

    class Meta:
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        ordering = ["-id"]
        permissions = [("steer_push", "Can pause, resume and cancel pushes")]
        constraints = [
            # a double click starts one run
            models.UniqueConstraint(
                fields=["event"],
                condition=~Q(status__in=["done", "cancelled"]),
                name="one_running_push",
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} #{self.pk}"

    @property
    def origin(self) -> str:
        return f"push:{self.pk}"


class Recipient(models.Model):
    """A member of the initial group in a push: targeted, held out or left out, and why."""

    class Outcome(models.TextChoices):
        TARGETED = "targeted", _("targeted")
        HOLDOUT = "holdout", _("holdout")
        EXCLUDED = "excluded", _("left out")

    class Reason(models.TextChoices):
        STANDARD = "standard", _("does not meet the push standard")
        LABEL = "label", _("not in a group it is offered to")
        NO_APPLY = "no_apply", _("in a no-apply interval")
        STOPPED = "stopped", _("participation was stopped")
        CONSENT = "consent", _("no marketing consent")
        SUPPRESSED = "suppressed", _("number is suppressed")
        SAME_PHONE = "same_phone", _("another customer has the same number")
        CAP = "cap", _("frequency cap reached")

    # db_constraint=False: made by one INSERT ... SELECT from the customers themselves,
    # under a push that its transaction made.
    push = models.ForeignKey(
        Push,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="recipients",
        verbose_name=_("push"),
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,  # asked for with its push: the unique key finds it
        related_name="recipients",
        verbose_name=_("customer"),
    )
    phone_index = models.BinaryField(max_length=16)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome.choices)
    reason = models.CharField(
        _("reason"), max_length=10, choices=Reason.choices, blank=True, default=""
    )
    # Cut into chunks at the start; null for who is not targeted.
    part = models.PositiveIntegerField(
        null=True,
        verbose_name=_("part of a push"),
    )

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        constraints = [
            models.UniqueConstraint(fields=["push", "customer"], name="recipient_once"),
            models.UniqueConstraint(
                fields=["push", "phone_index"],
                condition=Q(outcome="targeted"),
                name="one_sms_per_phone",
            ),
        ]
        indexes = [
            models.Index(
                fields=["push", "part"],
                condition=Q(part__isnull=False),
                name="recipient_part",
            )
        ]

    def __str__(self) -> str:
        return f"{self.push_id}/{self.customer_id}"


class PushPart(models.Model):
    """A slice of a push's target group; `chunk` is set once its messages are made."""

    push = models.ForeignKey(Push, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    chunk = models.OneToOneField(
        "messaging.Chunk", on_delete=models.DO_NOTHING, db_constraint=False, null=True
    )

    class Meta:
        verbose_name = _("part of a push")
        verbose_name_plural = _("parts of a push")
        constraints = [
            models.UniqueConstraint(fields=["push", "number"], name="push_part_once")
        ]

    def __str__(self) -> str:
        return f"{self.push_id}/{self.number}"
