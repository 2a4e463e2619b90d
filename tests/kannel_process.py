"""Debian's Kannel as a real peer: bearerbox, smsbox and fakesmsc, which plays the operator.

with running_kannel(reply_url) as gateway:
    gateway.settings           # of an account that sends over it
    gateway.operator()         # the operator's side, up while the block lasts
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")
SENDER, USER, PASSWORD = "10690000", "foo", "bar"
# What a reply's address must say; the token stands before it.
REPLY_QUERY = "?id=%I&from=%p&text=%b&charset=%C&at=%T"
SECONDS = 20

CONFIG = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = adm
smsbox-port = {smsbox}
smsbox-interface = 127.0.0.1
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake
port = {operator}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
http-request-retry = 10
http-queue-delay = 1

group = sendsms-user
username = {user}
password = {password}
max-messages = 10
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "{reply_url}"
"""

needs_kannel = pytest.mark.skipif(
    not (shutil.which("bearerbox") and shutil.which("smsbox") and FAKESMSC.exists()),
    reason="needs Debian's packages kannel and kannel-extras",
)


@dataclass(frozen=True)
class Gateway:
    folder: Path
    ports: dict[str, int]

    @property
    def settings(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.ports['sendsms']}/cgi-bin/sendsms"
        return {"url": url, "username": USER, "sender": SENDER}

    @contextmanager
    def operator(self) -> Iterator[Operator]:
        """The operator's link, up while the block lasts."""
        log = self.folder / "operator.log"
        port = str(self.ports["operator"])
        with _process([FAKESMSC, "-H", "127.0.0.1", "-r", port], log) as process:
            yield Operator(log, process)


@dataclass(frozen=True)
class Operator:
    log: Path
    process: subprocess.Popen[bytes]

    def reply(self, number: str, text: str) -> None:
        """A phone writes to our sender."""
        assert self.process.stdin
        self.process.stdin.write(f"{number} {SENDER} text {text}\n".encode())
        self.process.stdin.flush()

    def has(self, words: str) -> bool:
        """Did it get an SMS that says so? As fakesmsc writes it."""
        return words in self.log.read_text("utf-8", "replace")


@contextmanager
def running_kannel(reply_url: str = "http://127.0.0.1:1/") -> Iterator[Gateway]:
    """Start it on free ports; end it, and its files, on leaving."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        ports = _free_ports("admin", "smsbox", "operator", "sendsms")
        config = folder / "kannel.conf"
        names = {"user": USER, "password": PASSWORD, "reply_url": reply_url}
        config.write_text(CONFIG.format(**ports, **names))
        for box, port in (("bearerbox", "smsbox"), ("smsbox", "sendsms")):
            command = [box, "-v", "2", str(config)]
            running.enter_context(_process(command, folder / f"{box}.log"))
            _wait_for(ports[port], folder / f"{box}.log")
        yield Gateway(folder, ports)


def _free_ports(*names: str) -> dict[str, int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _name in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {
            name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)
        }


@contextmanager
def _process(command: list[object], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = [str(word) for word in command]
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _wait_for(port: int, log: Path) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8", "replace")[-2000:])
