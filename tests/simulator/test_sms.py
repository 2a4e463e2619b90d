"""Every phone ending does what the simulator's table says."""

from __future__ import annotations

import http.client
from typing import Any
from uuid import uuid4

import pytest

from tests.simulator.conftest import Sink, wait_for
from tests.simulator_process import SECRET, SimulatorProcess, running_simulator

pytestmark = pytest.mark.timeout(300)


def message(ending: str, text: str = "hello") -> dict[str, str]:
    return {
        "id": str(uuid4()),
        "to": f"+861380000{ending:0>4}",
        "text": text,
        "sender": "10690000",
    }


def submit(simulator: SimulatorProcess, *messages: dict[str, str]) -> list[Any]:
    return simulator.post("/sms", {"messages": messages})["results"]


def test_an_ordinary_sms_is_delivered_with_its_reference(simulator, sink: Sink) -> None:
    sent = message("01")
    (result,) = submit(simulator, sent)
    (receipt,) = wait_for(sink.receipts)
    assert receipt["reference"] == result["reference"]
    assert (receipt["id"], receipt["to"]) == (sent["id"], sent["to"])
    assert receipt["status"] == "DELIVERED"


@pytest.mark.parametrize(
    ("ending", "error"), [("99", "INVALID_NUMBER"), ("98", "UNREACHABLE")]
)
def test_a_failing_ending_fails_by_receipt(
    simulator, sink: Sink, ending: str, error: str
) -> None:
    submit(simulator, message(ending))
    (receipt,) = wait_for(sink.receipts)
    assert (receipt["status"], receipt["error"]) == ("FAILED", error)


def test_97_is_late_and_96_is_silent(simulator, sink: Sink) -> None:
    silent, late, prompt = message("96"), message("97"), message("01")
    submit(simulator, silent, late, prompt)
    wait_for(lambda: len(sink.receipts()) == 2)
    assert [one["id"] for one in sink.receipts()] == [prompt["id"], late["id"]]


def test_95_is_refused_at_submission(simulator) -> None:
    sent = message("95")
    (result,) = submit(simulator, sent)
    assert result["code"] == "INVALID_NUMBER"
    assert simulator.accepted(sent["id"]) == 0


def test_94_is_throttled_once(simulator) -> None:
    sent = message("94")
    codes = [submit(simulator, sent)[0]["code"] for _ in range(2)]
    assert codes == ["THROTTLED", "OK"]
    assert simulator.accepted(sent["id"]) == 1


def test_93_is_accepted_but_the_answer_is_cut(simulator, sink: Sink) -> None:
    doubtful, beside = message("93"), message("01")
    with pytest.raises(http.client.RemoteDisconnected):
        submit(simulator, doubtful, beside)
    assert simulator.accepted(doubtful["id"]) == 1
    wait_for(lambda: len(sink.receipts()) == 2)


@pytest.mark.parametrize(
    ("ending", "text"), [("77", "TD"), ("76", "好的，谢谢 thanks")]
)
def test_a_replying_ending_replies_after_its_receipt(
    simulator, sink: Sink, ending: str, text: str
) -> None:
    sent = message(ending)
    submit(simulator, sent)
    (reply,) = wait_for(lambda: sink.bodies("reply"))
    assert (reply["from"], reply["to"], reply["text"]) == (sent["to"], "10690000", text)
    assert sink.posts[0][0] == "/receipts"


@pytest.mark.parametrize("ending", ["88", "87"])
def test_a_clicking_ending_follows_one_redirect_of_the_first_link(
    simulator, sink: Sink, ending: str
) -> None:
    text = f"点击{sink.url}/short/a1B2，退订回T。 {sink.url}/other"
    submit(simulator, message(ending, text))
    wait_for(lambda: simulator.stats()["clicks"])
    assert [path for path, _ in sink.gets] == ["/short/a1B2", "/long"]
    assert "Mobile" in sink.gets[0][1]


def test_an_sms_accepted_twice_is_counted_twice(simulator) -> None:
    sent = message("01")
    references = {submit(simulator, sent)[0]["reference"] for _ in range(2)}
    assert len(references) == 2
    assert simulator.accepted(sent["id"]) == 2
    assert simulator.stats()["max_accepted_per_id"] == 2


def test_receipts_come_a_hundred_a_post_with_the_secret(simulator, sink: Sink) -> None:
    for _ in range(3):
        submit(simulator, *(message("01") for _ in range(90)))
    wait_for(lambda: len(sink.receipts()) == 270)
    assert max(len(batch) for batch in sink.bodies("receipt")) == 100
    assert {secret for _, _, secret in sink.posts} == {f"Bearer {SECRET}"}


def test_a_receipt_refused_twice_is_told_again(simulator, sink: Sink) -> None:
    sink.refusals = 2
    submit(simulator, message("01"))
    wait_for(sink.receipts)
    wait_for(lambda: simulator.stats()["receipts_sent"])
    assert len(sink.receipts()) == 1


def test_a_query_tells_what_became_of_an_id(simulator, sink: Sink) -> None:
    sent = message("99")
    (result,) = submit(simulator, sent)
    wait_for(sink.receipts)
    found, missing = simulator.post("/sms/query", {"ids": [sent["id"], "x"]})["results"]
    assert found["reference"] == result["reference"]
    assert (found["status"], found["error"]) == ("FAILED", "INVALID_NUMBER")
    assert missing == {"id": "x", "found": False}


def test_the_outbox_shows_the_newest_texts_first(simulator) -> None:
    submit(simulator, message("01", "one"), message("02", "two"))
    assert [row["text"] for row in simulator.outbox(1)] == ["two"]


def test_fast_takes_away_every_delay(sink: Sink) -> None:
    with running_simulator(sink.seed(delay=600), fast=True) as simulator:
        submit(simulator, message("97"))
        assert wait_for(sink.receipts)
