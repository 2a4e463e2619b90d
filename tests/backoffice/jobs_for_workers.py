"""What the workers of test_workers.py are given to do."""

from __future__ import annotations

import os
import time
from pathlib import Path


def touch(path: str) -> None:
    Path(path).touch()


def begin_then_touch(folder: str, seconds: float) -> None:
    Path(folder, "begun").touch()
    time.sleep(seconds)
    Path(folder, "ended").touch()


def write_pids_then_sleep(folder: str) -> None:
    for role, pid in (("horse", os.getpid()), ("worker", os.getppid())):
        Path(folder, f"{role}-{pid}").touch()
    time.sleep(600)


def fail(_lanes: tuple[str, ...]) -> None:
    raise OSError
