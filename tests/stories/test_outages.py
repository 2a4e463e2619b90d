"""Redis and PostgreSQL end in mid-batch, in every way: nothing lost, nothing twice.

The whole house in processes of its own, on servers that the test started itself: workers,
scheduler and web server are started once and come back by themselves (reliability.md, 17:
T5, T6). The long ones run in `make chaos`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings

from backoffice.supervisor.ground import any_port
from backoffice.supervisor.parts import wait_until
from tests.processes import LONG, ROOT, alive_in
from tests.servers import (
    OwnPostgres,
    OwnValkey,
    own_postgres,
    own_valkey,
    why_no_postgres,
)
from tests.simulator_process import SimulatorProcess, running_simulator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.once,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]
needs_postgres = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

COUNT = 150
A_NEW_JOB = 20  # SMS: more than the workers have in hand
PROMISED = (
    60.0  # seconds from the end of an outage to the next SMS (reliability.md, P4)
)
GRANIAN = ["-m", "granian", "--interface", "wsgi", "--workers", "1", "--no-ws"]
GRANIAN += ["--blocking-threads", "4", "--host", "127.0.0.1"]


@dataclass
class House:
    """Every part a process in a session of its own; none is started again by us."""

    env: dict[str, str]
    port: int
    simulator: SimulatorProcess
    parts: list[subprocess.Popen[bytes]] = field(default_factory=list)
    door: str = ""

    def open(self, sweep: str) -> None:
        """Migrated, with SMS due; then the workers come."""
        self._run("manage.py", "migrate", "--verbosity", "0")
        token = self._world("make", str(COUNT), self.simulator.url, sweep)
        self.door = f"http://127.0.0.1:{self.port}/callbacks/{token}/receipts"
        self.simulator.rewrite_seed(SLOW | {"receipt_url": self.door})
        self._start(*GRANIAN, "--port", str(self.port), "backoffice.wsgi:application")
        self._start("manage.py", "runscheduler")
        self._start("manage.py", "runworkers", "--count", "3")

    def close(self) -> None:
        for part in self.parts:
            for pid in alive_in(part.pid):
                os.kill(pid, signal.SIGKILL)
            part.wait()
        gone = lambda: not any(alive_in(part.pid) for part in self.parts)  # noqa: E731
        assert wait_until(gone, seconds=LONG)

    def states(self) -> dict[str, int]:
        return json.loads(self._world("states"))

    def taken(self) -> int:
        return self.simulator.stats()["accepted"]

    def knock(self) -> int:
        """What the callback door answers to a provider."""
        headers = {"Authorization": f"Bearer {self.simulator.secret}"}
        request = urllib.request.Request(self.door, b"[]", headers)
        try:
            with urllib.request.urlopen(request, timeout=LONG) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:  # not up yet
            return 0

    def _start(self, *words: str) -> None:
        command = [sys.executable, *words]
        part = subprocess.Popen(command, cwd=ROOT, env=self.env, start_new_session=True)
        self.parts.append(part)

    def _run(self, *words: str) -> str:
        command = [sys.executable, *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.strip()

    def _world(self, *words: str) -> str:
        return self._run("-m", "tests.outage_world", *words).splitlines()[-1]


# A batch takes so long that an outage is in the midst of it; callbacks are repeated for
# minutes, as providers do.
SLOW = {"delay": 0.2, "latency": 0.3, "attempts": 200}
SWEEP = "every 15 seconds"  # as shipped


@contextmanager
def house(
    folder: Path, database: dict[str, str], queue: str, *, sweep: str = SWEEP
) -> Iterator[House]:
    port = any_port()
    unset = ("DATABASE_URL", "REDIS_URL", "SQLITE_FILE", "CI")
    env = {name: text for name, text in os.environ.items() if name not in unset}
    env |= {name: getattr(settings, name) for name in ("SECRET_KEY", "KEY_RING")}
    env |= {"INDEX_KEY": settings.INDEX_KEY, "VAR_DIR": str(folder), "PORT": str(port)}
    env |= {"DJANGO_SETTINGS_MODULE": "backoffice.settings", "REDIS_URL": queue}
    with running_simulator(SLOW) as simulator:
        running = House(env | database, port, simulator)
        try:
            running.open(sweep)
            yield running
        finally:
            running.close()


def in_mid_batch(running: House) -> None:
    assert wait_until(lambda: running.taken() >= COUNT // 10, seconds=3 * LONG)
    assert running.taken() < COUNT, "too late: all was sent"


def goes_on(running: House) -> float:
    """Seconds until the provider has SMS of a job that began after now, or all of them."""
    enough, began = min(running.taken() + A_NEW_JOB, COUNT), time.monotonic()
    more = lambda: running.taken() >= enough  # noqa: E731
    assert wait_until(more, seconds=4 * LONG, every=0.2), running.states()
    return time.monotonic() - began


def ends_well(running: House) -> None:
    """Everybody got one SMS, and every row says so."""
    all_there = lambda: running.states() == {"DELIVERED": COUNT}  # noqa: E731
    assert wait_until(all_there, seconds=6 * LONG, every=2), running.states()
    ledger = running.simulator.ledger()
    assert (len(ledger), max(ledger.values())) == (COUNT, 1)


# --- Redis ------------------------------------------------------------------------------


def flushed(queue: OwnValkey) -> None:
    queue.ask("FLUSHALL")


def killed(queue: OwnValkey) -> None:
    queue.kill()
    queue.start()


def lost(queue: OwnValkey) -> None:
    queue.lose()
    time.sleep(2)
    queue.start()


def absent(queue: OwnValkey) -> None:
    queue.kill()
    time.sleep(90)
    queue.start()


def full(queue: OwnValkey) -> None:
    queue.ask("CONFIG", "SET", "maxmemory", "1")
    time.sleep(20)
    queue.ask("CONFIG", "SET", "maxmemory", "256mb")


def hung(queue: OwnValkey) -> None:
    assert queue.part.process
    os.kill(queue.part.process.pid, signal.SIGSTOP)
    time.sleep(20)
    os.kill(queue.part.process.pid, signal.SIGCONT)


def test_redis_that_is_lost_with_its_disk_is_nothing_lost(tmp_path):
    database = {"SQLITE_FILE": str(tmp_path / "house.sqlite3")}
    with ExitStack() as stack:
        queue = stack.enter_context(own_valkey())
        soon = house(tmp_path, database, queue.url, sweep="every 2 seconds")
        running = stack.enter_context(soon)
        in_mid_batch(running)
        lost(queue)
        ends_well(running)


@pytest.mark.chaos
@pytest.mark.parametrize("outage", [flushed, killed, lost, absent, full, hung])
def test_sending_goes_on_after_every_outage_of_redis(tmp_path, outage):
    database = {"SQLITE_FILE": str(tmp_path / "house.sqlite3")}
    with own_valkey() as queue, house(tmp_path, database, queue.url) as running:
        in_mid_batch(running)
        outage(queue)
        seconds = goes_on(running)
        print(f"{outage.__name__}: sending goes on after {seconds:.0f} s")
        ends_well(running)
    assert seconds < PROMISED


# --- PostgreSQL ---------------------------------------------------------------------------


def restarted(server: OwnPostgres, running: House) -> None:
    server.restart()


def killed_and_started(server: OwnPostgres, running: House) -> None:
    server.kill()
    # Meanwhile a provider is told to come again.
    assert wait_until(lambda: running.knock() == 503, seconds=LONG)
    server.start()


@needs_postgres
@pytest.mark.chaos
@pytest.mark.parametrize("outage", [restarted, killed_and_started])
def test_database_outage_in_mid_batch_loses_and_doubles_nothing(tmp_path, outage):
    with ExitStack() as stack:
        server = stack.enter_context(own_postgres())
        queue = stack.enter_context(own_valkey())
        database = {"DATABASE_URL": server.url}
        running = stack.enter_context(house(tmp_path, database, queue.url))
        in_mid_batch(running)
        outage(server, running)
        seconds = goes_on(running)
        print(f"{outage.__name__}: sending goes on after {seconds:.0f} s")
        ends_well(running)
    assert seconds < PROMISED
