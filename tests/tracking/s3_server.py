"""The three requests of S3 that reading a folder takes, over HTTP on the loopback.

A stand-in: moto's server, with which the same scans were tried, is 50 MB of packages.
"""

from __future__ import annotations

import json
import threading
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from django.utils import timezone

KEY, BUCKET = "AKIDBANK", "bank"
LIST = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</ListBucketResult>'
ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>{at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
    '<ETag>"1"</ETag><Size>{size}</Size></Contents>'
)


class S3Server:
    """`objects`: key -> (content, when it was put), all in the bucket `bank`."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, Any]] = {}
        self.read: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))

    def __enter__(self) -> S3Server:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def options(self, key: str = KEY) -> str:
        """Connection options as staff write them."""
        url = f"http://127.0.0.1:{self._http.server_port}"
        return json.dumps({"key": key, "secret": "s3cret", "endpoint_url": url})

    def put(self, key: str, text: str, *, ago: Any) -> None:
        self.objects[key] = (text.encode(), timezone.now() - ago)

    def answer(self, path: str) -> tuple[int, bytes, Any]:
        """Status, body and date of what a request asks for."""
        url = urlsplit(path)
        bucket, _slash, key = url.path.lstrip("/").partition("/")
        if bucket != BUCKET:
            return 404, b"<Error><Code>NoSuchBucket</Code></Error>", None
        if not key:
            prefix = parse_qs(url.query).get("prefix", [""])[0]
            return 200, self.listing(prefix).encode(), None
        if key not in self.objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>", None
        return 200, *self.objects[key]

    def listing(self, prefix: str) -> str:
        """What is in a folder, without what is in its subfolders."""
        found = [
            ENTRY.format(key=escape(key), at=at, size=len(content))
            for key, (content, at) in sorted(self.objects.items())
            if key.startswith(prefix) and "/" not in key[len(prefix) :]
        ]
        return LIST.format("".join(found))


def _handler(store: S3Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if f"Credential={KEY}/" not in self.headers.get("Authorization", ""):
                self._answer(403, b"<Error><Code>InvalidAccessKeyId</Code></Error>")
                return
            status, body, at = store.answer(self.path)
            if at and self.command == "GET":
                store.read.append(self.path.partition(f"/{BUCKET}/")[2])
            self._answer(status, body, at)

        do_HEAD = do_GET

        def _answer(self, status: int, body: bytes, at: Any = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if at:
                self.send_header("Last-Modified", format_datetime(at, usegmt=True))
                self.send_header("ETag", '"1"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    return Handler
