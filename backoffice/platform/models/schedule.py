from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def enabled(self) -> ScheduleQuerySet:
        return self.filter(is_enabled=True)


class Schedule(models.Model):
    """When a kind of periodic work runs. The kinds are listed in `backoffice/cron.py`.

    The expression is a cron expression (five fields, local time of `time_zone`), or
    `every N seconds`.
    """

    class Missed(models.TextChoices):
        RUN_ONCE = "run_once", _("Run once, as soon as possible")
        SKIP = "skip", _("Skip to the next time")

    kind = models.CharField(_("kind of work"), max_length=60, unique=True)
    expression = models.CharField(_("expression"), max_length=60)
    time_zone = models.CharField(_("time zone"), max_length=40, default="Asia/Shanghai")
    missed = models.CharField(
        _("when a run was missed"),
        max_length=10,
        choices=Missed.choices,
        default=Missed.RUN_ONCE,
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    next_run_at = models.DateTimeField(_("next run"), null=True, blank=True)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        ordering = ["kind"]

    def __str__(self) -> str:
        return f"{self.work}: {self.expression}"

    @property
    def work(self) -> str:
        """What it does, as staff call it; the top floor knows the words."""
        return str(import_string(settings.PERIODIC_WORK).get(self.kind, self.kind))


class ScheduleRun(models.Model):
    """One run of a schedule. The unique key is what makes it exactly one.

    Made by a scheduler, then taken by one worker: a lost wake-up is sent again until
    somebody took it.
    """

    schedule = models.ForeignKey(
        Schedule,
        on_delete=models.CASCADE,
        related_name="runs",
        verbose_name=_("schedule"),
    )
    # The local wall-clock time it was due at: a repeated hour of a clock change is one.
    due_local = models.CharField(_("due (local time)"), max_length=19)
    created_at = models.DateTimeField(_("planned"))
    taken_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # What the work counted, or "problem": the name of the error that ended it.
    result = models.JSONField(_("result"), default=dict)

    class Meta:
        verbose_name = _("schedule run")
        verbose_name_plural = _("schedule runs")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "due_local"], name="one_run_per_due_time"
            )
        ]
        indexes = [
            # wake-ups to send again
            models.Index(
                fields=["schedule", "created_at"],
                condition=models.Q(taken_at__isnull=True),
                name="run_waiting",
            ),
            models.Index(fields=["created_at"], name="run_age"),  # pruning
        ]

    def __str__(self) -> str:
        return f"{self.schedule.work} {self.due_local}"

    def take(self, now: datetime) -> bool:
        """Begin the run; true only for the one worker that got it."""
        free = ScheduleRun.objects.filter(pk=self.pk, taken_at__isnull=True)
        return free.update(taken_at=now) == 1
