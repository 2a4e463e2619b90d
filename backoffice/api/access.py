"""Who calls, by key, and what the key may do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from backoffice.platform.models import ApiClient

_KEY = re.compile(r"bo_live_[0-9a-f]{8}_[\w-]{20,80}", re.ASCII).fullmatch


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer bo_live_...`; the key's `ApiClient` is `request.user`."""

    def authenticate(self, request: Request) -> tuple[ApiClient, None] | None:
        words = get_authorization_header(request).decode("latin-1").split()
        if not words:
            return None
        given = words[1] if len(words) == 2 and words[0].lower() == "bearer" else ""
        client = ApiClient.by_key(given) if _KEY(given) else None
        if client is None:
            raise exceptions.AuthenticationFailed(
                _("The key is wrong or switched off.")
            )
        return client, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "backoffice.api.ApiKeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "bo_live_..."}


class HasScope(BasePermission):
    """The key holds the view's `scope`; a view without one is closed to everybody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        client: Any = request.user
        if client is None:
            return False
        scope = view.scope
        if isinstance(scope, Mapping):
            method = "GET" if request.method == "HEAD" else request.method
            if method not in scope:
                raise exceptions.MethodNotAllowed(str(request.method))
            scope = scope[method]
        self.message = _("The key lacks the scope %s.") % scope
        return bool(client.may(scope))


class AnyKey(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user)
