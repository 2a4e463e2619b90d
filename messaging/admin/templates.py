from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin
from messaging.models import ProviderTemplate, Template, TemplateVersion

from .editor import EditorViews


class VersionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = TemplateVersion
    fields = (
        "version",
        "text",
        "footer",
        "field_names",
        "published",
        "approvals",
        "created_by",
    )
    readonly_fields = fields
    extra = 0
    can_delete = False
    verbose_name_plural = gettext_lazy("Versions, newest first")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("fields"))
    def field_names(self, row: TemplateVersion) -> str:
        return ", ".join(row.fields)

    @admin.display(description=gettext_lazy("published"))
    def published(self, row: TemplateVersion) -> str:
        """When; of a draft, the button that does it (the form stands after the page's)."""
        if row.published_at:
            return date_format(localtime(row.published_at), "SHORT_DATETIME_FORMAT")
        if row.is_overtaken:
            return _("draft")
        url = reverse("admin:messaging_template_publish", args=[row.pk])
        button = '<button type="submit" class="button" formaction="{}">{}</button>'
        return format_html("{} " + button, _("draft"), url, _("Publish"))

    @admin.display(description=gettext_lazy("approvals"))
    def approvals(self, row: TemplateVersion) -> str:
        rows = ProviderTemplate.objects.filter(version=row).select_related("account")
        links = [
            (
                reverse("admin:messaging_providertemplate_change", args=[one.pk]),
                one.account,
                one.get_state_display(),
            )
            for one in rows
        ]
        new = reverse("admin:messaging_providertemplate_add") + f"?version={row.pk}"
        return format_html(
            '{} <a href="{}" class="addlink">{}</a>',
            format_html_join("", '<a href="{}">{}</a>: {}<br>', links),
            new,
            _("Hand in"),
        )


@admin.register(Template)
class TemplateAdmin(EditorViews, HouseAdmin):
    list_display = ("name", "message_type", "language", "is_default", "current_text")
    list_filter = ("message_type", "language", "is_default")
    list_select_related = ("message_type",)
    search_fields = ("name", "versions__text")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", "message_type", "language", "is_default", "new_version")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # A version was written for a type and a language: both stay.
        return ("message_type", "language", "new_version")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return (VersionInline,) if obj else ()

    @admin.display(description=gettext_lazy("text"))
    def current_text(self, row: Template) -> str:
        current = row.current
        return f"v{current.version}: {current.text}" if current else ""

    @admin.display(description=gettext_lazy("new version"))
    def new_version(self, row: Template) -> str:
        url = reverse("admin:messaging_template_new_version", args=[row.pk])
        return format_html('<a href="{}">{}</a>', url, _("Write a new version"))
