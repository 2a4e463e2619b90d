from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from backoffice.kit.http import Answer
from messaging import unknowns
from messaging.models import Chunk, FailedNumber, Message
from messaging.transports.simulator import Simulator
from tests.builders import make_account, make_customer, make_message

pytestmark = pytest.mark.django_db

Status = Message.Status


@pytest.fixture
def says(monkeypatch):
    """What the provider answers to a query about a message: set `says.row`."""

    class Says:
        row = {"found": False}
        asked = 0
        status = 200

        def send(self, session, requests):
            self.asked += 1
            if self.status != 200:
                return [Answer(self.status)]
            ids = json.loads(requests[0].body)["ids"]
            rows = [{"id": one, "reference": "r1", **self.row} for one in ids]
            return [Answer(200, json.dumps({"results": rows}).encode())]

    said = Says()
    monkeypatch.setattr(
        "backoffice.kit.http.Session.send",
        lambda session, requests: said.send(session, requests),
    )
    return said


def make_doubtful(**over):
    values = {
        "status": Status.UNKNOWN,
        "attempts": 1,
        "due_at": None,
        "fenced_at": timezone.now(),
        "account": make_account(),
    }
    message = make_message(make_customer(), **(values | over))
    Chunk.objects.filter(pk=message.chunk_id).update(next_at=None)
    return message


def doubtful(**over):
    return ask(make_doubtful(**over))


def ask(message):
    Chunk.objects.update(query_at=timezone.now())
    unknowns.query_due(timezone.now())
    message.refresh_from_db()
    return message


def test_not_found_once_changes_nothing_and_is_asked_again(says):
    message = doubtful()
    assert message.status == Status.UNKNOWN
    assert Chunk.objects.get().query_at > timezone.now()


def test_service_sms_not_found_twice_is_sent_once_more(says):
    message = doubtful(is_marketing=False)
    ask(message)
    assert message.status == Status.QUEUED
    assert Chunk.objects.due(timezone.now()).exists()


@pytest.mark.requirement("A6")
def test_marketing_not_found_twice_is_given_up_and_listed(says):
    message = ask(doubtful())
    assert (message.status, message.failure) == (Status.FAILED, "provider_error")
    assert FailedNumber.objects.get().message == message


def test_service_sms_in_doubt_again_after_it_was_sent_again_is_given_up(says):
    message = ask(doubtful(is_marketing=False, attempts=2, is_bound=True))
    assert message.status == Status.FAILED


def test_attempt_that_was_throttled_does_not_cost_the_second_one(says):
    message = ask(doubtful(is_marketing=False, attempts=2))
    assert message.status == Status.QUEUED


def test_what_the_provider_knows_is_settled_and_not_asked_again(says):
    says.row = {"found": True, "status": "DELIVERED"}
    assert doubtful().status == Status.DELIVERED
    assert Chunk.objects.get().query_at is None


def test_many_notices_in_doubt_are_one_question(says):
    account = make_account()
    messages = [make_doubtful(account=account) for _n in range(3)]
    ask(messages[0])
    assert says.asked == 1
    assert set(Message.objects.values_list("waiting", flat=True)) == {"not_found"}


def test_provider_that_does_not_answer_holds_up_a_run_once(says, monkeypatch):
    account = make_account()
    message, *_others = [make_doubtful(account=account) for _n in range(3)]
    monkeypatch.setattr(unknowns, "PAGE", 1)
    says.status = 500
    ask(message)
    assert says.asked == 1
    assert set(Message.objects.values_list("waiting", flat=True)) == {""}


def test_providers_file_that_breaks_on_an_answer_does_not_stop_the_sweep(
    says, monkeypatch
):
    message = make_doubtful()
    monkeypatch.setattr(Simulator, "query", lambda *_args: {}["results"])
    ask(message)
    assert message.status == Status.UNKNOWN
    assert Chunk.objects.get().query_at > timezone.now()


def test_doubt_of_a_day_is_handed_to_a_person(says, monkeypatch):
    message = doubtful(fenced_at=timezone.now() - timedelta(hours=25))
    assert message.needs_person
    assert message.status == Status.UNKNOWN
