"""Debian's sshd with its internal SFTP server, for one test run: a key each, no passwords.

It serves the whole file system to whoever runs the tests, on a port of the loopback.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PRIVILEGE_SEPARATION = Path("/run/sshd")
CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
"""


@dataclass(frozen=True)
class SftpServer:
    port: int
    folder: Path

    def url(self, path: Path) -> str:
        return f"sftp://127.0.0.1:{self.port}{path}"

    def options(self, key: str = "client") -> str:
        """Connection options as staff write them; `stranger` is a key nobody knows."""
        options = {
            "username": getpass.getuser(),
            "key_filename": str(self.folder / key),
            "look_for_keys": False,
            "allow_agent": False,
        }
        return json.dumps(options)


@contextmanager
def running(folder: Path) -> Iterator[SftpServer]:
    """Its keys, settings and log lie in `folder`; it ends with the block."""
    assert SSHD
    for name in ("host", "client", "stranger"):
        make_key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(make_key, check=True)
    if os.getuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    port = _free_port()
    config, log = folder / "sshd_config", folder / "log"
    config.write_text(CONFIG.format(port=port, folder=folder))
    command = [SSHD, "-D", "-f", config, "-E", log]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        _wait_for(port, process, log)
        yield SftpServer(port, folder)
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"sshd did not start: {log.read_text()[-500:]}")
