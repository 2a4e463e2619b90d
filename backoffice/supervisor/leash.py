"""Run a command that ends when its parent does, even when the parent is killed with -9.

    python leash.py TERM PARENT COMMAND...

Standard library only and started by path: it becomes the command itself on Linux, where
the kernel holds the leash; elsewhere it stays and watches its parent.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def hold(signum: int, parent: int) -> None:
    """End this process, a fork of `parent`, with `signum` when its parent ends."""
    if platform.system() == "Linux":
        die_with_parent(signum, parent)
    else:
        threading.Thread(
            target=_watch_parent, args=(signum, parent), daemon=True
        ).start()


def _watch_parent(signum: int, parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.3)
    os.kill(os.getpid(), signum)


def die_with_parent(signum: int, parent: int) -> None:
    """Linux: have the kernel signal this process when the thread that made it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signum)


def watch(command: Sequence[str], signum: int, parent: int) -> int:
    """Elsewhere: run the command as a child and end it when our parent changes."""
    child = subprocess.Popen(command)  # noqa: S603  the supervisor's own command
    for forwarded in (signal.SIGTERM, signal.SIGINT):
        signal.signal(forwarded, lambda number, _frame: child.send_signal(number))
    while child.poll() is None:
        if os.getppid() != parent:
            return _end(child, signum)
        time.sleep(0.3)
    return child.returncode


def _end(child: subprocess.Popen[bytes], signum: int) -> int:
    child.send_signal(signum)
    try:
        return child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def main(arguments: Sequence[str]) -> int:
    """The command's exit status; on Linux it never comes back."""
    signum = getattr(signal, "SIG" + arguments[0])
    # Told, not asked for: it may have ended before we came to ask.
    parent, command = int(arguments[1]), arguments[2:]
    if platform.system() == "Linux":
        die_with_parent(signum, parent)
        os.execvp(command[0], list(command))  # noqa: S606  becomes the command
    return watch(command, signum, parent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
