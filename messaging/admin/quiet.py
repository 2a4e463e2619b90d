"""Quiet hours and the days that are none like the others."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import TimeField
from django.http import HttpRequest

from backoffice.kit.admin import HouseAdmin
from backoffice.platform.models import AuditEntry
from messaging import calendars
from messaging.models import QuietHours, SpecialDay


class CalendarAdmin(HouseAdmin):
    """Every change takes effect at once here, within seconds elsewhere, and is on record."""

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        self._changed(request, obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._changed(request, obj, deleted=True)
        super().delete_model(request, obj)
        calendars.forget()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def _changed(self, request: HttpRequest, row: Any, **detail: Any) -> None:
        calendars.forget()
        AuditEntry.write(
            request.user, "quiet_hours.change", row, now=str(row), **detail
        )


@admin.register(QuietHours)
class QuietHoursAdmin(CalendarAdmin):
    list_display = ("channel", "days", "start", "end")
    list_filter = ("channel",)
    formfield_overrides = {
        **HouseAdmin.formfield_overrides,
        TimeField: {"widget": forms.TimeInput(attrs={"type": "time"}, format="%H:%M")},
    }


@admin.register(SpecialDay)
class SpecialDayAdmin(CalendarAdmin):
    list_display = ("day", "name", "is_working")
    list_filter = ("is_working",)
    search_fields = ("name",)
    date_hierarchy = "day"
