"""Actions on chosen rows with a page between the click and its effect."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from backoffice.kit.admin import HouseAdmin


class ActedOnAdmin(HouseAdmin):
    """Facts that staff act on, one by one or many at once, but do not edit."""

    def has_add_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False


def again(action: str, rows: QuerySet[Any]) -> dict[str, str]:
    """Hidden fields with which a confirmation page comes back to the same action."""
    ids = [str(pk) for pk in rows.order_by().values_list("pk", flat=True)]
    return {
        "action": action,
        # The changelist asks for one ticked row before it calls an action at all.
        ACTION_CHECKBOX_NAME: ids[0] if ids else "",
        "ids": ",".join(ids),
    }


def chosen(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows of the first page's choice, on the way there and on the way back."""
    if "ids" not in request.POST:
        return rows
    ids = [pk for pk in request.POST["ids"].split(",") if pk]
    found: QuerySet[Any] = rows.model._default_manager.filter(pk__in=ids)
    return found
