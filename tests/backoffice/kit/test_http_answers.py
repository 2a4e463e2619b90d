from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from backoffice.kit import http

pytestmark = pytest.mark.once
LIMIT = 100_000


@pytest.fixture
def peer(monkeypatch):
    """A server that answers what `peer.body` and `peer.headers` say; its URL is `peer.url`."""

    class Peer(BaseHTTPRequestHandler):
        body, headers_out, url = b"", (), ""

        def do_GET(self):
            self.send_response(200)
            for name, value in Peer.headers_out:
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(Peer.body)
            except OSError:
                pass  # the client has had enough

        def log_message(self, *_args):
            pass

    monkeypatch.setattr(http, "MOST_BYTES", LIMIT)
    with HTTPServer(("127.0.0.1", 0), Peer) as server:
        Peer.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Peer
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize(("size", "problem"), [(LIMIT, ""), (LIMIT + 1, "TooLarge")])
def test_answer_above_the_limit_is_a_doubt(peer, size, problem, has_length):
    peer.body = b"x" * size
    peer.headers_out = [("Content-Length", str(size))] if has_length else []
    answer = http.send(http.Request("GET", peer.url))
    assert (answer.problem, answer.sent) == (problem, True)
    assert (answer.ok, len(answer.body)) == (
        (True, size) if not problem else (False, 0)
    )


def test_compressed_answer_is_measured_as_it_unfolds(peer):
    peer.body = gzip.compress(b"x" * 100_000_000)
    peer.headers_out = [
        ("Content-Encoding", "gzip"),
        ("Content-Length", str(len(peer.body))),
    ]
    assert http.send(http.Request("GET", peer.url)).problem == "TooLarge"
