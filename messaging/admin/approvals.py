from __future__ import annotations

from django.contrib import admin

from backoffice.kit.admin import HouseAdmin
from messaging.models import ProviderTemplate


@admin.register(ProviderTemplate)
class ProviderTemplateAdmin(HouseAdmin):
    list_display = ("version", "account", "state", "code", "sign_name", "changed_at")
    list_filter = ("state", "account")
    list_select_related = ("version__template", "account")
    search_fields = ("version__template__name", "code", "sign_name")
