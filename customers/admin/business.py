from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin
from backoffice.kit.words import listed
from customers.models import BusinessType, BusinessTypeAlias


class AliasInline(admin.TabularInline):  # type: ignore[type-arg]
    model = BusinessTypeAlias
    extra = 1


@admin.register(BusinessType)
class BusinessTypeAdmin(HouseAdmin):
    list_display = ("code", "name", "name_zh", "offers_application", "offered_to")
    list_filter = ("offers_application", "labels")
    search_fields = ("code", "name", "name_zh", "aliases__word")
    filter_horizontal = ("labels",)
    inlines = (AliasInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("labels")

    @admin.display(description=gettext_lazy("may be offered to"))
    def offered_to(self, business_type: BusinessType) -> str:
        return listed(business_type.labels.all()) or _("anyone")
