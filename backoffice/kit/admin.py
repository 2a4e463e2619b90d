"""Admin pieces that several apps share: read-only facts, cheap pages, safe search."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import JSONField, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from backoffice.kit.words import listed

PHONE_LIKE = re.compile(r"^\+?[\d\s().-]{7,}$")


class SafeSearchMixin:
    """A changelist's search goes into the URL: it refuses what looks like a phone number."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if PHONE_LIKE.match(search_term.strip()):
            messages.error(
                request,
                _(
                    "Phone numbers never go into an address. Use the search box at the top of the page."
                ),
            )
            return queryset.none(), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(  # type: ignore[misc]
            request, queryset, search_term
        )
        return found


class HousePaginator(Paginator):  # type: ignore[type-arg]
    """Counts at most so many rows: a full count of a big table is a full read of it."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return (
            len(rows[: self.MOST].values_list("pk"))
            if isinstance(rows, QuerySet)
            else len(rows)
        )


class ReadableJSONField(forms.JSONField):
    """JSON as a person can edit it: indented, Chinese as Chinese, nothing for null."""

    def prepare_value(self, value: Any) -> Any:
        if value is None:
            return ""
        if isinstance(value, (dict, list)):
            return json.dumps(value, indent=2, ensure_ascii=False)
        return super().prepare_value(value)


class LanguageFilter(admin.SimpleListFilter):
    """By language, by its name; no distinct values are looked for in a big table."""

    title = gettext_lazy("language")
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        return list(settings.LANGUAGES)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(language=self.value()) if self.value() else queryset


class HouseAdmin(SafeSearchMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Defaults of every admin of ours."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    list_max_show_all = 200
    list_per_page = 50
    formfield_overrides = {JSONField: {"form_class": ReadableJSONField}}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Headed by what it lists: who may only look has nothing to "select"."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})


class ReadOnlyAdmin(HouseAdmin):
    """Facts: staff look, nobody edits."""

    paginator = HousePaginator

    def has_add_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False


def confirm(  # noqa: PLR0913  a page is made of this many things
    model_admin: admin.ModelAdmin[Any],
    request: HttpRequest,
    *,
    title: str,
    facts: list[tuple[str, object]],
    button: str,
    sample: str = "",
    form: Any = None,
    fields: dict[str, str] | None = None,
    warning: str = "",
) -> HttpResponse:
    """The page between a click and its effect: what will happen, with counts.

    It posts back to the same address with `confirmed=yes` and the hidden `fields`.
    """
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.model._meta,
        "facts": facts,
        "button": button,
        "sample": sample,
        "form": form,
        "hidden": fields or {},
        "warning": warning,
        "media": model_admin.media,
        "list_url": list_url(model_admin),
        "back": _back(request) or list_url(model_admin),
    }
    return TemplateResponse(request, "admin/confirm.html", context)


def list_url(model_admin: admin.ModelAdmin[Any]) -> str:
    opts = model_admin.model._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")


def _back(request: HttpRequest) -> str:
    """The page of ours from which somebody came to be asked; empty where unknown."""
    came = request.POST.get("back") or request.META.get("HTTP_REFERER", "")
    ours = url_has_allowed_host_and_scheme(came, allowed_hosts={request.get_host()})
    return came if ours else ""


def language_name(code: str) -> str:
    return str(dict(settings.LANGUAGES).get(code, code))


def words_of(value: Any) -> str:
    """Stored JSON as staff read it: `{"a": 1, "b": [2, 3]}` -> `a: 1, b: 2, 3`."""
    if isinstance(value, dict):
        named = ((_(name) if name else "", one) for name, one in value.items())
        pair = pgettext("a name and its value", "%s: %s")
        between = pgettext("between named values", ", ")
        return between.join(pair % (name, words_of(one)) for name, one in named)
    if isinstance(value, list):
        return listed(map(words_of, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "" if value is None else str(value)


def confirmed(request: HttpRequest) -> bool:
    return request.method == "POST" and request.POST.get("confirmed") == "yes"
