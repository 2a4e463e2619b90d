"""What must be so before the house can start; each lack is a sentence for a person."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO


class CannotStart(Exception):
    """A reason, with what to do about it, for somebody who sees nothing else."""


def writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotStart(
            f"The folder {folder} cannot be written ({error.strerror}). Give yourself "
            "the right to, or name another one: VAR_DIR=/path/to/folder make run"
        ) from None


def alone(folder: Path) -> IO[str]:
    """Hold the folder until the file that is returned is closed."""
    lock = (folder / "up.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        raise CannotStart(
            f"It already runs on {folder} (process {lock.read().strip() or '?'}). "
            "Stop that one first with Ctrl-C."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def port_free(port: int) -> None:
    if not 0 < port < 65536:
        raise CannotStart(f"{port} is no port. Choose one: make run PORT=8001")
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except PermissionError:
            raise CannotStart(
                f"Port {port} is for the system's own programs. Choose a higher one: "
                "make run PORT=8001"
            ) from None
        except OSError:
            raise CannotStart(
                f"Port {port} is taken by another program. Stop it, or choose another "
                f"port: make run PORT={port + 1}"
            ) from None


def any_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port
