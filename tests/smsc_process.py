"""npm's smpp as the SMSC, in a process of its own (tests/peers/smsc).

with running_smsc(tps=100) as smsc:
    smsc.port, smsc.wait("submit", 3), smsc.do("unbind") ...
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "peers" / "smsc"
PATIENCE = 30


class NotInstalled(Exception):
    """Why there is no SMSC here."""


class Smsc:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.port = 0
        self._events: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.port = self.wait("listening", 1)[0]["port"]

    def events(self, kind: str) -> list[dict[str, Any]]:
        with self._news:
            return [one for one in self._events if one["event"] == kind]

    def wait(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """The events of a kind, once there are `count` of them."""
        self.until(lambda: len(self.events(kind)) >= count)
        return self.events(kind)

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        with self._news:
            while not holds():
                assert time.monotonic() < end, f"waited in vain: {self._events[-5:]}"
                self._news.wait(0.1)

    def do(self, order: str, **more: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": order, **more}) + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self._events.append(json.loads(line))
                self._news.notify_all()


@contextmanager
def running_smsc(**mood: Any) -> Iterator[Smsc]:
    """An SMSC on a free port of the loopback, ended with the block. Raises NotInstalled."""
    install()
    command = ["node", str(FOLDER / "smsc.js"), json.dumps(mood)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    smsc = Smsc(process)
    try:
        yield smsc
    finally:
        smsc.end()


def install() -> None:
    """Its packages, as the lock file names them, once. Raises NotInstalled."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise NotInstalled("Node.js with npm is not installed")
    with (FOLDER / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if _is_installed():
            return
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise NotInstalled("npm ci failed: is its registry reachable?")


def _is_installed() -> bool:
    kept = FOLDER / "node_modules" / ".package-lock.json"
    if not kept.exists():
        return False
    wanted = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    have = json.loads(kept.read_text())["packages"]
    return {k: v["version"] for k, v in have.items()} == {
        k: v["version"] for k, v in wanted.items() if k
    }
