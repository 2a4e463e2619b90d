"""A source on a real SFTP server: scanned, tested by a click, and its failures told (C1)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from paramiko.transport import Transport

from tests.builders import make_business_type, make_source
from tests.tracking import sftp_server
from tests.tracking.sftp_server import SftpServer
from tracking.models import BehaviourFile, BehaviourRecord, BehaviourSource
from tracking.sources.files import scan, test_source

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not sftp_server.SSHD, reason="no sshd: see openssh-server"),
]
ROWS = "user;type;sum\r\n" + "".join(f"{n};household;{n}.50\r\n" for n in range(3))


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: Any) -> Iterator[SftpServer]:
    with sftp_server.running(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture
def source(sftp: SftpServer, tmp_path: Path) -> BehaviourSource:
    make_business_type("household")
    return make_source(url=sftp.url(tmp_path), options=sftp.options())


def write(
    folder: Path, name: str = "a.csv", text: str = ROWS, *, age: int = 60
) -> None:
    path = folder / name
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)


def scan_now(source: BehaviourSource) -> dict[str, int]:
    source.refresh_from_db()
    return scan(source, timezone.now())


@pytest.mark.requirement("C1")
def test_a_file_on_the_server_is_read_once(
    source: BehaviourSource, tmp_path: Path
) -> None:
    write(tmp_path)
    assert scan_now(source)["records"] == 3
    write(tmp_path, "b.csv", ROWS.replace("household;", "household;1"))
    again = scan_now(source)
    assert (again["known"], again["files"], again["records"]) == (1, 1, 3)
    assert BehaviourRecord.objects.count() == 6


def test_a_file_that_was_written_to_is_read_anew(
    source: BehaviourSource, tmp_path: Path
) -> None:
    write(tmp_path, age=120)
    scan_now(source)
    write(tmp_path, text=ROWS + "9;household;9.50\r\n")
    assert scan_now(source)["files"] == 1
    assert BehaviourFile.objects.count() == 2


def test_a_file_that_is_being_written_waits(
    source: BehaviourSource, tmp_path: Path
) -> None:
    write(tmp_path, age=0)
    assert scan_now(source) == {"waiting": 1, "problems": 0}
    later = timezone.now() + timedelta(minutes=1)
    assert scan(source, later)["records"] == 3


@pytest.mark.parametrize("key", ["client", "stranger"])
def test_a_scan_leaves_no_connection_behind(
    source: BehaviourSource, sftp: SftpServer, tmp_path: Path, key: str
) -> None:
    write(tmp_path)
    source.options = sftp.options(key)
    source.save()
    before = connections()
    assert scan_now(source)["files"] == (key == "client")
    deadline = time.monotonic() + 60
    while connections() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert connections() <= before


def connections() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if isinstance(one, Transport)}


@pytest.mark.requirement("C1")
def test_the_source_is_tested_with_one_click(
    source: BehaviourSource, tmp_path: Path
) -> None:
    write(tmp_path)
    assert "Files that match: 1 (a.csv)" in test_source(source)
    assert not BehaviourFile.objects.exists()
    source.url += "/nowhere"
    assert test_source(source) == "The folder does not exist."


def test_a_key_that_the_server_does_not_know_is_told(
    source: BehaviourSource, sftp: SftpServer
) -> None:
    source.options = sftp.options("stranger")
    source.save()
    scan_now(source)
    source.refresh_from_db()
    assert "refuses: AuthenticationException" in source.problem
    assert source.leased_until is None


def test_a_server_that_is_away_is_told(
    source: BehaviourSource, sftp: SftpServer
) -> None:
    source.url = source.url.replace(f":{sftp.port}/", ":1/")
    assert "cannot be reached" in test_source(source)
