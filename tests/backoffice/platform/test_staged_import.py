from __future__ import annotations

from datetime import timedelta

import pytest

from backoffice.kit.clock import database_now
from backoffice.platform import imports, jobs
from backoffice.platform.imports import Field, Review, RowError, Target
from backoffice.platform.jobs import commit_import
from backoffice.platform.models import Import, Parameter, UploadedFile
from tests.builders import NOON

pytestmark = pytest.mark.django_db


class ParameterTarget(Target):
    """The smallest target: rows become parameters."""

    fields = (Field("name", "name", required=True), Field("value", "value"))

    def check(self, row, line):
        if row["value"] == "bad":
            raise RowError("value", "It is bad.")
        return row["name"], row["value"]

    def key(self, cleaned):
        return cleaned[0]

    def review(self, rows):
        return Review(
            problems={
                n: RowError("name", "Nobody knows it.")
                for n, (name, _v) in enumerate(rows)
                if name == "stranger"
            }
        )

    def commit(self, rows, import_, now):
        if any(value == "crash" and not self.calm for _n, value in rows):
            raise RuntimeError
        Parameter.objects.bulk_create(Parameter(name=n, value=v) for n, v in rows)
        return {"added": len(rows)}

    calm = False


@pytest.fixture(autouse=True)
def small_chunks(settings, monkeypatch):
    settings.IMPORT_TARGETS = {"test": f"{__name__}.ParameterTarget"}
    monkeypatch.setattr(imports, "CHUNK", 2)


def make_import(text, **over):
    file = UploadedFile.keep("a.csv", text.encode())
    columns = {"name": "Name", "value": "Value"}
    return Import.objects.create(
        target="test", file=file, **{"columns": columns} | over
    )


def checked(text, **over):
    import_ = make_import(text, **over)
    imports.check(import_)
    import_.refresh_from_db()
    return import_


def rows(*pairs):
    return "Name,Value\n" + "".join(f"{name},{value}\n" for name, value in pairs)


def imported():
    return set(
        Parameter.objects.filter(name__regex=r"^p\d").values_list("name", "value")
    )


def test_a_check_counts_and_stores_nothing():
    import_ = checked(
        rows(("p1", 1), ("p2", "bad"), ("p1", 2), ("", 3), ("stranger", 4))
    )
    assert import_.counts == {
        "rows": 5,
        "good": 1,
        "bad": 3,
        "duplicates": 1,
        "known": 0,
    }
    assert import_.status == Import.Status.CHECKED
    assert imported() == set()


def test_problems_name_the_row_as_a_spreadsheet_counts_it():
    import_ = checked(rows(("p1", 1), ("p2", "bad")) + "\n" + "stranger,5\n")
    assert import_.errors == [
        {"row": 3, "field": "value", "error": "It is bad."},
        {"row": 5, "field": "name", "error": "Nobody knows it."},
    ]


def test_only_the_first_hundred_problems_are_kept():
    import_ = checked(rows(*((f"p{n}", "bad") for n in range(130))))
    assert len(import_.errors) == 100
    assert import_.counts["bad"] == 130


def test_a_required_field_without_a_column_stops_the_import():
    import_ = checked(rows(("p1", 1)), columns={"value": "Value"})
    assert import_.status == Import.Status.UPLOADED
    assert "name" in import_.errors[0]["error"]


def test_a_file_that_breaks_in_the_middle_is_refused_whole():
    import_ = checked(rows(("p1", 1)) + '"p2,2\n')
    assert import_.status == Import.Status.UPLOADED
    assert import_.errors[0]["row"] == 3


def test_the_good_rows_are_imported_and_the_bad_left_out():
    import_ = checked(
        rows(("p1", 1), ("p2", "bad"), ("p3", 3), ("p1", 9), ("stranger", 1))
    )
    assert imports.start(import_)
    assert imports.commit(import_.pk, now=NOON)
    import_.refresh_from_db()
    assert imported() == {("p1", "1"), ("p3", "3")}
    assert import_.counts["done"] == {"added": 2, "left out": 3}
    assert (import_.status, import_.finished_at) == (Import.Status.DONE, NOON)


def test_an_import_that_crashed_goes_on_without_doubles_or_losses(monkeypatch):
    pairs = [
        ("p1", 1),
        ("p2", 2),
        ("p3", 3),
        ("p1", 7),
        ("p4", "crash"),
        ("p5", 5),
        ("p2", 8),
    ]
    import_ = checked(rows(*pairs))
    imports.start(import_)
    with pytest.raises(RuntimeError):
        imports.commit(import_.pk, now=NOON)
    import_.refresh_from_db()
    assert (import_.cursor, import_.status) == (4, Import.Status.COMMITTING)
    monkeypatch.setattr(ParameterTarget, "calm", True)
    assert imports.commit(import_.pk, now=NOON)
    assert imported() == {
        ("p1", "1"),
        ("p2", "2"),
        ("p3", "3"),
        ("p4", "crash"),
        ("p5", "5"),
    }


def test_two_workers_do_not_store_a_chunk_twice():
    import_ = checked(rows(("p1", 1), ("p2", 2), ("p3", 3)))
    imports.start(import_)
    stale = Import.objects.select_related("file").get(pk=import_.pk)
    imports.commit(import_.pk, now=NOON, most=1)
    reader = imports.Reader(stale)
    assert not imports._commit_chunk(reader, stale, list(reader)[:2], NOON)
    assert imported() == {("p1", "1"), ("p2", "2")}


def test_only_one_of_two_starts_an_import():
    import_ = checked(rows(("p1", 1)))
    assert [imports.start(import_), imports.start(import_)] == [True, False]


def test_a_cancelled_import_stores_nothing():
    import_ = checked(rows(("p1", 1)))
    Import.objects.update(status=Import.Status.CANCELLED)
    imports.commit(import_.pk, now=NOON)
    assert imported() == set()


def test_a_big_import_is_done_in_several_jobs(queued, monkeypatch):
    monkeypatch.setattr("backoffice.platform.jobs.CHUNKS_A_JOB", 1)
    import_ = checked(rows(*((f"p{n}", n) for n in range(5))))
    imports.start(import_)
    commit_import(import_.pk)
    assert len(queued.run_all()) == 2
    assert len(imported()) == 5


def left_standing(import_, *, minutes: int = 6) -> None:
    """As a lost wake-up, or a worker killed with -9, leaves it."""
    then = database_now() - timedelta(minutes=minutes)
    Import.objects.filter(pk=import_.pk).update(moved_at=then)


def test_an_import_that_nobody_moves_is_woken_and_done(queued):
    import_ = checked(rows(("p1", 1)))
    imports.start(import_)
    left_standing(import_)
    assert jobs.sweep_imports() == {"woken": 1}
    queued.run_all()
    assert imported() == {("p1", "1")}


def test_a_check_that_nobody_moves_is_woken_and_done(queued):
    import_ = checked(rows(("p1", 1)))
    Import.objects.update(status=Import.Status.UPLOADED, counts={})
    left_standing(import_)
    assert jobs.sweep_imports() == {"woken": 1}
    queued.run_all()
    import_.refresh_from_db()
    assert import_.status == Import.Status.CHECKED


def test_an_import_under_way_is_not_woken(queued):
    import_ = checked(rows(("p1", 1)))
    imports.start(import_)
    left_standing(import_, minutes=4)
    assert jobs.sweep_imports() == {"woken": 0}


def test_an_import_that_waits_for_a_person_is_not_woken(queued):
    left_standing(checked(rows(("p1", 1))))
    assert jobs.sweep_imports() == {"woken": 0}


def test_the_same_file_imported_before_is_found():
    first, second = checked(rows(("p1", 1))), checked(rows(("p1", 1)))
    assert imports.earlier(second) is None
    imports.start(first)
    assert imports.earlier(second) == first
