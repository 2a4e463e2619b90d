"""What a newcomer does: `make run`, look, Ctrl-C, `make run` again."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice.supervisor.ground import any_port
from backoffice.supervisor.parts import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.timeout(600)]


class Run:
    """One `make run`, with its own folder and port and nothing else set."""

    def __init__(self, folder: Path, port: int) -> None:
        unset = ("DATABASE_URL", "REDIS_URL", "PUBLIC_BASE_URL", "CI")
        env = {name: text for name, text in os.environ.items() if name not in unset}
        env |= {"VAR_DIR": str(folder), "PORT": str(port)}
        self.folder = folder
        self.process = subprocess.Popen(
            ["make", "run"],
            cwd=ROOT,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def says(self, words: str, *, seconds: float = 240) -> bool:
        ended = lambda: self.process.poll() is not None  # noqa: E731
        wait_until(lambda: words in self.text or ended(), seconds=seconds)
        return words in self.text

    def interrupt(self) -> int:
        """Ctrl-C, as a terminal sends it: to every process of the foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.end()

    def end(self) -> int:
        code = self.process.wait(180)
        self._reader.join(10)
        return code

    def processes(self) -> list[str]:
        """Those that were started with our folder in their environment."""
        listed = subprocess.run(["ps", "axeww"], capture_output=True, text=True)
        mark = f"VAR_DIR={self.folder} "
        return [line for line in listed.stdout.splitlines() if mark in f"{line} "]

    def count(self, table: str) -> int:
        with sqlite3.connect(self.folder / "backoffice.sqlite3") as database:
            found: int = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    # Whatever a failed test left behind.
    listed = subprocess.run(["ps", "axeww"], capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        if f"VAR_DIR={tmp_path / 'var'} " in f"{line} ":
            os.kill(int(line.split()[0]), signal.SIGKILL)


TABLES = ["messaging_message", "campaigns_push", "customers_customer"]


def test_two_runs_and_an_interruption(folder: Path) -> None:
    port = any_port()
    first = Run(folder, port)
    assert first.says("Ctrl-C stops everything"), first.text
    assert f"http://127.0.0.1:{port}/admin/" in first.text
    assert "demo / demo-password" in first.text
    assert re.search(r"delivered +[1-9]", first.text)
    assert re.search(r"Report: +http://127.0.0.1:\d+/admin/\S+", first.text)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/") as page:
        assert page.status == 200
    assert len(first.processes()) > 5
    first.interrupt()
    assert "nothing is left running" in first.text
    assert first.processes() == []
    rows = [first.count(table) for table in TABLES]
    assert all(rows)

    second = Run(folder, port)
    assert second.says("Ctrl-C stops everything"), second.text
    report = re.compile(r"Report: .*")
    assert report.findall(second.text) == report.findall(first.text)
    second.interrupt()
    assert second.processes() == []
    assert [second.count(table) for table in TABLES] == rows


@pytest.mark.skipif(not Path("/proc").exists(), reason="kills by what /proc says")
def test_nothing_is_left_after_kill_9(folder: Path) -> None:
    run = Run(folder, any_port())
    assert run.says("scheduler           on"), run.text
    ours = [line for line in run.processes() if "manage.py up" in line]
    os.kill(int(ours[-1].split()[0]), signal.SIGKILL)
    assert wait_until(lambda: run.processes() == [], seconds=120), run.processes()
    run.end()


def test_taken_port_gets_a_sentence(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = Run(folder, taken.getsockname()[1])
        assert run.end() != 0
    assert "is taken by another program" in run.text
    assert "Traceback" not in run.text


def test_folder_that_cannot_be_written_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = Run(tmp_path / "file" / "var", any_port())
    assert run.end() != 0
    assert "cannot be written" in run.text
    assert "Traceback" not in run.text


def test_second_run_beside_the_first_gets_a_sentence(folder: Path) -> None:
    first = Run(folder, any_port())
    assert first.says("web server"), first.text
    second = Run(folder, any_port())
    assert second.end() != 0
    assert "already runs" in second.text
    first.interrupt()
