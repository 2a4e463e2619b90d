from __future__ import annotations

from django.contrib import admin

from backoffice.kit.admin import HouseAdmin
from messaging.models import ForbiddenWord


@admin.register(ForbiddenWord)
class ForbiddenWordAdmin(HouseAdmin):
    list_display = ("word", "effect", "why")
    list_filter = ("effect",)
    search_fields = ("word", "why")
