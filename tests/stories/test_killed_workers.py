"""Workers killed with -9 at random moments, at a provider that has a bad day.

Nobody gets an SMS twice, nothing is lost (reliability.md, 17: T1, T2). The small run is a
part of `make test`, the large one is `make chaos`.
"""

from __future__ import annotations

import sys

import pytest

from tests import chaos
from tests.builders import make_account
from tests.chaos import FAULTS, HURRY, Fury, Size
from tests.processes import running_workers
from tests.simulator_process import running_simulator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]

SMALL = Size(
    notices=100,
    recipients=40,
    kills=12,
    kills_while_sending=3,
    pause=(0.05, 0.25),
    workers=2,
    worker_each=9,
    seconds_to_settle=200,
)
LARGE = Size(
    notices=1_200,
    recipients=400,
    kills=200,
    kills_while_sending=50,
    pause=(0.05, 0.25),
    workers=4,
    worker_each=25,
    seconds_to_settle=600,
)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(SMALL, id="small"),
        pytest.param(
            LARGE, id="large", marks=[pytest.mark.chaos, pytest.mark.timeout(1500)]
        ),
    ],
)
def test_nobody_gets_an_sms_twice_and_nothing_is_lost(server, child_env, size):
    dice = chaos.seeded()
    chaos.hurry(**HURRY)
    account = make_account()
    seed = chaos.provider_seed(server.url, account)
    faults = {"faults": FAULTS | {"seed": dice.random()}}
    with running_simulator(seed | faults) as simulator:
        chaos.use(account, simulator)
        push = chaos.make_messages(size, dice)
        with running_workers(child_env, count=size.workers) as crew:
            fury = Fury(dice, size, crew.pid)
            fury.rage(seconds=size.seconds_to_settle)
            chaos.first_attempts(seconds=size.seconds_to_settle)
            simulator.rewrite_seed(seed)
            took = chaos.settle(seconds=size.seconds_to_settle)
        ledger, stats = simulator.ledger(), simulator.stats()
    again, lost = chaos.share_sent_again(ledger)
    print(f"{fury}\nsettled in {took:.0f} s, sent again {again} of {lost}\n{stats}")
    chaos.check_nothing_twice(ledger)
    chaos.check_nothing_lost(size, ledger)
    chaos.check_counters(push)
    assert fury.is_enough
    assert again >= 0.95 * lost
