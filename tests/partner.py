"""A partner system that calls `/api/v1/`, for tests."""

from __future__ import annotations

import itertools
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.platform.models import ApiClient

_number = itertools.count(1)


def make_api_client(*scopes: str, **over: Any) -> tuple[ApiClient, str]:
    """A client with these scopes, and its key."""
    given = {"name": f"Partner {next(_number)}", "scopes": list(scopes)}
    client = ApiClient(**given | over)
    key = client.issue_key()
    client.save()
    return client, key


class Partner:
    """`get` and `post` paths under `/api/v1/`; `post` wraps items in a batch."""

    def __init__(self, *scopes: str, **over: Any) -> None:
        self.client, self.key = make_api_client(*scopes, **over)
        self._web = Client(raise_request_exception=False)

    def get(self, path: str, /, **query: Any) -> Any:
        return self._web.get(self._at(path), query, headers=self._headers())

    def post(self, path: str, *items: Any, **more: Any) -> Any:
        return self.post_body(path, {"items": list(items), **more})

    def post_body(self, path: str, body: Any) -> Any:
        return self._web.post(
            self._at(path), body, "application/json", headers=self._headers()
        )

    def was_just_here(self) -> None:
        """The use of its key is noted once a minute: it has been."""
        now = timezone.now()
        ApiClient.objects.filter(pk=self.client.pk).update(last_used_at=now)

    def statements(self, path: str, items: list[Any]) -> list[str]:
        """The SQL that a batch costs; all of it must be taken."""
        self.was_just_here()
        with CaptureQueriesContext(connection) as seen:
            answer = self.post(path, *items)
        assert answer.status_code == 200, answer.json()
        return [query["sql"] for query in seen.captured_queries]

    def _at(self, path: str) -> str:
        return f"/api/v1/{path}" if path.endswith("/") else path

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def results(answer: Any) -> list[Any]:
    found: list[Any] = answer.json()["results"]
    return found


def statuses(answer: Any) -> list[str]:
    return [result["status"] for result in results(answer)]


def errors(answer: Any, index: int = 0) -> dict[str, str]:
    """Pointer -> code of one item's errors."""
    return {one["pointer"]: one["code"] for one in results(answer)[index]["errors"]}
