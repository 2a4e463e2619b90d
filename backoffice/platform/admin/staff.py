"""Who works here and what they may: Django's pages, with permissions in the reader's words."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

VERBS = {
    "add": gettext_lazy("can add"),
    "change": gettext_lazy("can change"),
    "delete": gettext_lazy("can delete"),
    "view": gettext_lazy("can view"),
}

# Django's own tables: nobody is given rights to them.
MACHINERY = ("admin", "contenttypes", "django_rq", "sessions")


class PermissionField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Django stores the names of its permissions in English; what they mean is known."""

    def label_from_instance(self, obj: Any) -> str:
        verb, _line, model = obj.codename.partition("_")
        is_stock = verb in VERBS and model == obj.content_type.model
        return f"{obj.content_type} | {VERBS[verb] if is_stock else _(obj.name)}"


class PermissionsInWords:
    def formfield_for_manytomany(
        self, db_field: Any, request: Any, **kwargs: Any
    ) -> Any:
        if db_field.remote_field.model is Permission:
            kwargs["form_class"] = PermissionField
            kwargs["queryset"] = Permission.objects.select_related(
                "content_type"
            ).exclude(content_type__app_label__in=MACHINERY)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class StaffAdmin(PermissionsInWords, UserAdmin):  # type: ignore[type-arg]
    pass


@admin.register(Group)
class StaffGroupAdmin(PermissionsInWords, GroupAdmin):  # type: ignore[misc]
    pass
