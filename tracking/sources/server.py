"""A file server by fsspec: one code for a local folder, SFTP and S3-style stores (C1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import fsspec
from django.utils.translation import gettext as _

from tracking.models import BehaviourSource

# Not everything that fsspec can open: a web address or a chain of them is no folder.
PROTOCOLS = {"file", "local", "sftp", "ssh", "s3", "s3a", "memory"}
_SHOWN = 3

for _protocol in ("sftp", "ssh"):
    fsspec.register_implementation(
        _protocol, "tracking.sources.sftp.Sftp", clobber=True
    )


class SourceProblem(Exception):
    """What is wrong with a source, as a sentence for its owner. Holds no secret."""


class FoundFile(NamedTuple):
    """A file as the server lists it. `modified` is its words, `at` their meaning."""

    path: str
    name: str
    size: int
    modified: str
    at: datetime | None

    @property
    def mark(self) -> tuple[str, int, str]:
        """What tells a changed file without opening it."""
        return self.name, self.size, self.modified

    @property
    def state(self) -> tuple[int, int]:
        return self.size, int(self.at.timestamp()) if self.at else 0


class Server:
    """An opened folder."""

    def __init__(self, fs: Any, folder: str) -> None:
        self._fs = fs
        self._folder = folder

    def files(self, pattern: str) -> list[FoundFile]:
        """The files of the folder (not of its subfolders) that match, by name."""
        self._fs.invalidate_cache()
        listed = map(_found, self._fs.ls(self._folder, detail=True))
        return sorted(
            (file for file in listed if file and fnmatchcase(file.name, pattern)),
            key=lambda file: file.name,
        )

    def has_changed(self, file: FoundFile) -> bool:
        """Whether it is another one by now. A listing may tell fractions that info omits."""
        self._fs.invalidate_cache()
        now = _found(self._fs.info(file.path))
        return now is None or now.state != file.state

    def read(self, file: FoundFile) -> bytes:
        data: bytes = self._fs.cat_file(file.path)
        return data


@contextmanager
def opened(source: BehaviourSource) -> Iterator[Server]:
    """The source's folder. Raises SourceProblem where it cannot be reached."""
    options = _options(source)
    _check_protocol(source.url)
    with telling():
        fs, folder = fsspec.core.url_to_fs(
            source.url, skip_instance_cache=True, **options
        )
    try:
        yield Server(fs, folder)
    finally:
        # SFTP keeps a connection and a thread.
        close = getattr(getattr(fs, "client", None), "close", None)
        if close:
            close()


@contextmanager
def telling() -> Iterator[None]:
    """Turns what a file server raises into SourceProblem."""
    try:
        yield
    except SourceProblem:
        raise
    except Exception as error:
        raise SourceProblem(sentence(error)) from error


def sentence(error: Exception) -> str:
    """What went wrong, without the words of the library: they may hold a secret."""
    for kind, text in _sentences():
        if isinstance(error, kind):
            return text
    return _("The file server refuses: %s. Check address and connection options.") % (
        type(error).__name__
    )


def test_source(source: BehaviourSource) -> str:
    """Look, read nothing: how many files match, or what is wrong (C1)."""
    try:
        with opened(source) as server, telling():
            files = server.files(source.pattern)
    except SourceProblem as problem:
        return str(problem)
    if not files:
        return _("The folder can be read. No file matches %s.") % source.pattern
    names = ", ".join(file.name for file in files[:_SHOWN])
    more = ", …" if len(files) > _SHOWN else ""
    return _("The folder can be read. Files that match: %(count)d (%(names)s).") % {
        "count": len(files),
        "names": names + more,
    }


test_source.__test__ = False  # type: ignore[attr-defined]  # pytest: not a test


def _sentences() -> list[tuple[type[Exception], str]]:
    return [
        (FileNotFoundError, _("The folder does not exist.")),
        (NotADirectoryError, _("The address is a file: name the folder.")),
        (PermissionError, _("No permission to read.")),
        (ImportError, _("This protocol needs a package that is not installed here.")),
        (TimeoutError, _("The file server does not answer.")),
        (OSError, _("The file server cannot be reached. Check the address.")),
    ]


def _options(source: BehaviourSource) -> dict[str, Any]:
    try:
        options = json.loads(source.options or "{}")
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise SourceProblem(_("The connection options are not a JSON object."))
    if source.url.startswith(("sftp:", "ssh:")):
        options.setdefault("timeout", 10)
    return options


def _check_protocol(url: str) -> None:
    if not url:
        raise SourceProblem(_("The folder's address is empty."))
    protocol, mark, _rest = url.partition("://")
    if "::" in url or (mark and protocol not in PROTOCOLS):
        raise SourceProblem(_("Unknown protocol: use file://, sftp:// or s3://."))


def _found(info: dict[str, Any]) -> FoundFile | None:
    if info["type"] != "file":
        return None
    name = info["name"].rstrip("/").rpartition("/")[2]
    when = info.get("mtime") or info.get("LastModified") or info.get("created")
    return FoundFile(
        info["name"], name, int(info["size"] or 0), str(when or "")[:40], _moment(when)
    )


def _moment(when: Any) -> datetime | None:
    """Servers tell seconds or a moment, with or without its zone."""
    if isinstance(when, (int, float)):
        return datetime.fromtimestamp(when, UTC)
    if isinstance(when, datetime):
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    return None
