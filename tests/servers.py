"""Servers of our own for tests that end them: a Valkey, and Debian's PostgreSQL.

Both on this machine alone, in a folder of the test's, ended with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from backoffice.supervisor import valkey
from backoffice.supervisor.ground import any_port
from backoffice.supervisor.parts import Part, wait_until
from tests.processes import LONG

DEBIAN = Path("/usr/lib/postgresql")
NOBODY = "postgres"  # PostgreSQL refuses to run as root


@dataclass
class OwnValkey:
    """Keeps its data in `folder` over a restart, as `make run`'s does."""

    folder: Path
    part: Part = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "data").mkdir()
        data, log = self.folder / "data", self.folder / "valkey.log"
        self.part = valkey.embedded(self.folder / "sock", data=data, log=log)

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/sock"

    def start(self) -> None:
        self.part.start()
        assert valkey.wait_for(self.url, seconds=LONG), self.part.last_words()

    def kill(self) -> None:
        """As a power cut does."""
        self.part.stop(grace=0)

    def lose(self) -> None:
        """Its disk, too."""
        self.kill()
        shutil.rmtree(self.folder / "data")
        (self.folder / "data").mkdir()

    def ask(self, *command: Any) -> Any:
        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*command)


@contextmanager
def own_valkey() -> Iterator[OwnValkey]:
    # A socket's path is short: hence not the test's own folder.
    with tempfile.TemporaryDirectory(prefix="vk") as folder:
        server = OwnValkey(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


def why_no_postgres() -> str:
    """Why no PostgreSQL of our own can be made here; empty where one can."""
    if not _programs():
        return f"no PostgreSQL programs under {DEBIAN}"
    if (
        os.getuid() == 0
        and subprocess.run(["id", NOBODY], capture_output=True).returncode
    ):
        return f"root, and there is no user {NOBODY} to run PostgreSQL as"
    return ""


def _programs() -> Path | None:
    found = [one.parent for one in DEBIAN.glob("*/bin/initdb")]
    return max(found, key=lambda one: float(one.parent.name), default=None)


@dataclass
class OwnPostgres:
    """A cluster in `folder`, without passwords, on a port of the loopback."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgres://{NOBODY}@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        data = str(self.folder / "data")
        made = self._run("initdb", "-D", data, "-U", NOBODY, "-A", "trust", "--no-sync")
        assert made == 0

    def start(self) -> None:
        # After a kill its old backends need a moment to end; until then it refuses.
        started = lambda: self._control("start") == 0  # noqa: E731
        assert wait_until(started, seconds=LONG), (self.folder / "log").read_text()

    def restart(self) -> None:
        """Connections are cut and transactions torn, as in a failover."""
        assert self._control("restart", "-m", "immediate") == 0

    def kill(self) -> None:
        """The postmaster alone, with -9; its backends end when they see that."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, *words: str) -> int:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}"
        data, log = str(self.folder / "data"), str(self.folder / "log")
        places = ("-D", data, "-l", log, "-o", options)
        return self._run("pg_ctl", *places, "-w", "-t", str(int(LONG)), *words)

    def _run(self, program: str, *words: str) -> int:
        as_nobody: dict[str, Any] = {}
        if os.getuid() == 0:
            as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return subprocess.run(
            [str((_programs() or DEBIAN) / program), *words],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_nobody,
        ).returncode


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        if os.getuid() == 0:
            shutil.chown(folder, NOBODY, NOBODY)
        server = OwnPostgres(Path(folder), any_port())
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
