"""The only outbound HTTP. It tells "surely not sent" from "maybe sent".

Many requests are in flight at once on one event loop that lives as long as the
session, so that connections are kept. URLs are never logged: they may hold tokens.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import aiohttp

IN_FLIGHT = 64
DEADLINE = 10.0
# No provider says more; compressed, a few bytes may say gigabytes.
MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `body` is sent as it is; build it with `json_request` for JSON."""

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, or why nothing did.

    `sent` is False only where surely nothing reached the peer: the name did not
    resolve, or the connection was refused or timed out before a byte was written.
    """

    status: int = 0
    body: bytes = b""
    sent: bool = True
    problem: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The decoded body, or None where it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # the latter: nested absurdly deep
            return None


def json_request(method: str, url: str, payload: Any, **headers: str) -> Request:
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return Request(method, url, body, {"Content-Type": "application/json", **headers})


class Session:
    """A context in which requests share connections: `with Session() as http: http.send([...])`."""

    def __init__(
        self, *, deadline: float = DEADLINE, in_flight: int = IN_FLIGHT
    ) -> None:
        self._deadline = aiohttp.ClientTimeout(total=deadline, connect=5)
        self._in_flight = in_flight
        self._runner = asyncio.Runner()
        self._client: aiohttp.ClientSession | None = None

    def __enter__(self) -> Session:
        self._runner.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client:
            self._runner.run(self._client.close())
        self._runner.__exit__(kind, error, trace)

    def send(self, requests: Sequence[Request]) -> list[Answer]:
        """All requests, answers in the same order; never raises for what the peer does."""
        return self._runner.run(self._send_all(requests))

    async def _send_all(self, requests: Sequence[Request]) -> list[Answer]:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                timeout=self._deadline,
                connector=aiohttp.TCPConnector(limit=self._in_flight),
                auto_decompress=True,
                trust_env=False,
            )
        client = self._client
        return list(
            await asyncio.gather(*(_send_one(client, request) for request in requests))
        )


async def _send_one(client: aiohttp.ClientSession, request: Request) -> Answer:
    try:
        async with client.request(
            request.method,
            request.url,
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
        ) as answer:
            body = await _body(answer)
            # Cut off, an answer says nothing: not even its status is believed.
            return _TOO_LARGE if body is None else Answer(answer.status, body)
    except (
        aiohttp.ClientConnectorError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.InvalidURL,
    ) as error:
        return Answer(sent=False, problem=type(error).__name__)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Answer(problem=type(error).__name__)


async def _body(answer: aiohttp.ClientResponse) -> bytes | None:
    """The body; None for one above `MOST_BYTES`, of which no more is read."""
    said = None if "Content-Encoding" in answer.headers else answer.content_length
    if said is not None and said <= MOST_BYTES:
        return await answer.read()
    body = bytearray()
    async for part in answer.content.iter_chunked(65_536):
        body += part
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


_TOO_LARGE = Answer(problem="TooLarge")


def send(request: Request, *, deadline: float = DEADLINE) -> Answer:
    """One request in a session of its own."""
    with Session(deadline=deadline) as session:
        return session.send([request])[0]
