"""`manage.py runsmpp` as a process of its own, for tests.

with running_gateway(child_env, url) as process: ...
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from backoffice.kit.http import Request, send
from messaging.smpp.config import bearer

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30


@contextmanager
def running_gateway(
    env: Mapping[str, str], url: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The gateway, listening at `url`; asked to end with the block."""
    command = [sys.executable, "manage.py", "runsmpp"]
    process = subprocess.Popen(command, cwd=ROOT, env={**env, "SMPP_GATEWAY": url})
    try:
        until(lambda: lines(url) is not None or process.poll() is not None)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.kill()
        process.wait()


def lines(url: str) -> dict[str, dict[str, object]] | None:
    """What each line is at, by account; None where nobody answers."""
    answer = send(Request("GET", f"{url}/lines", headers={"Authorization": bearer()}))
    return answer.json() if answer.ok else None


def bound(url: str, account_id: int) -> bool:
    return (lines(url) or {}).get(str(account_id), {}).get("state") == "bound"


def until(holds, *, seconds=PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
