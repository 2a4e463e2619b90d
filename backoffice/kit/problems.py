"""Errors of the partner API as problem details (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.settings import api_settings

from .ids import uuid7

CONTENT_TYPE = "application/problem+json"
HEADER = "X-Request-ID"
# What a caller may choose as its request id: it goes into a header and a log line.
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}").fullmatch


class BadQuery(ValidationError):
    """A parameter of the address is unknown or wrong: `{name: [what]}`."""


class TooLarge(APIException):
    """More was sent in one request than is taken."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = _("The request is too large: send it in several.")
    default_code = "too_large"


def request_id(request: Any) -> str:
    """The caller's `X-Request-ID` where it is usable, or one of ours; kept for the request."""
    plain = getattr(request, "_request", request)
    if not hasattr(plain, "request_id"):
        given = plain.headers.get(HEADER, "")
        plain.request_id = given if _GIVEN(given) else uuid7().hex
    return str(plain.request_id)


def problem_response(
    request: Any,
    http_status: int,
    *,
    code: str,
    detail: object,
    errors: Iterable[dict[str, str]] = (),
) -> JsonResponse:
    """The answer to a request that failed; `code` is for programs, `detail` for people."""
    known = request_id(request)
    body: dict[str, Any] = {
        "type": f"urn:problem:{code}",
        "title": HTTPStatus(http_status).phrase,
        "status": http_status,
        "detail": str(detail),
        "instance": request.path,
        "request_id": known,
    }
    if listed := list(errors):
        body["errors"] = listed
    answer = JsonResponse(body, status=http_status, content_type=CONTENT_TYPE)
    answer[HEADER] = known
    return answer


def pointed(detail: Any, at: str = "") -> Iterator[dict[str, str]]:
    """Validation errors, flat: each with the JSON pointer (RFC 6901) to what is wrong.

    `{"phone": ["too short"]}` at `/items/3` -> pointer `/items/3/phone`.
    """
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            whole = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from pointed(inner, at if whole else f"{at}/{_escaped(name)}")
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from pointed(inner, f"{at}/{index}" if nested else at)
    else:
        yield error(at, getattr(detail, "code", "invalid"), detail)


def error(pointer: str, code: str, detail: object) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "detail": str(detail)}


def parameter_errors(wrong: BadQuery) -> Iterator[dict[str, str]]:
    """Errors of the address: they name the parameter instead of a pointer."""
    for one in pointed(wrong.detail):
        yield {"parameter": one.pop("pointer").strip("/"), **one}


def _escaped(name: object) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
