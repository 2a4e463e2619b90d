"""A bad day at the provider: each fault takes the SMS, or does not, as its table says."""

from __future__ import annotations

import http.client
import urllib.error

import pytest

from tests.simulator_process import SimulatorProcess, running_simulator

SMS = {"messages": [{"id": "m1", "to": "+8613800000001", "text": "hello"}]}


def happens(simulator: SimulatorProcess) -> object:
    """The status of the answer, or the name of what came instead of one."""
    try:
        return simulator.post("/sms", SMS)["results"][0]["code"]
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError, http.client.HTTPException) as error:
        return type(error).__name__


@pytest.mark.parametrize(
    ("fault", "seen", "taken"),
    [
        ("throttle", 429, 0),
        ("error", 500, 0),
        ("cut", "RemoteDisconnected", 0),
        ("error_after", 500, 1),
        ("cut_after", "RemoteDisconnected", 1),
        ("garbage", "JSONDecodeError", 1),
        ("slow", "OK", 1),
    ],
)
def test_a_fault_is_seen_and_the_ledger_knows_the_truth(fault, seen, taken) -> None:
    faults = {fault: 100, "slow_seconds": 0.1}
    with running_simulator({"faults": faults}) as simulator:
        how = happens(simulator)
        stats = simulator.stats()
        assert simulator.ledger() == ({"m1": 1} if taken else {})
    assert how in (seen, "ConnectionResetError") if "cut" in fault else how == seen
    assert (stats["accepted"], stats[f"fault_{fault}"]) == (taken, 1)


def test_the_same_seed_gives_the_same_faults() -> None:
    faults = {"seed": 7, "error": 30, "throttle": 30}
    courses = []
    for _run in range(2):
        with running_simulator({"faults": faults}) as simulator:
            courses.append([happens(simulator) for _request in range(20)])
    assert courses[0] == courses[1]
    assert len(set(courses[0])) == 3
