from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from backoffice.kit.admin import HouseAdmin, ReadOnlyAdmin, words_of
from backoffice.platform import imports
from backoffice.platform.models import ImportMapping, UploadedFile


class TargetFilter(admin.SimpleListFilter):
    title = gettext_lazy("imports")
    parameter_name = "target"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return imports.target_choices()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(target=self.value()) if self.value() else queryset


@admin.register(UploadedFile)
class UploadedFileAdmin(ReadOnlyAdmin):
    list_display = ("name", "size", "uploaded_at", "uploaded_by")
    list_select_related = ("uploaded_by",)
    search_fields = ("name", "=sha256")
    fields = ("name", "size", "sha256", "uploaded_at", "uploaded_by")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("content")


@admin.register(ImportMapping)
class ImportMappingAdmin(HouseAdmin):
    """Made while importing; here staff rename and delete them."""

    list_display = ("name", "what", "columns_in_words")
    list_filter = (TargetFilter,)
    fields = ("name", "what", "columns_in_words", "options_in_words")
    readonly_fields = ("what", "columns_in_words", "options_in_words")

    @admin.display(description=gettext_lazy("imports"))
    def what(self, mapping: ImportMapping) -> Any:
        return imports.target_of(mapping.target).label

    @admin.display(description=gettext_lazy("columns"))
    def columns_in_words(self, mapping: ImportMapping) -> str:
        """Our field, and the column it is read from."""
        fields = imports.target_of(mapping.target).fields
        labels = {field.name: str(field.label) for field in fields}
        given = mapping.columns.items()
        return words_of({labels.get(name, name): column for name, column in given})

    @admin.display(description=gettext_lazy("options"))
    def options_in_words(self, mapping: ImportMapping) -> str:
        return words_of(mapping.options) or "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
