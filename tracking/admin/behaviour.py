"""Behaviour records, the user-group table and the days: facts to look at (C2, C3, X1)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import ReadOnlyAdmin, words_of
from tracking.groups import user_groups
from tracking.models import BehaviourRecord, DayRollup, UserGroup


@admin.register(BehaviourRecord)
class BehaviourRecordAdmin(ReadOnlyAdmin):
    list_display = (
        "external_id",
        "customer",
        "business_type",
        "at",
        "amount",
        "product",
    )
    list_filter = (
        "business_type",
        "source",
        "at",
        ("customer", admin.EmptyFieldListFilter),
    )
    # By the customer's index: records have none of their own by number.
    search_fields = ("=customer__external_id",)
    search_help_text = gettext_lazy("By customer number, written in full.")
    list_select_related = ("customer", "business_type", "source")
    ordering = ("-id",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        named = [f.name for f in self.opts.fields if f.name not in ("id", "attributes")]
        return (*named, "attribute_words")

    @admin.display(description=gettext_lazy("attributes"))
    def attribute_words(self, record: BehaviourRecord) -> str:
        return words_of(record.attributes) or "–"


@admin.register(UserGroup)
class UserGroupAdmin(ReadOnlyAdmin):
    """First the table of groups; from there, a group's members."""

    list_display = ("customer", "business_type", "count", "first_at", "last_at")
    list_filter = ("business_type",)
    search_fields = ("=customer__external_id",)
    list_select_related = ("customer", "business_type")
    ordering = ("-id",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.GET or request.method == "POST":
            return super().changelist_view(request, extra_context)
        if not self.has_view_or_change_permission(request):
            return super().changelist_view(request, extra_context)  # it refuses
        context = {
            **self.admin_site.each_context(request),
            "title": _("User groups"),
            "opts": self.opts,
            "lines": user_groups(),
        }
        return TemplateResponse(request, "admin/tracking/usergroup/table.html", context)


@admin.register(DayRollup)
class DayRollupAdmin(ReadOnlyAdmin):
    list_display = (
        "day",
        "customer",
        "business_type",
        "kind",
        "count",
        "total",
        "last_at",
    )
    list_filter = ("kind", "business_type", "day")
    search_fields = ("=customer__external_id",)
    list_select_related = ("customer", "business_type")
    ordering = ("-id",)
