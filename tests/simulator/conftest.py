"""A place where the simulator's callbacks and clicks arrive, and the simulator."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.simulator_process import SimulatorProcess, running_simulator


@dataclass
class Sink:
    """Keeps what it is told; refuses the first `refusals` posts with 503."""

    port: int = 0
    refusals: int = 0
    posts: list[tuple[str, Any, str]] = field(default_factory=list)
    gets: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def seed(self, **more: Any) -> dict[str, Any]:
        kinds = ("receipt", "reply", "call")
        return {f"{kind}_url": f"{self.url}/{kind}s" for kind in kinds} | more

    def bodies(self, kind: str) -> list[Any]:
        return [body for path, body, _ in list(self.posts) if path == f"/{kind}s"]

    def receipts(self) -> list[dict[str, str]]:
        return [receipt for batch in self.bodies("receipt") for receipt in batch]


def wait_for(ready: Callable[[], Any]) -> Any:
    until = time.monotonic() + 60
    while not (found := ready()):
        assert time.monotonic() < until, "waited a minute in vain"
        time.sleep(0.02)
    return found


class Server(ThreadingHTTPServer):
    sink: Sink


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        sink = self.server.sink
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if sink.refusals:
            sink.refusals -= 1
            return self._answer(503)
        sink.posts.append((self.path, body, self.headers["Authorization"]))
        return self._answer(200)

    def do_GET(self) -> None:
        self.server.sink.gets.append((self.path, self.headers["User-Agent"]))
        onward = {"short": "/long", "long": "/too-far"}
        target = onward.get(self.path.split("/")[1])
        self._answer(302 if target else 200, location=target)

    def _answer(self, status: int, location: str | None = None) -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.sink = sink = Sink(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield sink
        server.shutdown()


@pytest.fixture
def simulator(sink: Sink) -> Iterator[SimulatorProcess]:
    with running_simulator(sink.seed()) as simulator:
        yield simulator
