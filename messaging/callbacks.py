"""The door for providers' callbacks: a WSGI callable in front of Django's middleware.

`/callbacks/<token>/<kind>`: authenticated, stored raw, committed, then answered in the
provider's own form. The work is a job's. A provider is told 503 only where we could not
store its request: everything else is kept, so that nothing is lost to a quick retry limit.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connections,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from backoffice.kit.crypto import key_ring
from backoffice.kit.waking import Waker

from .doorkeeper import caller, provider_of
from .models import CallbackRequest, ProviderAccount
from .transports.base import Callback

logger = logging.getLogger(__name__)

APPLY = "messaging.jobs.apply_callbacks"
BODY = "callback"
# A call's callback carries its recording.
LARGEST = {"receipts": 256 * 1024, "replies": 256 * 1024, "calls": 8 * 1024 * 1024}
# A sender who dawdles holds a thread: never all of them, for staff and short links need
# some. A proxy that takes in a request before it hands it over keeps such senders off.
READERS = threading.BoundedSemaphore(8)
PATIENCE = 1.0  # seconds to wait for one of them

StartResponse = Callable[..., Any]
Reply = tuple[str, str, bytes]
Found = TypeVar("Found")
PLAIN = "text/plain; charset=utf-8"
FORM = "application/x-www-form-urlencoded"

NOT_FOUND: Reply = ("404 Not Found", PLAIN, b"not found")
FOREIGN: Reply = ("403 Forbidden", PLAIN, b"not from here")
FORGED: Reply = ("403 Forbidden", PLAIN, b"not authenticated")
ODD_METHOD: Reply = ("405 Method Not Allowed", PLAIN, b"POST or GET")
TOO_LARGE: Reply = ("413 Content Too Large", PLAIN, b"too large")
CUT_OFF: Reply = ("400 Bad Request", PLAIN, b"the body ended early")
TRY_AGAIN: Reply = ("503 Service Unavailable", PLAIN, b"try again")

# Its commit is not waited for: a provider can be asked again for the last half second
# before a crash. The setting holds for this statement, for it is a transaction of its own.
_STORED = (
    "INSERT INTO messaging_callbackrequest "
    "(account_id, kind, body, content_type, received_at, problem) "
    "SELECT %s, %s, %s, %s, clock_timestamp(), '' "
    "FROM set_config('synchronous_commit', 'off', true)"
)

wake = Waker(APPLY, lane="receipts")


class Refused(Exception):
    """Not taken, with the answer that says why."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


def door(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI callable."""
    # This thread's, asked for once: the proxy `connection` takes its time to find it.
    db = connections[DEFAULT_DB_ALIAS]
    _close_aged(db)
    try:
        status, content_type, body = _answer(environ, db)
    except Refused as refused:
        status, content_type, body = refused.reply
    except Exception as error:
        logger.error("callback not stored: %s", type(error).__name__)
        status, content_type, body = TRY_AGAIN
    _close_aged(db)
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    if status.startswith("405"):
        headers.append(("Allow", "GET, HEAD, POST"))
    start_response(status, headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def _answer(environ: dict[str, Any], db: BaseDatabaseWrapper) -> Reply:
    token, _slash, kind = (
        environ["PATH_INFO"].removeprefix("/callbacks/").partition("/")
    )
    known = _surely(lambda: caller(token, kind), db) if kind in LARGEST else None
    if known is None:
        return NOT_FOUND
    if not known.may_come_from(environ):
        return _refused(known.account, FOREIGN)
    method = environ["REQUEST_METHOD"]
    if method not in ("POST", "GET", "HEAD"):
        return ODD_METHOD
    if method != "HEAD":  # somebody who only looks whether the address is there
        body = _query(environ) if method == "GET" else _body(environ, LARGEST[kind])
        if not known.signed(Callback(_url(environ), Headers(environ), body)):
            return _refused(known.account, FORGED)
        content_type = str(environ.get("CONTENT_TYPE", ""))
        said = _said(environ, body, content_type)
        row = (known.account.pk, kind, said, content_type)
        _surely(lambda: _store(row, db), db)
        wake()
    return "200 OK", *provider_of(known.account).acknowledgement()


def _refused(account: ProviderAccount, reply: Reply) -> Reply:
    logger.warning("callback of account %s refused: %s", account.pk, reply[2].decode())
    return reply


# --- the request -------------------------------------------------------------------


def _body(environ: dict[str, Any], most: int) -> bytes:
    """The whole body. Without a length it comes in chunks, to its end.

    Raises Refused for one that is too large or ends early.
    """
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    length = most + 1 if chunked else _length(environ.get("CONTENT_LENGTH") or "0")
    if length > most and not chunked:
        raise Refused(TOO_LARGE)
    body = _read(environ["wsgi.input"], length)
    if len(body) > most:
        raise Refused(TOO_LARGE)
    if len(body) < length and not chunked:
        raise Refused(CUT_OFF)
    return body


def _length(said: str) -> int:
    if not said.isdecimal() or len(said) > 12:
        raise Refused(TOO_LARGE)
    return int(said)


def _read(stream: Any, length: int) -> bytes:
    if not READERS.acquire(timeout=PATIENCE):
        raise Refused(TRY_AGAIN)
    try:
        body: bytes = stream.read(length)
    except OSError:
        raise Refused(CUT_OFF) from None
    finally:
        READERS.release()
    return body


def _query(environ: dict[str, Any]) -> bytes:
    """A GET (Kannel's) says everything in its query: that is its body."""
    return str(environ.get("QUERY_STRING", "")).encode("latin-1", "replace")


def _said(environ: dict[str, Any], body: bytes, content_type: str) -> bytes:
    """A form and the query of its address (our SMS id, say) are one form."""
    query = _query(environ)
    is_form = content_type.startswith(FORM)
    return body + b"&" + query if is_form and query and query != body else body


def _url(environ: dict[str, Any]) -> str:
    """As the provider wrote it: what a signature over the address covers.

    The token was found, so the path is of letters that nobody percent-encodes; the query
    stands as it came.
    """
    query = str(environ.get("QUERY_STRING", ""))
    url = settings.PUBLIC_BASE_URL.rstrip("/") + environ["PATH_INFO"]
    return f"{url}?{query}" if query else url


class Headers(Mapping[str, str]):
    """Request headers by lower-case name; looked up as they are asked for."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        key = name.upper().replace("-", "_")
        plain = key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        return str(self._environ[key if plain else f"HTTP_{key}"])

    def __iter__(self) -> Iterator[str]:
        names = (key[5:] for key in self._environ if key.startswith("HTTP_"))
        return (name.replace("_", "-").lower() for name in names)

    def __len__(self) -> int:
        return sum(1 for _name in self)


# --- the database --------------------------------------------------------------------


def _store(row: tuple[int, str, bytes, str], db: BaseDatabaseWrapper) -> None:
    account_id, kind, body, content_type = row
    stored = key_ring().encrypt_bytes(body, BODY)
    said = content_type.replace("\0", "")[:80]
    if db.vendor == "postgresql":
        _kept.execute(db, _STORED, (account_id, kind, stored, said))
        return
    CallbackRequest.objects.create(
        account_id=account_id,
        kind=kind,
        body=stored,
        content_type=said,
        received_at=timezone.now(),
    )


class _Kept(threading.local):
    """A cursor that stays with each thread's connection: making one is half of the work."""

    connection: Any = None
    cursor: Any = None

    def execute(
        self, db: BaseDatabaseWrapper, statement: str, params: Sequence[Any]
    ) -> None:
        db.ensure_connection()
        if self.connection is not db.connection:
            self.connection = db.connection
            self.cursor = psycopg.Cursor(self.connection)
            # What does not ask for it is not prepared, as Django has it.
            self.connection.prepare_threshold = sys.maxsize
        with db.wrap_database_errors:
            self.cursor.execute(statement, params, prepare=True)


_kept = _Kept()


def _surely(work: Callable[[], Found], db: BaseDatabaseWrapper) -> Found:
    """Once more over a new connection where the old one died: the server was restarted."""
    try:
        return work()
    except (OperationalError, InterfaceError):
        if db.in_atomic_block or db.vendor != "postgresql":
            raise
        db.close()
        return work()


def _close_aged(db: BaseDatabaseWrapper) -> None:
    """Django's own look at a connection asks the server too: a statement for each request."""
    aged = db.close_at is not None and db.close_at <= time.monotonic()
    if aged and not db.in_atomic_block:
        db.close()
