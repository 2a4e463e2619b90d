from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin, ReadOnlyAdmin, words_of
from backoffice.kit.expressions import BadExpression, next_due
from backoffice.platform.models import Schedule, ScheduleRun


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Schedule
        fields = ("expression", "time_zone", "missed", "is_enabled")
        help_texts = {
            "expression": gettext_lazy(
                "Minute, hour, day, month, weekday, such as 0 2 * * * for two every "
                "night; or: every 15 seconds."
            )
        }

    def clean_expression(self) -> str:
        expression = " ".join(self.cleaned_data["expression"].split())
        try:
            next_due(expression, "UTC", timezone.now())
        except BadExpression:
            raise forms.ValidationError(
                _("Write five fields such as 0 2 * * *, or: every 15 seconds.")
            ) from None
        return expression

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"]
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            text = _("There is no such time zone: write it like Asia/Shanghai.")
            raise forms.ValidationError(text) from None
        return name


@admin.register(Schedule)
class ScheduleAdmin(HouseAdmin):
    form = ScheduleForm
    list_display = ("work", "expression", "time_zone", "is_enabled", "next_run_at")
    list_filter = ("is_enabled",)
    readonly_fields = ("work", "kind", "next_run_at")
    fields = (
        "work",
        "kind",
        "expression",
        "time_zone",
        "missed",
        "is_enabled",
        "next_run_at",
    )

    @admin.display(description=gettext_lazy("what it does"), ordering="kind")
    def work(self, schedule: Schedule) -> str:
        return schedule.work

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the kinds of work are code: backoffice/cron.py

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Schedule, form: Any, change: bool
    ) -> None:
        obj.next_run_at = None  # the scheduler reckons it anew
        super().save_model(request, obj, form, change)


class WorkFilter(admin.SimpleListFilter):
    title = gettext_lazy("schedule")
    parameter_name = "schedule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(str(row.pk), row.work) for row in Schedule.objects.all()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = self.value() or ""
        return queryset.filter(schedule=wanted) if wanted.isdigit() else queryset


class EndFilter(admin.SimpleListFilter):
    title = gettext_lazy("end")
    parameter_name = "end"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            ("problem", gettext_lazy("with a problem")),
            ("open", gettext_lazy("not finished")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "problem":
            return queryset.filter(result__has_key="problem")
        if self.value() == "open":
            return queryset.filter(finished_at__isnull=True)
        return queryset


@admin.register(ScheduleRun)
class ScheduleRunAdmin(ReadOnlyAdmin):
    list_display = ("work", "due", "taken_at", "finished_at", "result_words")
    list_filter = (EndFilter, WorkFilter)
    fields = ("schedule", *list_display)
    list_select_related = ("schedule",)
    ordering = ("-id",)

    @admin.display(description=gettext_lazy("what it does"))
    def work(self, run: ScheduleRun) -> str:
        return run.schedule.work

    @admin.display(description=gettext_lazy("due (local time)"), ordering="due_local")
    def due(self, run: ScheduleRun) -> str:
        return run.due_local.replace("T", " ")

    @admin.display(description=gettext_lazy("result"))
    def result_words(self, run: ScheduleRun) -> str:
        return words_of(run.result) or "–"
