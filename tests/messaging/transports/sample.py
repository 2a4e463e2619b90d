"""What each provider brings to the contract (test_contract.py): its words, as it says them.

For every slug in the registry there is `tests/messaging/transports/<slug>.py` with a
`SAMPLE`. A provider over HTTP subclasses `HttpSample` and gives recorded answers; one of
another kind subclasses `Sample` and makes its own `peer`. Recorded bytes that are longer
than a line lie in `tests/samples/<slug>/`.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from messaging.models import ProviderAccount

# All that may happen to a request; test_contract.py says what must come of each.
HAPPENINGS = (
    "taken", "refused number", "refused content", "throttled", "connection refused",
    "silence after the first byte", "reset", "server error", "garbage", "empty",
    "cut off", "redirect",
)  # fmt: skip


@dataclass(frozen=True)
class Sms:
    """One that the provider has, with the reference it gave (or echoes)."""

    id: UUID
    phone: str
    reference: str


@dataclass(frozen=True)
class Brought:
    """A callback as the provider brings it to our door."""

    body: bytes = b""
    method: str = "POST"
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Sample:
    """The provider's side of the contract."""

    slug: str
    secrets: Mapping[str, str] = {}
    # Happenings that it has no word for, each with the reason.
    never: Mapping[str, str] = {}
    # Its reports bring our SMS id back: they settle an SMS whose answer was lost.
    echoes_id = False
    # It signs its callbacks; else the token in the address is all that speaks for it.
    is_signed = False
    # Its callbacks come to our door over HTTP.
    has_callbacks = True
    # Bodies that are not what its documentation says.
    garbage: tuple[bytes, ...] = (b"", b"{", b"\xff\xfe\x00", b"[1]")

    def peer(self, happening: str) -> AbstractContextManager[dict[str, Any]]:
        """The provider in that mood; gives the settings of an account that meets it."""
        raise NotImplementedError

    def receipts(self, sms: Sms) -> list[bytes]:
        """Callback bodies of all reports of an SMS, in order; the last says delivered."""
        raise NotImplementedError

    def failed(self, sms: Sms) -> bytes:
        """The body of the report that the SMS did not reach its number."""
        raise NotImplementedError

    def reply(self, id: str, phone: str, text: str) -> bytes:
        """The body of a reply; the same id is the same reply."""
        raise NotImplementedError

    def bring(self, account: ProviderAccount, url: str, body: bytes) -> Brought:
        """How a body comes to an address of ours, signed with the account's secrets."""
        return Brought(body)


@dataclass(frozen=True)
class Seen:
    """A request as it came to the provider."""

    method: str
    path: str
    headers: Mapping[str, str]  # by lower-case name
    body: bytes


@dataclass(frozen=True)
class Recorded:
    """An answer as the provider gives it."""

    status: int
    body: bytes
    content_type: str = "application/json"


class HttpSample(Sample):
    def settings(self, url: str) -> dict[str, Any]:
        """Of an account whose provider is at `url`."""
        raise NotImplementedError

    def taken(self, seen: Seen) -> Recorded:
        raise NotImplementedError

    def refused_number(self, seen: Seen) -> Recorded:
        raise NotImplementedError

    def refused_content(self, seen: Seen) -> Recorded:
        raise NotImplementedError

    def throttled(self, seen: Seen) -> Recorded:
        raise NotImplementedError

    def _as_taken(self, seen: Seen, body: bytes) -> Recorded:
        """Another body under the status of success."""
        good = self.taken(seen)
        return Recorded(good.status, body, good.content_type)

    @contextmanager
    def peer(self, happening: str) -> Iterator[dict[str, Any]]:
        if happening == "connection refused":
            yield self.settings(closed_address())
            return
        answers: dict[str, Answering] = {
            "taken": self.taken,
            "refused number": self.refused_number,
            "refused content": self.refused_content,
            "throttled": self.throttled,
            "silence after the first byte": lambda seen: Silence(),
            "reset": lambda seen: Reset(),
            "server error": lambda seen: Recorded(500, b"<h1>Oops</h1>", "text/html"),
            "garbage": lambda seen: self._as_taken(seen, b"\x00\xff{]<html>"),
            "empty": lambda seen: self._as_taken(seen, b""),
            "cut off": lambda seen: CutOff(self.taken(seen)),
            "redirect": lambda seen: Recorded(302, b"", "text/html"),
        }
        with http_peer(answers[happening]) as peer:
            yield self.settings(peer.url)


# --- the server side: an outside seam ------------------------------------------


@dataclass(frozen=True)
class Silence:
    """One byte, and then nothing."""


@dataclass(frozen=True)
class Reset:
    """The request is read, and the connection reset."""


@dataclass(frozen=True)
class CutOff:
    """The connection ends in the middle of the answer."""

    answer: Recorded


Answering = Callable[[Seen], Recorded | Silence | Reset | CutOff]


def closed_address() -> str:
    """The address of a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


class Peer(ThreadingHTTPServer):
    """Answers as it is told and remembers what it was asked: `.seen`."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, answering: Answering) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering
        self.seen: list[Seen] = []
        self.ending = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def end(self) -> None:
        """End also the connections that a client keeps for its next request."""
        self.ending.set()
        self.shutdown()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: Peer

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(size)
        seen = Seen(self.command, self.path, headers, body)
        self.server.seen.append(seen)
        answer = self.server.answering(seen)
        if isinstance(answer, Silence):
            self.wfile.write(b"H")
            self.server.ending.wait(30)
            self.close_connection = True
        elif isinstance(answer, Reset):
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
        elif isinstance(answer, CutOff):
            self._write(answer.answer, more=10)
            self.close_connection = True
        else:
            self._write(answer)

    do_GET = do_POST = _answer

    def _write(self, answer: Recorded, more: int = 0) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body) + more))
        if 300 <= answer.status < 400:
            self.send_header("Location", self.server.url)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_args: Any) -> None:
        pass

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            pass  # we have reset it


@contextmanager
def http_peer(answering: Answering) -> Iterator[Peer]:
    """A server on a free port of the loopback, ended with the block."""
    peer = Peer(answering)
    thread = threading.Thread(target=peer.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield peer
    finally:
        peer.end()
        thread.join()
