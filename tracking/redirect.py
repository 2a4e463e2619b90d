"""Short links: a WSGI callable in front of Django's middleware (E6).

The code is an identifier, not a secret: it is looked up, never decoded; the target comes
from our database alone. A click is in the stream, or in the database, before the answer.
"""

from __future__ import annotations

import ipaddress
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import django_rq
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from django.utils.encoding import iri_to_uri
from redis.exceptions import RedisError

from backoffice.kit.addresses import client_address

from .clicks import STREAM, ClickEvent, store
from .codes import is_code
from .links import make_token, with_token
from .models import TrackingRecord

logger = logging.getLogger(__name__)

FRESH = 60.0  # seconds that a target is believed without asking the database
MOST_CACHED = 200_000
MOST_STREAMED = 5_000_000

NOT_FOUND = b"<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>404</title><p>This link does not exist or is no longer valid.<p lang=zh>\xe8\xaf\xa5\xe9\x93\xbe\xe6\x8e\xa5\xe4\xb8\x8d\xe5\xad\x98\xe5\x9c\xa8\xe6\x88\x96\xe5\xb7\xb2\xe5\xa4\xb1\xe6\x95\x88\xe3\x80\x82"

StartResponse = Callable[..., Any]


class Target(NamedTuple):
    url: str
    adds_token: bool
    believed_until: float


_known: dict[str, Target] = {}


def door(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI callable for `/l/<code>`."""
    code = environ["PATH_INFO"].rpartition("/")[2]
    try:
        target = _target(code)
    except DatabaseError:
        start_response(
            "503 Service Unavailable", [("Retry-After", "5"), ("Content-Length", "0")]
        )
        return [b""]
    if target is None or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        start_response(
            "404 Not Found", [("Content-Type", "text/html; charset=utf-8"), *_HEADERS]
        )
        return [NOT_FOUND]
    if _counts(environ):
        _keep(_event(code, environ))
    start_response("302 Found", [("Location", _location(code, target)), *_HEADERS])
    return [b""]


_HEADERS = [
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex"),
]


def _target(code: str) -> Target | None:
    if not is_code(code):
        return None
    known = _known.get(code)
    if known and known.believed_until > time.monotonic():
        return known
    close_old_connections()
    try:
        row = (
            TrackingRecord.objects.filter(code=code)
            .values_list("target", "adds_token")
            .first()
        )
    finally:
        close_old_connections()
    if row is None or not row[0]:
        return None
    if len(_known) >= MOST_CACHED:
        _known.clear()
    # Percent-encoded: a header takes neither Chinese letters nor the end of a line.
    found = Target(iri_to_uri(row[0]) or "", row[1], time.monotonic() + FRESH)
    _known[code] = found
    return found


def _location(code: str, target: Target) -> str:
    return (
        with_token(target.url, make_token(code, timezone.now()))
        if target.adds_token
        else target.url
    )


def _counts(environ: dict[str, Any]) -> bool:
    """HEAD and a browser's prefetch are no click of a person."""
    purpose = environ.get("HTTP_SEC_PURPOSE", "") + environ.get("HTTP_PURPOSE", "")
    return environ["REQUEST_METHOD"] == "GET" and "prefetch" not in purpose


def _event(code: str, environ: dict[str, Any]) -> ClickEvent:
    return ClickEvent(
        event_id=uuid.uuid4().hex,
        code=code,
        at=timezone.now().isoformat(),
        agent=environ.get("HTTP_USER_AGENT", "")[:120],
        network=network(client_address(environ, proxies=settings.TRUSTED_PROXIES)),
    )


def network(address: str) -> str:
    """An address cut to its network, /24 or /48: enough to see crowds, not persons."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))


def _keep(event: ClickEvent) -> None:
    """In the stream, else in the database; with neither, the person goes on all the same."""
    try:
        stream: Any = django_rq.get_connection("default")
        stream.xadd(STREAM, event._asdict(), maxlen=MOST_STREAMED)
    except RedisError:
        _keep_in_database(event)


def _keep_in_database(event: ClickEvent) -> None:
    close_old_connections()
    try:
        store([event])
    except DatabaseError as error:
        logger.error("click not kept: %s", type(error).__name__)
    finally:
        close_old_connections()
