"""Keys of a zero-set-up installation: made once into `var/keys.json`, mode 0600."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import sys
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

Keys = dict[str, str]


class CannotKeep(ImproperlyConfigured):
    """The folder for the keys is not writable."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            f"The folder {folder} cannot be written ({error.strerror}). Give yourself "
            "the right to, or name another one: VAR_DIR=/path/to/folder make run"
        )


def fresh() -> Keys:
    """A new set: Django's secret, one 256-bit data key named `k1`, one index key."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "KEY_RING": "k1:" + _random_key(),
        "INDEX_KEY": _random_key(),
    }


def load(path: Path, *, given: Keys, may_generate: bool) -> Keys | None:
    """The given keys, the others from a file made on first use; None where it may not be.

    Raises CannotKeep where the file cannot be written.
    """
    if all(given.values()):
        return given
    if not may_generate:
        return None
    try:
        if not path.exists():
            _write_once(path, fresh())
    except OSError as error:
        raise CannotKeep(path.parent, error) from None
    stored: Keys = json.loads(path.read_text())
    return stored | {name: key for name, key in given.items() if key}


def socket_dir(var_dir: Path) -> Path:
    """A short private directory for the embedded server's unix socket.

    A socket path is limited to about 100 characters, and `var/` may lie deep. The
    name is derived from the installation, so every process of it finds the same one.
    """
    name = f"backoffice-{os.getuid()}-{digest(var_dir)}"
    return Path(tempfile.gettempdir()) / name


def digest(var_dir: Path) -> str:
    """A short name of this installation, the same in every process of it."""
    return hashlib.sha256(str(var_dir.resolve()).encode()).hexdigest()[:12]


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _write_once(path: Path, keys: Keys) -> None:
    # Two processes may start at once: the first to link the file wins, both read it.
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        json.dump(keys, file)
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name}={value}\n" for name, value in fresh().items()))
