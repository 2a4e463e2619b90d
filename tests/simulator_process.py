"""The simulator as a process of its own, for tests and stories.

with running_simulator({"receipt_url": ...}) as simulator:
    simulator.url, simulator.stats(), simulator.accepted(id) ...
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECRET = "the simulator's secret"
SECONDS_TO_END = 60


@dataclass(frozen=True)
class SimulatorProcess:
    port: int
    seed_path: Path
    secret: str
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        return self._ask(path, None)

    def post(self, path: str, body: Any) -> Any:
        return self._ask(path, json.dumps(body).encode())

    def stats(self) -> dict[str, int]:
        return self.get("/stats")

    def calls(self) -> list[Any]:
        """The call requests as they came over the wire."""
        return self.get("/requests/calls")["requests"]

    def accepted(self, one: object) -> int:
        """How many times the SMS with this id of ours was accepted."""
        return self.get(f"/accepted?id={one}")["accepted"]

    def ledger(self) -> dict[str, int]:
        """How many times each SMS was accepted, by id of ours."""
        return self.get("/accepted/all")

    def outbox(self, limit: int = 50) -> list[dict[str, str]]:
        return self.get(f"/outbox?limit={limit}")["messages"]

    def merge_people(self, people: dict[str, Any]) -> None:
        self.post("/people", people)

    def reset(self) -> None:
        self.post("/reset", {})

    def rewrite_seed(self, seed: dict[str, Any]) -> None:
        write_seed(self.seed_path, seed)

    def _ask(self, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self.secret}"}
        request = urllib.request.Request(self.url + path, body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def write_seed(path: Path, seed: dict[str, Any]) -> None:
    """Whole at once: the simulator may be reading."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"secret": SECRET} | seed), encoding="utf-8")
    new.replace(path)


@contextmanager
def running_simulator(
    seed: dict[str, Any], *, fast: bool = False
) -> Iterator[SimulatorProcess]:
    """Start it on a port chosen by the OS; end it, and its files, on leaving.

    The seed gets the secret SECRET where it has none, and a delay of 0.05 s.
    """
    seed = {"secret": SECRET, "delay": 0.05} | seed
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simulator.json"
        write_seed(path, seed)
        process = start(path, port=0, fast=fast)
        try:
            secret = str(seed["secret"])
            yield SimulatorProcess(_port_of(process), path, secret, process)
        finally:
            end(process)


def start(seed_path: Path, *, port: int, fast: bool = False) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "backoffice.simulator"]
    command += ["--port", str(port), "--seed", str(seed_path)]
    return subprocess.Popen(
        command + ["--fast"] * fast, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def end(process: subprocess.Popen[str]) -> int:
    """Ask it to end, and insist if it does not. Its exit code."""
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode


def _port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r":(\d+)$", line.strip())
    assert found, "the simulator did not start"
    return int(found.group(1))
