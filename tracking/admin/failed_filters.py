"""By what the failed numbers can be listed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging.models import FailedNumber

# Of so many of the newest rows the origins are offered: no distinct over a big table.
LOOKED_AT, OFFERED = 5_000, 30
ORIGINS = {
    "notices": gettext_lazy("notices"),
    "retries": gettext_lazy("sent again"),
}


def origin_words(origin: str) -> str:
    """ "push:12" -> "Run 12"; what staff call the others."""
    kind, _colon, number = origin.partition(":")
    if kind == "push" and number:
        return _("Run %s") % number
    return str(ORIGINS.get(origin, origin))


class KindFilter(admin.SimpleListFilter):
    """Would another try fail too?"""

    title = gettext_lazy("another try")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        return [
            ("passing", gettext_lazy("may reach it (passing)")),
            ("permanent", gettext_lazy("would fail too (permanent)")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[FailedNumber]
    ) -> QuerySet[FailedNumber]:
        rows: Any = queryset
        if self.value() == "passing":
            return rows.passing()  # type: ignore[no-any-return]
        if self.value() == "permanent":
            return rows.permanent()  # type: ignore[no-any-return]
        return queryset


class FlaggedFilter(admin.SimpleListFilter):
    title = gettext_lazy("new owner?")
    parameter_name = "flagged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        kinds = FailedNumber.Recycled.choices
        return [("yes", gettext_lazy("to look into")), *kinds]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[FailedNumber]
    ) -> QuerySet[FailedNumber]:
        rows: Any = queryset
        if self.value() == "yes":
            return rows.flagged()  # type: ignore[no-any-return]
        return rows.filter(recycled=self.value()) if self.value() else queryset


class OriginFilter(admin.SimpleListFilter):
    title = gettext_lazy("ordered by")
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        newest = FailedNumber.objects.order_by("-pk").values_list("origin", flat=True)
        seen = dict.fromkeys(newest[:LOOKED_AT])
        chosen = request.GET.get(self.parameter_name)
        offered = [*list(seen)[:OFFERED], *([chosen] if chosen else [])]
        return [(one, origin_words(one)) for one in dict.fromkeys(offered) if one]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(origin=self.value()) if self.value() else queryset
