"""A source on an S3-style store: scanned, tested by a click, and its failures told (C1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.builders import make_business_type, make_source
from tests.tracking.s3_server import S3Server
from tracking.models import BehaviourFile, BehaviourRecord, BehaviourSource
from tracking.sources.files import scan, test_source

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
ROWS = "user;type;sum\r\n" + "".join(f"{n};household;{n}.50\r\n" for n in range(3))


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def s3(running: S3Server) -> S3Server:
    running.objects.clear()
    running.read.clear()
    return running


@pytest.fixture
def source(s3: S3Server) -> BehaviourSource:
    make_business_type("household")
    return make_source(url="s3://bank/in", options=s3.options())


def scan_now(source: BehaviourSource) -> dict[str, int]:
    source.refresh_from_db()
    return scan(source, timezone.now())


@pytest.mark.requirement("C1")
def test_an_object_is_read_once(source: BehaviourSource, s3: S3Server) -> None:
    s3.put("in/a.csv", ROWS, ago=HOUR)
    s3.put("in/done/old.csv", ROWS, ago=HOUR)
    assert scan_now(source)["records"] == 3
    s3.put("in/b.csv", ROWS.replace("household;", "household;1"), ago=HOUR)
    again = scan_now(source)
    assert (again["known"], again["files"], again["records"]) == (1, 1, 3)
    assert s3.read == ["in/a.csv", "in/b.csv"]
    assert BehaviourRecord.objects.count() == 6


def test_an_object_put_again_is_read_anew(
    source: BehaviourSource, s3: S3Server
) -> None:
    s3.put("in/a.csv", ROWS, ago=2 * HOUR)
    scan_now(source)
    s3.put("in/a.csv", ROWS.replace("0;", "7;"), ago=HOUR)
    assert scan_now(source)["files"] == 1
    assert BehaviourFile.objects.count() == 2


def test_an_object_just_put_waits(source: BehaviourSource, s3: S3Server) -> None:
    s3.put("in/a.csv", ROWS, ago=timedelta(0))
    assert scan_now(source) == {"waiting": 1, "problems": 0}
    assert s3.read == []


@pytest.mark.requirement("C1")
def test_the_store_is_tested_with_one_click(
    source: BehaviourSource, s3: S3Server
) -> None:
    s3.put("in/a.csv", ROWS, ago=HOUR)
    assert "Files that match: 1 (a.csv)" in test_source(source)
    source.url = "s3://bank/nowhere"
    assert test_source(source) == "The folder does not exist."


def test_a_key_that_the_store_does_not_know_is_told(
    source: BehaviourSource, s3: S3Server
) -> None:
    source.options = s3.options("AKIDNOBODY")
    assert test_source(source) == "No permission to read."
