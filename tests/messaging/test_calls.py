from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from backoffice.kit.http import Answer, Request, Session
from backoffice.simulator.speech import recording_of
from messaging import calls, listening
from messaging.models import Call, ProviderAccount
from messaging.transports.base import Unreadable
from tests.builders import NOON, make_account, make_customer

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(seconds=5)
SPOKEN = recording_of("4719", voice="test")


class Wire:
    """What went out over `kit.http`, and what comes back."""

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.answer = Answer(200, b'{"reference": "R1"}')

    def send(self, _session: Session, requests: list[Request]) -> list[Answer]:
        self.sent += requests
        return [self.answer for _ in requests]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(Session, "send", lambda *args: wire.send(*args))
    return wire


def make_call(**over: Any) -> Call:
    values: dict[str, Any] = {
        "phone": "+8613800000001",
        "script": "Hello. What are the last four digits?",
        "language": "en",
        "answer_kind": "digits",
        "answer_length": 4,
        "created_at": NOON,
        "due_at": NOON,
        **over,
    }
    return Call.objects.create(customer=make_customer(), **values)


def make_dialling(**over: Any) -> Call:
    account = over.pop("account", None) or make_voice_account()
    waits = {"status": "dialling", "account": account, "due_at": NOON + calls.SILENCE}
    return make_call(**{**waits, **over})


def make_voice_account() -> ProviderAccount:
    return make_account(channel="voice")


def told(call: Call, status: str = "answered", **over: Any) -> bytes:
    row = {
        "reference": "R1",
        "id": str(call.pk),
        "status": status,
        "keys": "",
        "recording": base64.b64encode(SPOKEN).decode() if status == "answered" else "",
        "at": NOON.isoformat(),
    }
    return json.dumps(row | over).encode()


def apply(call: Call, body: bytes) -> dict[str, int]:
    assert call.account is not None
    return calls.apply(call.account, body, LATER)


def fresh(call: Call) -> Call:
    return Call.objects.get(pk=call.pk)


# --- placing -------------------------------------------------------------------------


@pytest.mark.requirement("D5")
def test_the_request_carries_number_and_script_and_never_the_answer(wire: Wire) -> None:
    make_voice_account()
    call = make_call()
    assert calls.place(call.pk, NOON)
    body = json.loads(wire.sent[0].body)
    assert body == {
        "id": str(call.pk),
        "to": "+8613800000001",
        "script": call.script,
        "answer_kind": "digits",
        "language": "en",
    }


def test_an_accepted_call_is_dialling_with_the_providers_reference(wire: Wire) -> None:
    make_voice_account()
    call = make_call()
    calls.place(call.pk, NOON)
    assert (fresh(call).status, fresh(call).reference) == ("dialling", "R1")


def test_a_call_is_dialled_once(wire: Wire) -> None:
    make_voice_account()
    call = make_call()
    assert [calls.place(call.pk, NOON) for _ in range(2)] == [True, False]
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(sent=False, problem="ClientConnectorError"), "queued"),
        (Answer(429), "queued"),
        (Answer(400), "failed"),
        (Answer(500), "dialling"),
        (Answer(problem="TimeoutError"), "dialling"),
        (Answer(200, b"<html>"), "dialling"),
    ],
)
def test_only_what_was_surely_not_taken_is_placed_again(
    wire: Wire, answer: Answer, status: str
) -> None:
    make_voice_account()
    call = make_call()
    wire.answer = answer
    calls.place(call.pk, NOON)
    assert fresh(call).status == status


def test_without_a_voice_account_the_call_waits(wire: Wire) -> None:
    make_account(channel="sms")
    call = make_call()
    assert not calls.place(call.pk, NOON)
    assert fresh(call).due_at == NOON + calls.NOT_TAKEN_WAIT


def test_a_call_of_later_is_not_dialled_now(wire: Wire) -> None:
    make_voice_account()
    assert not calls.place(make_call(due_at=LATER).pk, NOON)


# --- what came of it ---------------------------------------------------------------------


@pytest.mark.requirement("D5")
def test_the_recording_is_kept_encrypted() -> None:
    call = make_dialling()
    apply(call, told(call))
    kept = fresh(call)
    assert SPOKEN not in bytes(kept.recording or b"")
    assert listening.recording_of(kept) == SPOKEN


def test_a_recorded_answer_wakes_a_listener(queued: Any) -> None:
    call = make_dialling()
    apply(call, told(call))
    job = ("messaging.jobs.recognise_call", (str(call.pk),), "voice")
    assert job in queued.jobs


def test_pressed_keys_need_no_listener(queued: Any) -> None:
    call = make_dialling()
    apply(call, told(call, keys="4719", recording=""))
    assert fresh(call).keys == "4719"
    assert queued.jobs == []


@pytest.mark.parametrize("status", ["busy", "no_answer"])
def test_busy_and_no_answer_end_the_call(status: str) -> None:
    call = make_dialling()
    apply(call, told(call, status))
    assert (fresh(call).status, fresh(call).ended_at) == (status, LATER)


def test_a_repeated_callback_changes_nothing() -> None:
    call = make_dialling()
    apply(call, told(call, "busy"))
    assert apply(call, told(call)) == {"ended": 0, "ignored": 1}
    assert fresh(call).status == "busy"


def test_a_call_is_found_by_the_providers_reference() -> None:
    call = make_dialling(reference="R1")
    apply(call, told(call, "busy", id=""))
    assert fresh(call).status == "busy"


def test_another_accounts_word_about_a_call_is_ignored() -> None:
    call = make_dialling()
    calls.apply(make_voice_account(), told(call, "busy"), LATER)
    assert fresh(call).status == "dialling"


def test_an_unknown_call_is_ignored() -> None:
    call = make_dialling()
    said = apply(call, told(call, id=str(uuid4()), reference="R9"))
    assert said == {"ended": 0, "ignored": 1}


@pytest.mark.parametrize(
    "body",
    [b"<xml>", b"[1]", b"{}", b'{"reference": "R1", "status": "busy", "id": "x"}'],
)
def test_a_body_of_another_kind_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        calls.apply(make_voice_account(), body, NOON)


# --- listening ------------------------------------------------------------------------------


@pytest.mark.requirement("D6")
def test_a_recorded_answer_becomes_text() -> None:
    call = make_dialling()
    apply(call, told(call))
    assert listening.listen(call.pk)
    assert fresh(call).heard == "4719"
    assert (fresh(call).confidence or 0) > 0.5
    assert fresh(call).due_at is None


def test_an_answer_is_listened_to_once() -> None:
    call = make_dialling()
    apply(call, told(call))
    listening.listen(call.pk)
    assert not listening.listen(call.pk)


def test_a_recording_of_another_format_is_heard_as_nothing() -> None:
    call = make_dialling()
    apply(call, told(call, recording=base64.b64encode(b"no wave").decode()))
    listening.listen(call.pk)
    assert (fresh(call).heard, fresh(call).confidence) == ("", 0.0)


# --- the sweep ---------------------------------------------------------------------------------


def test_a_provider_silent_for_two_minutes_is_no_answer() -> None:
    call = make_dialling()
    assert calls.sweep(NOON + calls.SILENCE)["silent"] == 1
    assert fresh(call).status == "no_answer"


def test_a_call_that_is_due_is_woken_again(queued: Any) -> None:
    due, _later = make_call(), make_call(due_at=LATER)
    calls.sweep(NOON)
    assert queued.jobs == [("messaging.jobs.place_call", (str(due.pk),), "voice")]


def test_an_answer_nobody_listened_to_is_woken_again(queued: Any) -> None:
    call = make_dialling()
    apply(call, told(call))
    queued.jobs.clear()
    calls.sweep(LATER + calls.LISTEN_WAIT)
    assert queued.names == ["messaging.jobs.recognise_call"]
