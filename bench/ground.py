"""What a benchmark stands on: a database of its own, its queue, the sink, workers.

The database `backoffice_bench` is kept between runs, so that its data is made once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg

HERE = Path(__file__).resolve().parent
DATABASE = "backoffice_bench"
SERVER = os.environ.get("BENCH_SERVER", "postgres://postgres@127.0.0.1:5432")
DSN = f"{SERVER}/{DATABASE}"


def on_postgres():
    """Settings of this process and its children; the queue's socket."""
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as db:
        if not db.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
        ).fetchone():
            db.execute(f"CREATE DATABASE {DATABASE}")
    return _environment(HERE / "data", DATABASE_URL=DSN)


def on_sqlite():
    """The same with a file of our own under VAR_DIR."""
    return _environment(Path(os.environ["VAR_DIR"]))


def _environment(var, **more):
    from backoffice.kit import localkeys

    keys = localkeys.load(var / "keys.json", given={"": ""}, may_generate=True)
    queue = localkeys.socket_dir(var) / "valkey.sock"
    os.environ.update(
        keys, VAR_DIR=str(var), REDIS_URL=f"unix://{queue}", LOG_LEVEL="WARNING",
        DJANGO_SETTINGS_MODULE="backoffice.settings", **more,
    )  # fmt: skip
    return queue


@contextlib.contextmanager
def embedded(socket):
    """Django set up, its database migrated, and a queue of our own at the socket."""
    import django
    from django.core.management import call_command

    django.setup()
    from backoffice.supervisor import valkey

    valkey.private_folder(socket.parent)
    queue = valkey.embedded(
        socket, data=None, log=Path(os.environ["VAR_DIR"]) / "valkey.log"
    ).start()
    try:
        valkey.wait_for(f"unix://{socket}")
        call_command("migrate", verbosity=0)
        yield
    finally:
        queue.stop()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def process(*command):
    """A child that ends with the block; its own group, so that its children end, too."""
    child = subprocess.Popen(
        [sys.executable, *command], cwd=HERE.parent, start_new_session=True
    )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


@contextlib.contextmanager
def sink(latency=0.0):
    port = free_port()
    with process("-m", "bench.sink", str(port), str(latency)):
        until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)), seconds=10)
        yield port


@contextlib.contextmanager
def web(application="backoffice.wsgi:application"):
    """The web server, started as the house starts it; its port."""
    from backoffice.supervisor import house

    port = free_port()
    command = house.web(HERE, port=port).command
    server = command[command.index("granian") - 1 : -1]
    with process(*server, "--log-level", "error", application):
        until(lambda: house.accepts(port), seconds=30)
        yield port


@contextlib.contextmanager
def workers(count):
    with process("manage.py", "runworkers", "--count", str(count)) as crew:
        yield crew


def until(holds, *, seconds, every=0.1):
    """Wait for something; returns the seconds it took. Raises TimeoutError."""
    began = time.perf_counter()
    while not holds():
        if time.perf_counter() - began > seconds:
            raise TimeoutError
        time.sleep(every)
    return time.perf_counter() - began


def largest_rss_mb(parent):
    """The largest peak of resident memory among a process's descendants, in MB."""
    peaks = [_peak(pid) for pid in _descendants(parent)]
    return max(peaks, default=0) / 1024


def _descendants(parent):
    children = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    waiting, found = [parent], []
    while waiting:
        mine = children.get(waiting.pop(), [])
        waiting += mine
        found += mine
    return found


def _peak(pid):
    with contextlib.suppress(OSError):
        for line in (Path("/proc") / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
