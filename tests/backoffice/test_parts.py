from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from backoffice.supervisor import ground, house
from backoffice.supervisor.ground import CannotStart
from backoffice.supervisor.parts import Part, wait_until
from tests.processes import LONG, is_alive

pytestmark = pytest.mark.once

STUBBORN = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    pathlib.Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(600)
time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_part_that_refuses_to_end_is_killed_with_its_children(tmp_path):
    command = [sys.executable, "-c", STUBBORN, str(tmp_path)]
    part = Part("stubborn", command, log=tmp_path / "log" / "part.log").start()
    assert wait_until(lambda: len(list(tmp_path.iterdir())) == 2, seconds=LONG)
    child = next(int(p.name) for p in tmp_path.iterdir() if p.name.isdecimal())
    part.stop(grace=0.3)
    assert wait_until(lambda: not is_alive(child), seconds=LONG)


def test_last_words_say_why_a_part_ended(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    part = Part("brief", command, log=tmp_path / "part.log").start()
    assert wait_until(lambda: not part.is_running, seconds=LONG)
    assert part.last_words() == "no such thing"


def test_part_that_is_not_wanted_yet_starts_once_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(house, "LOOK_EVERY", 0.1)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    part = Part("spare", command, log=tmp_path / "part.log")
    said, asked = [], []

    def wanted():
        asked.append(part.is_running)
        return len(asked) == 2

    running = house.House(said.append)
    running.start_once(part, wanted)
    try:
        running.watch(until=lambda: part.is_running)
        assert asked == [False, False]
        assert said == ["  spare: started"]
    finally:
        running.stop()
    assert not part.is_running


def test_only_one_house_holds_a_folder(tmp_path):
    with ground.alone(tmp_path), pytest.raises(CannotStart, match=str(os.getpid())):
        ground.alone(tmp_path)
    ground.alone(tmp_path).close()


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_no_port_is_refused(port):
    with pytest.raises(CannotStart, match="is no port"):
        ground.port_free(port)


def test_taken_port_is_refused_with_another_to_try():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"PORT={port + 1}"):
            ground.port_free(port)
