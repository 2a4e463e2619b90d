"""What goes over another provider account, and what never does (P8)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.utils import timezone

from backoffice.kit.http import Answer, Request
from messaging import sending, unknowns
from messaging.models import Chunk, Message, ProviderAccount
from tests.builders import (
    make_account,
    make_chunk,
    make_customer,
    make_message_type,
    make_template,
)

pytestmark = pytest.mark.django_db

Status = Message.Status
REFUSED = Answer(sent=False, problem="ClientConnectorError")
LOST = Answer(problem="ServerDisconnectedError")


class Providers:
    """Two of them. `answers`: what one says instead of taking everything."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.took: list[tuple[str, str]] = []  # provider, SMS id

    def send(self, requests: Sequence[Request]) -> list[Answer]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        name = request.url.split("/")[2].split(".")[0]
        asked = json.loads(request.body)
        if "ids" in asked:
            found = [{"id": one, "found": False} for one in asked["ids"]]
            return Answer(200, json.dumps({"results": found}).encode())
        if name in self.answers:
            return self.answers[name]
        ids = [one["id"] for one in asked["messages"]]
        self.took += [(name, one) for one in ids]
        taken = [{"id": one, "code": "OK", "reference": f"r-{one}"} for one in ids]
        return Answer(200, json.dumps({"results": taken}).encode())


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> Providers:
    for name in "ab":
        make_account(name=name, settings={"url": f"http://{name}.example"})
    ProviderAccount.objects.filter(name="b").update(cost=2)
    ProviderAccount.objects.filter(name="a").update(cost=1)  # the first choice
    fake = Providers()
    monkeypatch.setattr(
        "backoffice.kit.http.Session.send", lambda _http, requests: fake.send(requests)
    )
    return fake


def notice() -> Any:
    kind = make_message_type("repaid", purpose="service")
    return make_template(type_code="repaid", message_type=kind)


def again(chunk: Chunk) -> None:
    """As when its time has come."""
    chunk.messages.filter(due_at__isnull=False).update(due_at=timezone.now())
    Chunk.objects.filter(pk=chunk.pk).update(next_at=timezone.now())
    sending.send_chunk(chunk.pk)


def test_what_one_surely_did_not_take_goes_over_the_other(providers: Providers) -> None:
    providers.answers["a"] = REFUSED
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    assert providers.took == []
    ProviderAccount.objects.update(slow_until=None)  # even when its rest is over
    again(chunk)
    assert [name for name, _id in providers.took] == ["b"]


def test_what_one_may_have_taken_never_goes_over_the_other(
    providers: Providers,
) -> None:
    providers.answers["a"] = LOST
    chunk = make_chunk(version=notice())
    sending.send_chunk(chunk.pk)
    again(chunk)
    assert providers.took == []
    assert chunk.messages.get().status == Status.UNKNOWN


def test_a_notice_that_one_did_not_know_twice_goes_over_it_again_and_no_other(
    providers: Providers,
) -> None:
    providers.answers["a"] = LOST
    chunk = make_chunk(version=notice())
    sending.send_chunk(chunk.pk)
    for _time in range(2):
        Chunk.objects.update(query_at=timezone.now())
        unknowns.query_due(timezone.now())
    ProviderAccount.objects.filter(name="a").update(lowered=50)
    del providers.answers["a"]
    again(chunk)
    assert [name for name, _id in providers.took] == ["a"]


def test_a_notice_in_doubt_waits_while_its_account_is_off(providers: Providers) -> None:
    providers.answers["a"] = LOST
    chunk = make_chunk(version=notice())
    sending.send_chunk(chunk.pk)
    for _time in range(2):
        Chunk.objects.update(query_at=timezone.now())
        unknowns.query_due(timezone.now())
    ProviderAccount.objects.filter(name="a").update(is_enabled=False)
    again(chunk)
    assert (providers.took, chunk.messages.get().waiting) == ([], "no_route")


def test_the_rest_of_a_chunk_goes_over_the_other_at_once(
    providers: Providers, queued: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers.answers["a"] = REFUSED
    monkeypatch.setattr(sending, "cut", lambda rows, _size: [rows[:1], rows[1:]])
    chunk = make_chunk(*(make_customer() for _n in range(5)))
    sending.send_chunk(chunk.pk)
    queued.run_all(at_most=3)
    assert [name for name, _id in providers.took] == ["b"] * 4
    assert chunk.messages.filter(status=Status.SENT).count() == 4


def test_where_all_rest_the_chunk_waits_for_the_first(
    providers: Providers, queued: Any
) -> None:
    providers.answers |= {"a": REFUSED, "b": REFUSED}
    chunk = make_chunk(*(make_customer() for _n in range(3)))
    ProviderAccount.objects.update(slow_until=timezone.now() + sending.NO_ROUTE_WAIT)
    sending.send_chunk(chunk.pk)
    chunk.refresh_from_db()
    assert (queued.names.count("messaging.jobs.send_chunk"), chunk.waiting) == (
        1,
        "throttled",
    )
    assert chunk.next_at > timezone.now()
