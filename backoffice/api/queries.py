"""Lists: strict parameters and cursor pages."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any
from urllib.parse import urlsplit

from django.core import signing
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from django_filters.utils import translate_validation
from rest_framework.exceptions import ErrorDetail
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from backoffice.kit.problems import BadQuery

PAGE_PARAMETERS = frozenset({"cursor", "limit"})


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    """A parameter that no filter knows is refused: it would otherwise filter nothing."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        known = PAGE_PARAMETERS | set(filterset.filters if filterset else ())
        _check_names(request, known)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise BadQuery(translate_validation(filterset.errors).detail)
        found: QuerySet[Any] = filterset.qs
        return found


def _check_names(request: Request, known: Set[str]) -> None:
    wrong = {}
    for name, values in request.query_params.lists():
        if name not in known:
            text = _("There is no such parameter. Known are: %s.")
            told = text % ", ".join(sorted(known))
            wrong[name] = [ErrorDetail(told, code="unknown")]
        elif len(values) > 1:
            wrong[name] = [ErrorDetail(_("Give it once."), code="repeated")]
    if wrong:
        raise BadQuery(wrong)


class CursorPages(CursorPagination):
    """Newest first, by id: `?cursor=` (opaque, signed) and `?limit=` of at most 200."""

    ordering = "-id"
    page_size = 100
    max_page_size = 200
    page_size_query_param = "limit"
    template = None

    def get_page_size(self, request: Request) -> int:
        given = request.query_params.get("limit", str(self.page_size))
        if re.fullmatch(r"[0-9]{1,3}", given) and 1 <= int(given) <= self.max_page_size:
            return int(given)
        text = _("It must be a number from 1 to %d.") % self.max_page_size
        raise BadQuery({"limit": [ErrorDetail(text, code="invalid")]})

    def decode_cursor(self, request: Request) -> Cursor | None:
        given = request.query_params.get("cursor")
        if given is None:
            return None
        try:
            return Cursor(*signing.loads(given, salt=request.path))
        except signing.BadSignature:
            text = _("It is not a cursor of this list: follow `next` and `previous`.")
            wrong = {"cursor": [ErrorDetail(text, code="invalid")]}
            raise BadQuery(wrong) from None

    def encode_cursor(self, cursor: Cursor) -> str:
        # Signed: a position of somebody's own making would reach the database.
        place = urlsplit(str(self.base_url)).path
        signed = signing.dumps(list(cursor), salt=place)
        return str(replace_query_param(str(self.base_url), "cursor", signed))
