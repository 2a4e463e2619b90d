from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .credit import CreditFacts
from .customer import Customer
from .label import Label


class RuleQuerySet(models.QuerySet["Rule"]):
    def in_force(self) -> RuleQuerySet:
        return self.filter(is_enabled=True).order_by("position", "id")


class Rule(models.Model):
    """A row of the rule set: for whom it is, the condition on credit facts, what follows.

    Rules run in order. `from_label` empty means customers without a segment; with
    `came_from`, only those whose current label that rule gave (B4).
    """

    class Action(models.TextChoices):
        LABEL = "label", _("Give the label")
        NO_APPLY = "no_apply", _("Mark as not to apply")

    code = models.SlugField(_("code"), max_length=60, unique=True)
    position = models.PositiveIntegerField(_("order"))
    description = models.CharField(_("description"), max_length=200)
    description_zh = models.CharField(
        _("Chinese description"), max_length=200, blank=True
    )
    from_label = models.ForeignKey(
        Label,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("for customers in"),
        help_text=_("Empty: customers without a segment."),
    )
    came_from = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only those put there by"),
    )
    condition = models.JSONField(_("condition"), default=dict, blank=True)
    action = models.CharField(
        _("then"), max_length=8, choices=Action.choices, default=Action.LABEL
    )
    to_label = models.ForeignKey(
        Label,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("label"),
    )
    no_apply_days = models.PositiveIntegerField(
        _("no-apply days"), null=True, blank=True
    )
    opens_completion = models.BooleanField(
        _("opens a completion request"), default=False
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    objects = RuleQuerySet.as_manager()

    class Meta:
        verbose_name = _("segmentation rule")
        verbose_name_plural = _("segmentation rules")
        ordering = ["position", "id"]

    def __str__(self) -> str:
        chinese = (get_language() or "").startswith("zh") and self.description_zh
        return chinese or self.description or self.code

    @transaction.atomic
    def revise(self, *, by: Any = None) -> None:
        """Save the edited rule as its next version; the one before stays on record."""
        self.version = (self.version or 0) + (1 if self.pk else 0) or 1
        self.save()
        RuleVersion.objects.create(
            rule=self,
            version=self.version,
            by=by,
            condition=self.condition,
            definition={
                "from": self.from_label.code if self.from_label else None,
                "came_from": self.came_from.code if self.came_from else None,
                "action": self.action,
                "to": self.to_label.code if self.to_label else None,
                "no_apply_days": self.no_apply_days,
                "opens_completion": self.opens_completion,
                "is_enabled": self.is_enabled,
            },
        )


class RuleVersion(models.Model):
    """A rule as it once stood."""

    rule = models.ForeignKey(
        Rule,
        on_delete=models.CASCADE,
        related_name="versions",
        verbose_name=_("rule"),
    )
    version = models.PositiveIntegerField(_("version"))
    condition = models.JSONField(_("condition"))
    definition = models.JSONField(_("definition"))
    at = models.DateTimeField(_("time"), auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("by"),
    )

    class Meta:
        verbose_name = _("rule version")
        verbose_name_plural = _("rule versions")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "version"], name="rule_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule.code} v{self.version}"


class ScreeningRunQuerySet(models.QuerySet["ScreeningRun"]):
    # A chunk of customers whose credit sources answer slowly takes some minutes.
    LOST_AFTER = timedelta(minutes=30)

    def standing(self, now: datetime) -> ScreeningRunQuerySet:
        """Begun by nobody, or by a worker that died: not ended, and nothing moves."""
        still = Q(moved_at=None) | Q(moved_at__lt=now - self.LOST_AFTER)
        return self.filter(still, finished_at=None)


class ScreeningRun(models.Model):
    """One screening of customers by the rule set, with what came of it."""

    class Scope(models.TextChoices):
        ALL = "all", _("All customers")
        MOVED = "moved", _("Customers moved for worse credit")

    scope = models.CharField(
        _("scope"), max_length=6, choices=Scope.choices, default=Scope.ALL
    )
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("by"),
    )
    screened_count = models.PositiveIntegerField(_("screened"), default=0)
    changed_count = models.PositiveIntegerField(_("changed"), default=0)
    marked_count = models.PositiveIntegerField(_("marked"), default=0)
    # How far it is: the last customer screened, and when that was.
    cursor = models.BigIntegerField(default=0, editable=False)
    moved_at = models.DateTimeField(null=True, editable=False)
    # By rule code: how many it changed; and "problem" where the run could not finish.
    result = models.JSONField(_("result"), default=dict)

    objects = ScreeningRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("screening run")
        verbose_name_plural = _("screening runs")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} {localtime(self.started_at):%Y-%m-%d %H:%M}"

    def take(self, now: datetime) -> bool:
        """Go on with it; true only for one worker, and only where none does already."""
        mine = ScreeningRun.objects.standing(now).filter(pk=self.pk)
        return mine.update(moved_at=now) == 1


class NoApplyInterval(models.Model):
    """A time in which no campaign that offers an application targets the customer (B6)."""

    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        related_name="no_apply",
        verbose_name=_("customer"),
    )
    start_at = models.DateTimeField(_("start"))
    end_at = models.DateTimeField(_("end"))
    ended_at = models.DateTimeField(_("ended early"), null=True, blank=True)
    rule = models.ForeignKey(
        Rule, on_delete=models.PROTECT, null=True, verbose_name=_("rule")
    )
    facts = models.JSONField(_("facts"), default=dict)
    run = models.ForeignKey(
        ScreeningRun,
        on_delete=models.PROTECT,
        null=True,
        verbose_name=_("screening run"),
    )

    class Meta:
        verbose_name = _("no-apply interval")
        verbose_name_plural = _("no-apply intervals")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(end_at__gt=models.F("start_at")),
                name="no_apply_end_after_start",
            )
        ]
        indexes = [models.Index(fields=["customer", "end_at"], name="no_apply_current")]

    def __str__(self) -> str:
        first, last = localtime(self.start_at), localtime(self.end_at)
        return f"{first:%Y-%m-%d} – {last:%Y-%m-%d}"

    def covers(self, now: datetime) -> bool:
        return self.start_at <= now < self.end_at and self.ended_at is None


class CompletionRequest(models.Model):
    """Data of a customer that staff must complete; done, it ends the mark it came with (B5)."""

    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        related_name="completion_requests",
        verbose_name=_("customer"),
    )
    interval = models.ForeignKey(
        NoApplyInterval, on_delete=models.CASCADE, verbose_name=_("no-apply interval")
    )
    opened_at = models.DateTimeField(_("opened"))
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("done by"),
    )

    class Meta:
        verbose_name = _("completion request")
        verbose_name_plural = _("completion requests")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.customer} {localtime(self.opened_at):%Y-%m-%d}"

    @transaction.atomic
    def finish(self, *, by: Any, now: datetime) -> bool:
        """The data is complete: the fact falls and the mark ends. False if done before."""
        open_ones = CompletionRequest.objects.filter(pk=self.pk, done_at__isnull=True)
        if not open_ones.update(done_at=now, done_by=by):
            return False
        NoApplyInterval.objects.filter(
            pk=self.interval_id, ended_at__isnull=True
        ).update(ended_at=now)
        CreditFacts.objects.filter(pk=self.customer_id).update(
            data_incomplete=False, as_of=now
        )
        return True
