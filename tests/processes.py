"""Worker processes for tests and stories, and what is left of them: nothing.

A worker that is killed while it waits for work may be handed one more wake-up by the
queue, which dies with it: nobody may enqueue before the queue knows that it is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis
from django.conf import settings

from backoffice.supervisor.parts import wait_until

ROOT = Path(__file__).resolve().parent.parent
PROC = Path("/proc")
# Generous: a loaded machine needs some seconds to start Python and Django.
LONG = 60.0


@contextmanager
def running_workers(
    env: Mapping[str, str], *, count: int = 2
) -> Iterator[subprocess.Popen[bytes]]:
    """The real command in a session of its own; on leaving all of it is killed and gone."""
    command = [sys.executable, "manage.py", "runworkers", "--count", str(count)]
    crew = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True)
    try:
        yield crew
    finally:
        end(crew)


def end(crew: subprocess.Popen[bytes]) -> None:
    """Kill a crew, and wait until nobody of it lives and the queue waits for none."""
    crew.kill()
    crew.wait()
    gone = lambda: not alive_in(crew.pid) and not waits_for_work()  # noqa: E731
    assert wait_until(gone, seconds=LONG), f"left: {alive_in(crew.pid)}"


def waits_for_work() -> bool:
    """Whether the queue still holds anybody for the next wake-up."""
    with redis.Redis.from_url(settings.QUEUE_URL) as client:
        database = str(client.get_connection_kwargs().get("db", 0))
        clients = client.client_list()
    return any("b" in one["flags"] and one["db"] == database for one in clients)


def is_alive(pid: int) -> bool:
    """A zombie is gone: it only waits for somebody to ask how it ended."""
    found = _status(pid)
    return found is not None and found[0] != "Z"


def children(pid: int) -> list[int]:
    return [one for one, status in _statuses() if int(status[1]) == pid]


def parent(pid: int) -> int:
    """Its parent's pid; 0 where it has ended."""
    found = _status(pid)
    return int(found[1]) if found else 0


def alive_in(session: int) -> list[int]:
    """The processes of a session, however deep, that live."""
    return [
        pid
        for pid, status in _statuses()
        if int(status[3]) == session and status[0] != "Z"
    ]


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """Whether there was anybody to kill."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _statuses() -> Iterator[tuple[int, list[str]]]:
    for folder in PROC.glob("[0-9]*"):
        if status := _status(int(folder.name)):
            yield int(folder.name), status


def _status(pid: int) -> list[str] | None:
    """State, parent, group, session ... of a process, as Linux tells."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
