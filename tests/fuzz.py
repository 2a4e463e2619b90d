"""`make fuzz`: the callback door over the real web server, against what nobody meant.

    python -m tests.fuzz [SECONDS] [SEED]

Some connections at a time send odd requests, broken HTTP and bodies that lie about their
length, for a minute. No answer may be a 5xx, the server must stand at the end, and all
that was stored must be applied. SQLite in a folder of its own, or what DATABASE_URL names
(a database made for it, and dropped).
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from socket import SHUT_WR, create_connection

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = 4
SECRET = "s3cret"


def main(seconds: float, seed: int) -> int:
    from backoffice.kit import localkeys

    with tempfile.TemporaryDirectory() as var, _database():
        keys = localkeys.load(Path(var) / "keys.json", given={"": ""}, may_generate=True)  # fmt: skip
        os.environ.update(
            keys, VAR_DIR=var, DJANGO_SETTINGS_MODULE="backoffice.settings", LOG_LEVEL="CRITICAL"
        )  # fmt: skip
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        with _web(Path(var)) as port:
            seen = _knock(port, _doors(), seconds, seed)
        return _report(seen, seed)


@contextmanager
def _database():
    """A database of our own on the server that DATABASE_URL names."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        yield
        return
    import psycopg

    name = f"fuzz_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        os.environ["DATABASE_URL"] = url.rpartition("/")[0] + f"/{name}"
        try:
            yield
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _web(var: Path):
    from backoffice.supervisor import house
    from backoffice.supervisor.ground import any_port
    from backoffice.supervisor.parts import wait_until

    port = any_port()
    part = house.web(var, port=port).start()
    try:
        assert wait_until(lambda: house.accepts(port), seconds=60), part.last_words()
        yield port
    finally:
        part.stop()


def _doors() -> list[str]:
    from tests.builders import make_account, make_token

    sms, voice = make_token(make_account()), make_token(make_account(channel="voice"))
    return [f"{sms}/receipts", f"{sms}/receipts", f"{sms}/replies", f"{voice}/calls"]


def _knock(port: int, doors: list[str], seconds: float, seed: int) -> Counter[str]:
    """How often the server said what, or nothing."""
    seen: Counter[str] = Counter()
    end = time.monotonic() + seconds

    def work(number: int) -> None:
        dice = Random(seed * 1000 + number)
        while time.monotonic() < end:
            seen[_ask(port, *_wire(dice, doors))] += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = b"POST /callbacks/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n\r\n[]"
    assert _ask(port, good % (doors[0].encode(), SECRET.encode())) == "200"
    return seen


def _wire(dice: Random, doors: list[str]) -> tuple[bytes, bool]:
    """An odd request as bytes, and does more of it never come? Its HTTP may be broken, too."""
    from tests.messaging.odd_requests import odd_request

    odd = odd_request(dice, doors, SECRET)
    path = f"{odd.path}?{odd.query}" if odd.query else odd.path
    lines = [f"{odd.method} {path} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in odd.headers.items()]
    body, lie = odd.body, 0
    if odd.length is None:
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        lie = dice.choice([0] * 20 + [-3, 3])
        lines.append(f"Content-Length: {max(0, odd.length + lie)}")
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    if dice.random() < 0.05:
        return _broken(dice, head) + body, True
    return head + body, lie > 0


def _broken(dice: Random, head: bytes) -> bytes:
    at = dice.randrange(len(head))
    return (
        head[:at] + dice.randbytes(dice.randrange(3)) + head[at + dice.randrange(3) :]
    )


def _ask(port: int, request: bytes, ends: bool = False) -> str:
    """The status of the answer; "closed" where there is none."""
    with create_connection(("127.0.0.1", port), timeout=30) as sock:
        # It may have answered and closed before it read all.
        with suppress(OSError):
            sock.sendall(request)
            if ends:
                sock.shutdown(SHUT_WR)
        with suppress(ConnectionError):
            answer = sock.recv(4096)
            return answer[9:12].decode("latin-1") or "closed"
    return "closed"


def _report(seen: Counter[str], seed: int) -> int:
    from django.utils import timezone

    from messaging import inbox
    from messaging.models import CallbackRequest

    inbox.apply_waiting(timezone.now(), rounds=10_000)
    kept = CallbackRequest.objects
    waiting = kept.filter(applied_at__isnull=True).count()
    broken = sum(count for status, count in seen.items() if status.startswith("5"))
    print(f"seed {seed}: {sum(seen.values())} requests, answers {dict(seen)}")
    print(f"{kept.count()} stored, {kept.exclude(problem='').count()} could not be read, {waiting} not applied")  # fmt: skip
    print("ok" if not broken + waiting else f"FAILED: {broken} answers were 5xx")
    return int(bool(broken + waiting))


if __name__ == "__main__":
    seconds, seed, *_rest = [*sys.argv[1:], "", ""]
    sys.exit(main(float(seconds or 60), int(seed or time.time())))
