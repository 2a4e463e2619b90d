from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from customers.models import CreditFacts, CreditLine, CreditSource
from customers.sources import http
from tests.builders import NOON, give_label, make_customer, screen_now, segment_of

pytestmark = pytest.mark.django_db


class CreditBureau:
    """A credit source over real HTTP; `say` is what it knows, by customer number."""

    def __init__(self):
        self.say, self.asked, self.tokens, self.body = {}, [], set(), None
        bureau = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                ids = json.loads(self.rfile.read(int(self.headers["Content-Length"])))[
                    "ids"
                ]
                bureau.asked.append(ids)
                bureau.tokens.add(self.headers["Authorization"])
                known = {n: bureau.say[n] for n in ids if n in bureau.say}
                body = bureau.body or json.dumps({"results": known}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/credit"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def bureau():
    running = CreditBureau()
    yield running
    running.server.shutdown()
    running.server.server_close()


def make_source(url, **over):
    return CreditSource.objects.create(**{"name": "bureau", "url": url} | over)


@pytest.mark.requirement("B2")
def test_screening_fetches_what_is_true_now(bureau):
    customer = make_customer()
    make_source(bureau.url, secret="s3cret")
    line = {
        "reference": "L1",
        "kind": "heavy",
        "product": "Car",
        "amount": 1000,
        "is_open": True,
    }
    bureau.say[customer.external_id] = {"lines": [line]}
    screen_now()
    assert segment_of(customer) == "heavy"
    bureau.say[customer.external_id] = {"blacklisted": True}
    screen_now()
    assert segment_of(customer) == "light"
    assert bureau.tokens == {"Bearer s3cret"}
    assert CreditLine.objects.get().product == "Car"


def test_ids_are_asked_for_in_batches(bureau, monkeypatch):
    monkeypatch.setattr(http, "BATCH", 2)
    numbers = {make_customer().external_id for _ in range(5)}
    make_source(bureau.url)
    screen_now()
    assert sorted(map(len, bureau.asked)) == [1, 2, 2]
    assert {number for batch in bureau.asked for number in batch} == numbers


def test_a_source_is_asked_only_for_its_customers(bureau):
    make_customer(source="shop")
    mine = make_customer(source="bank")
    make_source(bureau.url, customer_source="bank")
    screen_now()
    assert bureau.asked == [[mine.external_id]]


@pytest.mark.requirement("B4")
def test_only_the_moved_are_fetched_when_they_are_screened(bureau):
    moved, other = make_customer(facts={"blacklisted": True}), make_customer()
    give_label(moved, "heavy")
    screen_now()
    make_source(bureau.url)
    screen_now("moved")
    assert bureau.asked == [[moved.external_id]]
    assert other.external_id not in bureau.asked[0]


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'{"results": []}',
        b'{"results": {"C": {"blacklisted": "yes"}}}',
        b'{"results": {"C": {"lines": [{"kind": "light"}]}}}',
        b'{"results": {"C": {"lines": [{"reference": "L", "kind": "huge"}]}}}',
        b'{"results": {"C": {"lines": [{"reference":"L","kind":"light","amount":"x"}]}}}',
        b'{"results": {"C": {"lines": [{"reference":"L","kind":"light","amount":NaN}]}}}',
        b'{"results": {"C": {"lines": [{"reference":"L","kind":"light","amount":1e99}]}}}',
        b'{"results": {"C": {"lines": [{"reference":"\\u0000","kind":"light"}]}}}',
    ],
)
def test_an_answer_of_another_make_is_a_problem_not_a_fact(bureau, body):
    customer = make_customer(external_id="C", facts={"blacklisted": True})
    give_label(customer, "heavy")
    make_source(bureau.url)
    bureau.body = body
    run = screen_now()
    assert "last known facts" in run.result["problem"]
    assert segment_of(customer) == "light"


@pytest.mark.requirement("B2")
def test_with_a_source_down_the_last_known_facts_decide():
    customer = make_customer(lines=["heavy"], facts={"diverted": True})
    make_source("http://127.0.0.1:1/", name="dead bureau")
    run = screen_now()
    assert "dead bureau" in run.result["problem"]
    assert segment_of(customer) == "light"


def test_a_fact_the_source_does_not_name_stays(bureau):
    customer = make_customer(facts={"controlled": True})
    make_source(bureau.url)
    bureau.say[customer.external_id] = {"diverted": True}
    screen_now()
    facts = CreditFacts.objects.get()
    assert (facts.controlled, facts.diverted, facts.source) == (True, True, "bureau")
    assert facts.as_of == NOON


def test_a_disabled_source_is_not_asked(bureau):
    make_customer()
    make_source(bureau.url, is_enabled=False)
    screen_now()
    assert bureau.asked == []
