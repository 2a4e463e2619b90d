"""By what the failed numbers can be listed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging.models import FailedNumber, Message, ProviderAccount, Template

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
    title = gettext_lazy("possible new owner")
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


class SeenFilter(admin.SimpleListFilter):
    """Offers what the newest rows have, for a list of everything there is helps nobody."""

    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        newest = FailedNumber.objects.order_by("-pk")
        seen = newest.values_list(self.column, flat=True)[:LOOKED_AT]
        offered = [*dict.fromkeys(map(str, filter(None, seen)))][:OFFERED]
        chosen = request.GET.get(str(self.parameter_name))
        return self.named([*dict.fromkeys([*offered, *([chosen] if chosen else [])])])

    def named(self, values: list[str]) -> list[Any]:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(**{self.column: chosen}) if chosen else queryset


class OriginFilter(SeenFilter):
    title = gettext_lazy("ordered by")
    parameter_name = column = "origin"

    def named(self, values: list[str]) -> list[Any]:
        return [(one, origin_words(one)) for one in values]


class FailureFilter(SeenFilter):
    title = gettext_lazy("reason")
    parameter_name = column = "failure"

    def named(self, values: list[str]) -> list[Any]:
        words = dict(Message.Failure.choices)
        return [(one, words.get(one, one)) for one in values]


class RowFilter(SeenFilter):
    """By a row of another table, with its name."""

    model: Any = None

    def named(self, values: list[str]) -> list[Any]:
        ids = [one for one in values if one.isdecimal()]
        rows = self.model.objects.filter(pk__in=ids)
        return sorted(((str(row.pk), str(row)) for row in rows), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        sane = (self.value() or "").isdecimal()
        return super().queryset(request, queryset) if sane else queryset


class AccountFilter(RowFilter):
    title = gettext_lazy("provider account")
    parameter_name = column = "account"
    model = ProviderAccount


class TemplateFilter(RowFilter):
    title = gettext_lazy("template")
    parameter_name = column = "template"
    model = Template
