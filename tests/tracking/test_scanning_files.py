from __future__ import annotations

import os
from datetime import timedelta

import fsspec
import pytest
from django.utils import timezone

from tests.builders import make_business_type, make_customer, make_source
from tracking import jobs
from tracking.models import (
    BehaviourFile,
    BehaviourRecord,
    BehaviourSource,
    QuarantinedRow,
    UserGroup,
)
from tracking.sources import files
from tracking.sources.files import scan, test_source
from tracking.sources.server import sentence

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=5)
HEADER = "user;type;sum\r\n"


@pytest.fixture
def folder(tmp_path):
    make_business_type("household")
    return tmp_path


@pytest.fixture
def source(folder):
    return make_source(url=f"file://{folder}")


def write(folder, name="a.csv", rows=3, start=1):
    lines = [f"{n};household;{n}.50\r\n" for n in range(start, start + rows)]
    (folder / name).write_text(HEADER + "".join(lines))


def scan_now(source):
    source.refresh_from_db()
    return scan(source, timezone.now() + LATER)


@pytest.mark.requirement("C1")
def test_a_file_is_read_once(source, folder):
    write(folder)
    assert scan_now(source)["records"] == 3
    again = scan_now(source)
    assert (again["known"], again["records"]) == (1, 0)
    file = BehaviourFile.objects.get()
    assert (file.status, file.position, file.record_count) == ("done", 3, 3)


@pytest.mark.requirement("C1")
def test_the_same_content_under_another_name_is_known(source, folder, monkeypatch):
    write(folder)
    scan_now(source)
    write(folder, "copy.csv")
    assert scan_now(source)["known"] == 2
    assert BehaviourRecord.objects.count() == 3
    # ... and is not opened every minute from then on
    monkeypatch.setattr(files.Server, "read", None)
    assert scan_now(source)["known"] == 2


def test_new_content_under_an_old_name_is_read(source, folder):
    write(folder)
    scan_now(source)
    write(folder, rows=5, start=10)
    assert scan_now(source)["records"] == 5
    assert BehaviourFile.objects.count() == 2


@pytest.mark.requirement("C1")
def test_a_scan_that_dies_between_chunks_goes_on_where_it_was(
    source, folder, monkeypatch
):
    make_customer(external_id="1")
    (folder / "a.csv").write_text(HEADER + "1;household;2.00\r\n" * 5)
    monkeypatch.setattr(files, "CHUNK", 2)
    real, calls = files.ingest_numbered, []

    def dying(*args, **kwargs):
        taken = real(*args, **kwargs)  # written, and then the lights go out
        calls.append(taken)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return taken

    monkeypatch.setattr(files, "ingest_numbered", dying)
    with pytest.raises(KeyboardInterrupt):
        scan_now(source)
    assert BehaviourFile.objects.get().position == BehaviourRecord.objects.count() == 2
    rest = scan_now(source)
    assert (rest["records"], rest["repeated"]) == (3, 0)
    assert BehaviourRecord.objects.count() == UserGroup.objects.get().count == 5


@pytest.mark.requirement("C1")
def test_only_one_of_two_scanners_reads(source, folder):
    write(folder)
    taken = timezone.now() + timedelta(minutes=1)
    BehaviourSource.objects.update(leased_until=taken)
    assert scan_now(source) == {"busy": 1}
    assert not BehaviourRecord.objects.exists()


def test_a_dead_scanner_gives_its_source_back(source, folder):
    write(folder)
    BehaviourSource.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert scan_now(source)["records"] == 3
    assert BehaviourSource.objects.get().leased_until is None


def test_an_overtaken_scanner_writes_nothing(source, folder, monkeypatch):
    write(folder)
    real = files._Scan._open

    def overtaken(self, data, file):
        BehaviourFile.objects.update(position=1)  # somebody else took a chunk
        return real(self, data, file)

    monkeypatch.setattr(files._Scan, "_open", overtaken)
    assert scan_now(source)["busy"] == 1
    assert not BehaviourRecord.objects.exists()


@pytest.mark.requirement("C1")
def test_a_file_still_being_written_waits(source, folder):
    write(folder)
    assert scan(source, timezone.now())["waiting"] == 1
    assert not BehaviourFile.objects.exists()


def test_a_file_that_changes_under_our_eyes_waits(source, folder, monkeypatch):
    write(folder)
    real = files.Server.read

    def grows(self, found):
        data = real(self, found)
        with open(found.path, "a") as file:
            file.write("9;household;1\r\n")
        return data

    monkeypatch.setattr(files.Server, "read", grows)
    assert scan_now(source)["waiting"] == 1
    assert not BehaviourRecord.objects.exists()


def test_gb18030_and_a_byte_order_mark_are_read(source, folder):
    text = HEADER + "张;household;1\r\n"
    (folder / "a.csv").write_bytes(text.encode("gb18030"))
    (folder / "b.csv").write_bytes(text.replace("张", "李").encode("utf-8-sig"))
    scan_now(source)
    users = set(BehaviourRecord.objects.values_list("external_id", flat=True))
    assert users == {"张", "李"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"a,b\0\n1,2\n", "NUL"),
        (b"who,what\n1,2\n", "Columns are missing: sum, type, user"),
    ],
)
def test_an_unreadable_file_is_refused_with_its_reason(source, folder, content, reason):
    (folder / "a.csv").write_bytes(content)
    assert scan_now(source)["refused"] == 1
    file = BehaviourFile.objects.get()
    assert file.status == "refused"
    assert reason in file.problem


def test_rows_before_an_unreadable_one_are_kept(source, folder):
    (folder / "a.csv").write_text(HEADER + "1;household;1\r\n2;household;1;9\r\n")
    scan_now(source)
    file = BehaviourFile.objects.get()
    assert (file.status, file.record_count) == ("refused", 1)
    assert "Row 3" in file.problem


def test_a_bad_row_keeps_its_number_in_the_file(source, folder):
    (folder / "a.csv").write_text(HEADER + "\r\n1;PENSION;1\r\n\r\n2;household;x\r\n")
    scan_now(source)
    rows = QuarantinedRow.objects.order_by("row_number")
    assert list(rows.values_list("row_number", "word")) == [(3, "PENSION"), (5, "")]
    assert BehaviourFile.objects.get().quarantined_count == 2


def test_a_file_that_went_away_half_read_is_told(source, folder):
    BehaviourFile.objects.create(
        source=source, name="a.csv", sha256="1", size=1, found_at=timezone.now()
    )
    scan_now(source)
    assert "went away" in BehaviourFile.objects.get().problem


def test_only_matching_files_of_the_folder_are_read(source, folder):
    write(folder, "a.txt")
    (folder / "sub.csv").mkdir()
    assert scan_now(source)["files"] == 0


@pytest.mark.requirement("C1")
def test_any_file_server_is_the_same_code(folder):
    fsspec.filesystem("memory").pipe("/in/a.csv", b"user,type,sum\n1,household,2\n")
    assert scan_now(make_source(url="memory://in"))["records"] == 1


@pytest.mark.requirement("C1")
def test_the_test_button_counts_what_matches(source, folder):
    write(folder)
    assert "1 (a.csv)" in test_source(source)
    assert not BehaviourFile.objects.exists()


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"url": "file:///nowhere/at/all"}, "does not exist"),
        ({"url": "gopher://x"}, "Unknown protocol"),
        ({"url": "http://x/in"}, "Unknown protocol"),
        ({"url": "memory::file://x"}, "Unknown protocol"),
        ({"url": ""}, "address is empty"),
        ({"options": "[1]"}, "JSON object"),
        ({"pattern": "*.zip"}, "No file matches *.zip"),
    ],
)
def test_the_test_button_says_what_is_wrong(source, over, words):
    for name, value in over.items():
        setattr(source, name, value)
    assert words in test_source(source)


def test_what_a_library_says_is_not_repeated():
    assert sentence(PermissionError("secret")) == "No permission to read."
    assert "secret" not in sentence(RuntimeError("secret"))


@pytest.mark.requirement("C1")
def test_one_broken_source_does_not_stop_the_others(source, folder):
    write(folder)
    long_ago = timezone.now().timestamp() - 60
    os.utime(folder / "a.csv", (long_ago, long_ago))
    broken = make_source(url="file:///nowhere/at/all", name="a first one")
    counts = jobs.scan_sources()
    assert (counts["records"], counts["problems"]) == (3, 1)
    broken.refresh_from_db()
    assert "does not exist" in broken.problem


@pytest.mark.requirement("C1")
def test_a_source_is_scanned_at_its_interval(source, folder):
    source.scanned_at = timezone.now() - timedelta(seconds=30)
    source.save()
    jobs.scan_sources()
    seen = BehaviourSource.objects.get().scanned_at
    assert seen == source.scanned_at
    BehaviourSource.objects.update(interval_seconds=20)
    jobs.scan_sources()
    assert BehaviourSource.objects.get().scanned_at > seen


def test_a_source_that_is_switched_off_is_not_scanned(source, folder):
    BehaviourSource.objects.update(is_enabled=False)
    jobs.scan_sources()
    assert BehaviourSource.objects.get().scanned_at is None
