from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from customers.models import BusinessType, Label
from messaging.models import MessageType, Template


class EventType(models.Model):
    """A kind of marketing event: which parameters it takes, which business types it is for (C4, C5)."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=80, blank=True)
    business_types = models.ManyToManyField(
        BusinessType, verbose_name=_("business types")
    )
    message_type = models.ForeignKey(
        MessageType, on_delete=models.PROTECT, verbose_name=_("message type")
    )

    class Meta:
        verbose_name = _("event type")
        verbose_name_plural = _("event types")
        ordering = ["code"]

    def __str__(self) -> str:
        return (get_language() or "").startswith("zh") and self.name_zh or self.name


class EventParameter(models.Model):
    """A parameter that an event type declares; staff fill the form made of these rows.

    Its value can be a placeholder of the template by the same name.
    """

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        DATE = "date", _("Date")
        CHOICE = "choice", _("Choice")
        BOOLEAN = "boolean", _("Yes or no")

    event_type = models.ForeignKey(
        EventType,
        on_delete=models.CASCADE,
        related_name="parameters",
        verbose_name=_("event type"),
    )
    name = models.SlugField(_("name"), max_length=40)
    label = models.CharField(pgettext_lazy("of a field", "label"), max_length=80)
    label_zh = models.CharField(_("Chinese label"), max_length=80, blank=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    is_required = models.BooleanField(_("required"), default=True)
    choices = models.JSONField(_("choices"), default=list, blank=True)
    position = models.PositiveIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("event parameter")
        verbose_name_plural = _("event parameters")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["event_type", "name"], name="event_parameter_once"
            )
        ]

    def __str__(self) -> str:
        return (get_language() or "").startswith("zh") and self.label_zh or self.label


class PushStandard(models.Model):
    """Which members of an initial group an event is for, by their business records (C6).

    `criteria` is a tree like a rule's condition, its leaves measures over a window; see
    `campaigns/standards.py`.
    """

    name = models.CharField(_("name"), max_length=80, unique=True)
    criteria = models.JSONField(_("criteria"))

    class Meta:
        verbose_name = _("push standard")
        verbose_name_plural = _("push standards")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MarketingEvent(models.Model):
    """A marketing event as staff configured it (C4). Running it is a `Push`."""

    event_type = models.ForeignKey(
        EventType, on_delete=models.PROTECT, verbose_name=_("event type")
    )
    name = models.CharField(_("name"), max_length=80)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    template = models.ForeignKey(
        Template, on_delete=models.PROTECT, verbose_name=_("template")
    )
    standard = models.ForeignKey(
        PushStandard,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("push standard"),
        help_text=_("Empty: the whole initial group."),
    )
    as_of = models.DateTimeField(
        _("as of"),
        null=True,
        blank=True,
        help_text=_("Windows end here. Empty: the time of the start."),
    )
    labels = models.ManyToManyField(
        Label,
        blank=True,
        verbose_name=_("only customers labelled"),
        help_text=_("Empty: as the business types say."),
    )
    activity = models.ForeignKey(
        "campaigns.Activity",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="events",
        verbose_name=_("activity"),
        help_text=_("Its link goes into the SMS, to customers with its labels only."),
    )
    link_target = models.URLField(_("link leads to"), max_length=500, blank=True)
    tracking = models.JSONField(_("tracking parameters"), default=list, blank=True)
    holdout_percent = models.PositiveSmallIntegerField(_("holdout (%)"), default=0)
    per_minute = models.PositiveIntegerField(
        _("at most a minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("SMS of a run, for all workers together. Empty: no limit."),
    )
    requested_by = models.CharField(
        _("ordered by"),
        max_length=80,
        help_text=_("The business party that pays for it."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("by"),
    )

    class Meta:
        verbose_name = _("marketing event")
        verbose_name_plural = _("marketing events")
        ordering = ["-id"]
        permissions = [("start_event", _("Can start marketing events"))]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(holdout_percent__lte=90), name="holdout_at_most_90"
            )
        ]

    def __str__(self) -> str:
        return self.name
