"""The door for providers' callbacks: a WSGI callable in front of Django's middleware.

`/callbacks/<token>/<kind>`: authenticated, stored raw, committed, then answered in the
provider's own form. The work is a job's. A provider is told 503 only where we could not
store its request: everything else is kept, so that nothing is lost to a quick retry limit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from backoffice.kit.clock import database_now
from backoffice.kit.crypto import key_ring
from backoffice.kit.jobs import later

from .models import CallbackRequest, CallbackToken, ProviderAccount
from .transports import transport
from .transports.base import Callback

logger = logging.getLogger(__name__)

APPLY = "messaging.jobs.apply_callbacks"
BODY = "callback"
KINDS = frozenset(CallbackRequest.Kind.values)
# A call's callback carries its recording.
LARGEST = {"receipts": 256 * 1024, "replies": 256 * 1024, "calls": 8 * 1024 * 1024}

StartResponse = Callable[..., Any]
Reply = tuple[str, str, bytes]
PLAIN = "text/plain; charset=utf-8"
FORM = "application/x-www-form-urlencoded"


def door(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI callable."""
    close_old_connections()
    try:
        status, content_type, body = _answer(environ)
    except DatabaseError as error:
        logger.error("callback not stored: %s", type(error).__name__)
        status, content_type, body = "503 Service Unavailable", PLAIN, b"try again"
    finally:
        close_old_connections()
    start_response(
        status, [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    )
    return [body]


def _answer(environ: dict[str, Any]) -> Reply:
    token, _slash, kind = (
        environ["PATH_INFO"].removeprefix("/callbacks/").partition("/")
    )
    account = CallbackToken.account_of(token) if kind in KINDS else None
    if account is None:
        return "404 Not Found", PLAIN, b"not found"
    if environ["REQUEST_METHOD"] not in ("POST", "GET"):
        return "405 Method Not Allowed", PLAIN, b"POST or GET"
    body = _body(environ, LARGEST[kind])
    if body is None:
        return "413 Content Too Large", PLAIN, b"too large"
    provider = transport(account.transport)
    if not provider.verify(account, Callback(_url(environ), _headers(environ), body)):
        return "403 Forbidden", PLAIN, b"not authenticated"
    _store(account, kind, _said(environ, body), environ.get("CONTENT_TYPE", ""))
    later(APPLY, lane="receipts", once=True)
    return "200 OK", *provider.acknowledgement()


def _body(environ: dict[str, Any], most: int) -> bytes | None:
    """The body; None for one too large. Without a length it comes in chunks, to its end.

    A GET (Kannel's) says everything in its query: that is its body.
    """
    if environ["REQUEST_METHOD"] == "GET":
        return str(environ.get("QUERY_STRING", "")).encode("latin-1")
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    said = environ.get("CONTENT_LENGTH") or "0"
    length = most + 1 if chunked else int(said) if said.isdecimal() else -1
    if length < 0 or (length > most and not chunked):
        return None
    body: bytes = environ["wsgi.input"].read(length)
    return body if len(body) <= most else None


def _said(environ: dict[str, Any], body: bytes) -> bytes:
    """A form and the query of its address (our SMS id, say) are one form."""
    query = str(environ.get("QUERY_STRING", "")).encode("latin-1")
    is_form = environ.get("CONTENT_TYPE", "").startswith(FORM)
    return body + b"&" + query if is_form and query and query != body else body


def _url(environ: dict[str, Any]) -> str:
    """As the provider wrote it: what a signature over the address covers."""
    query = str(environ.get("QUERY_STRING", ""))
    path = quote(environ["PATH_INFO"], safe="/;=,")
    return f"{settings.PUBLIC_BASE_URL}{path}" + (f"?{query}" if query else "")


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    """Request headers by lower-case name."""
    names = (
        (key[5:].replace("_", "-").lower(), key)
        for key in environ
        if key.startswith("HTTP_")
    )
    return {name: environ[key] for name, key in names}


def _store(account: ProviderAccount, kind: str, body: bytes, content_type: str) -> None:
    CallbackRequest.objects.create(
        account=account,
        kind=kind,
        body=key_ring().encrypt_bytes(body, BODY),
        content_type=content_type[:80],
        received_at=database_now(),
    )
