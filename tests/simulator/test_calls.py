"""A called person answers what the person knows, never what the request says."""

from __future__ import annotations

import base64
import io
import urllib.error
import wave
from typing import Any

import pytest

from messaging.voice.recognise import recognise
from tests.simulator.conftest import Sink, wait_for

pytestmark = pytest.mark.timeout(300)

PHONE = "+8613800000001"


def request(**changes: str) -> dict[str, str]:
    return {
        "id": "11111111-1111-4111-8111-111111111111",
        "to": PHONE,
        "script": "Please say the last four digits of your card.",
        "answer_kind": "digits",
        "language": "en",
    } | changes


def call(simulator, sink: Sink, person: dict[str, Any], **changes: str) -> Any:
    simulator.merge_people({PHONE: person})
    simulator.post("/calls", request(**changes))
    (told,) = wait_for(lambda: sink.bodies("call"))
    return told


@pytest.mark.requirement("D5")
def test_the_recording_holds_what_the_person_says_after_answering(
    simulator, sink: Sink
) -> None:
    told = call(simulator, sink, {"answers": {"digits": "4719"}})
    recording = base64.b64decode(told["recording"])
    with wave.open(io.BytesIO(recording)) as reader:
        assert reader.getparams()[:3] == (1, 2, 16_000)
    heard = recognise(recording, kind="digits", length=4)
    assert (told["status"], told["keys"], heard.text) == ("answered", "", "4719")


def test_a_callback_names_the_call_by_reference_and_id(simulator, sink: Sink) -> None:
    simulator.merge_people({PHONE: {"picks_up": "busy"}})
    answer = simulator.post("/calls", request())
    (told,) = wait_for(lambda: sink.bodies("call"))
    assert (told["reference"], told["id"]) == (answer["reference"], request()["id"])


@pytest.mark.parametrize("outcome", ["busy", "no_answer"])
def test_a_person_may_be_busy_or_away(simulator, sink: Sink, outcome: str) -> None:
    told = call(simulator, sink, {"picks_up": outcome, "answers": {"digits": "1"}})
    assert (told["status"], told["keys"], told["recording"]) == (outcome, "", "")


def test_nobody_answers_an_unknown_number(simulator, sink: Sink) -> None:
    simulator.post("/calls", request(to="+8613899999999"))
    (told,) = wait_for(lambda: sink.bodies("call"))
    assert told["status"] == "no_answer"


@pytest.mark.parametrize(
    ("person", "language"),
    [({"by": "keypad"}, "en"), ({"by": "voice"}, "zh-hans"), ({}, "zh_Hans")],
)
def test_keys_are_pressed_on_request_and_in_chinese(
    simulator, sink: Sink, person: dict[str, str], language: str
) -> None:
    person = person | {"answers": {"digits": "4719"}}
    told = call(simulator, sink, person, language=language)
    assert (told["status"], told["keys"], told["recording"]) == ("answered", "4719", "")


@pytest.mark.parametrize(
    ("kind", "answer", "keys"),
    [("yesno", "yes", "1"), ("yesno", "no", "2"), ("date", "1990-05-20", "19900520")],
)
def test_the_kind_of_answer_chooses_the_answer(
    simulator, sink: Sink, kind: str, answer: str, keys: str
) -> None:
    person = {"by": "keypad", "answers": {"digits": "4719", kind: answer}}
    assert call(simulator, sink, person, answer_kind=kind)["keys"] == keys


def test_a_person_without_an_answer_stays_silent(simulator, sink: Sink) -> None:
    told = call(simulator, sink, {"answers": {"yesno": "yes"}})
    heard = recognise(base64.b64decode(told["recording"]), kind="digits", length=4)
    assert (told["status"], heard.text) == ("answered", "")


def test_a_request_with_anything_more_is_refused_and_kept_for_inspection(
    simulator,
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        simulator.post("/calls", request(expected="4719"))
    assert refusal.value.code == 400
    assert simulator.calls() == [request(expected="4719")]
