"""The simulator as a program: secret, seed file, start and end."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulator.conftest import Sink, wait_for
from tests.simulator_process import ROOT, end, running_simulator, write_seed

pytestmark = pytest.mark.timeout(300)

CREDIT = {"C1001": {"blacklisted": True}, "C1002": {"blacklisted": False}}


def test_a_wrong_secret_is_turned_away(simulator) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        replace(simulator, secret="a guess").stats()
    assert refusal.value.code == 401


def test_credit_facts_come_from_the_seed_for_known_ids_only(sink: Sink) -> None:
    with running_simulator({"credit": CREDIT}) as simulator:
        told = simulator.post("/credit", {"ids": ["C1001", "C9"]})
    assert told == {"results": {"C1001": {"blacklisted": True}}}


def test_a_changed_seed_file_is_read_again(simulator) -> None:
    simulator.rewrite_seed({"credit": CREDIT})
    assert simulator.post("/credit", {"ids": ["C1002"]})["results"]


def test_a_broken_seed_file_leaves_the_former_content(sink: Sink) -> None:
    with running_simulator({"credit": CREDIT}) as simulator:
        simulator.seed_path.write_text('{"secret": ')
        assert simulator.post("/credit", {"ids": ["C1001"]})["results"]


def test_a_reset_forgets_counts_and_people(simulator, sink: Sink) -> None:
    phone = "+8613800000001"
    simulator.merge_people({phone: {"by": "keypad", "answers": {"digits": "1"}}})
    simulator.post("/sms", {"messages": [{"id": "1", "to": phone, "text": "a"}]})
    simulator.reset()
    call = {"id": "2", "to": phone, "script": "", "answer_kind": "digits"}
    simulator.post("/calls", call | {"language": "en"})
    (told,) = wait_for(lambda: sink.bodies("call"))
    assert (simulator.stats()["accepted"], told["status"]) == (0, "no_answer")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": [{"id": 1}]},
        {"messages": [{"id": "", "to": "", "text": ""}] * 101},
    ],
)
def test_a_submission_out_of_shape_is_refused(simulator, body: dict) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        simulator.post("/sms", body)
    assert refusal.value.code == 400


def test_it_ends_cleanly_when_told(simulator) -> None:
    assert end(simulator.process) == 0


def test_a_taken_port_is_a_clear_sentence(simulator, tmp_path: Path) -> None:
    write_seed(tmp_path / "seed.json", {})
    failed = run("--port", str(simulator.port), "--seed", str(tmp_path / "seed.json"))
    assert failed.returncode == 2
    assert f"port {simulator.port} is already in use" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_missing_seed_file_is_a_clear_sentence(tmp_path: Path) -> None:
    failed = run("--port", "0", "--seed", str(tmp_path / "none.json"))
    assert failed.returncode == 2
    assert "none.json cannot be read" in failed.stderr


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backoffice.simulator", *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
