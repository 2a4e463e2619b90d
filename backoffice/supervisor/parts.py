"""A part of the running house: a process of ours, started, watched and ended by us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")


class Part:
    """One child in a session of its own, so that a Ctrl-C meant for us is not its own too.

    It ends with us however we end; its output goes to `log`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        folder: Path | None = None,
        on_orphan: str = "TERM",
    ) -> None:
        self.name = name
        leash = [sys.executable, "-I", str(LEASH), on_orphan, str(os.getpid())]
        self.command = [*leash, *command]
        self.log = log
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Part:
        """Start it. Call from the main thread: the leash is tied to the thread."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(  # noqa: S603  our own command
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        return self

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        self._signal(signal.SIGTERM)

    def stop(self, *, grace: float = 10.0) -> None:
        """Ask it to end, wait `grace` seconds, then end it and its whole group."""
        self.ask_to_stop()
        if self.process is not None:
            try:
                self.process.wait(grace)
            except subprocess.TimeoutExpired:
                pass
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def last_words(self, lines: int = 5) -> str:
        """The end of its log, to say why it did not start."""
        if not self.log.exists():
            return ""
        text = self.log.read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, signum: int) -> None:
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signum)
        except (ProcessLookupError, PermissionError):
            pass  # nobody of the group is left (macOS says "permission" for a zombie)


def wait_until(
    ready: Callable[[], bool], *, seconds: float, every: float = 0.05
) -> bool:
    """Call `ready` until it is true or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(every)
    return False
