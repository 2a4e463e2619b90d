"""Everything that goes wrong under `/api/`, as problem details (RFC 9457)."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connections
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions

from backoffice.kit.problems import (
    BadQuery,
    is_api,
    parameter_errors,
    pointed,
    problem_response,
    request_id,
)

logger = logging.getLogger(__name__)


def problem(error: Exception, context: dict[str, Any]) -> HttpResponseBase | None:
    """DRF's exception handler: whatever we or DRF raise, as problem details."""
    error = _known(error)
    if not isinstance(error, exceptions.APIException):
        return None  # a fault of ours: Django logs it and `broken` answers
    _roll_back()
    answer = problem_response(
        context["request"], error.status_code, **_explained(error)
    )
    if header := getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        answer["Retry-After"] = str(int(wait))
    return answer


def _roll_back() -> None:
    """As DRF does; its own function cannot be imported from what its settings name."""
    for connection in connections.all(initialized_only=True):
        if connection.settings_dict["ATOMIC_REQUESTS"] and connection.in_atomic_block:
            connection.set_rollback(True)


def _known(error: Exception) -> Exception:
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    return error


def _explained(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, BadQuery):
        text = _("The query is wrong: see the errors.")
        found = parameter_errors(error)
        return {"code": "invalid-query", "detail": text, "errors": found}
    if isinstance(error, exceptions.ValidationError):
        text = _("The body is wrong: see the errors.")
        found = pointed(error.detail)
        return {"code": "invalid-body", "detail": text, "errors": found}
    code = str(getattr(error.detail, "code", error.default_code))
    return {"code": code.replace("_", "-"), "detail": error.detail}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not is_api(request):
        return defaults.bad_request(request, exception)
    text = _("The request could not be read.")
    return problem_response(request, 400, code="bad-request", detail=text)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not is_api(request):
        return defaults.page_not_found(request, exception)
    text = _("There is nothing at this address.")
    return problem_response(request, 404, code="not-found", detail=text)


def broken(request: HttpRequest) -> HttpResponseBase:
    if not is_api(request):
        return defaults.server_error(request)
    logger.error("request %s failed", request_id(request))
    text = _(
        "Something went wrong on our side. Send the request again; tell us its id."
    )
    return problem_response(request, 500, code="server-error", detail=text)
