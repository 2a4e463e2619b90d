from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.builders import NOON
from tracking import rows
from tracking.models import BehaviourFile, BehaviourSource
from tracking.rows import RowProblem, RowReader

COLUMNS = {
    "record_key": "id",
    "external_id": "user",
    "business_type": "type",
    "at": "when",
    "amount": "sum",
    "product": "what",
    "attribute_channel": "way",
}
ROW = {"id": "1", "user": "17", "type": "SIPO", "when": "981205", "sum": "12.50"}
FILE = BehaviourFile(sha256="ab" * 32)


def reader(file: BehaviourFile | None = FILE, **over) -> RowReader:
    values = {"columns": COLUMNS, "date_format": "%y%m%d", **over}
    source = BehaviourSource(**values)
    return RowReader(source, {"SIPO": 5}, file=file, now=NOON)


def read(row=None, *, file=FILE, source=None, **cells):
    return reader(file, **(source or {})).read(3, {**ROW, **(row or {}), **cells})


@pytest.mark.requirement("C2")
def test_a_row_names_user_business_type_and_business_record():
    (record,) = read(what="rent", way="cash")
    assert record[:3] == ("1", "17", 5)
    assert record.at == datetime(1998, 12, 4, 16, tzinfo=UTC)  # midnight in Shanghai
    assert (record.amount, record.product) == (Decimal("12.50"), "rent")
    assert json.loads(record.attributes) == {"channel": "cash"}


@pytest.mark.requirement("C2")
@pytest.mark.parametrize("cell", ["17;18", "17|18", "17, 18", " 17 ;; 18 ", "17;18;17"])
def test_a_row_may_name_several_users(cell):
    assert [record.external_id for record in read(user=cell)] == ["17", "18"]


@pytest.mark.parametrize("word", ["", " ", "NIC"])
def test_a_row_without_business_type_is_kept_out(word):
    assert read(type=word, source={"ignored_words": ["NIC"]}) == []


def test_the_type_of_every_record_stands_in_for_a_blank_word():
    (record,) = read(type="", source={"default_type_id": 9})
    assert record.business_type_id == 9


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"user": " ; "}, rows.NO_CUSTOMER),
        ({"user": "7" * 65}, rows.LONG_CUSTOMER),
        ({"id": ""}, rows.NO_KEY),
        ({"id": "7" * 81}, rows.LONG_KEY),
        ({"type": "PENSION"}, rows.UNKNOWN_WORD),
        ({"when": ""}, rows.NO_TIME),
        ({"when": "1998-12-05"}, rows.BAD_TIME),
        ({"sum": "a lot"}, rows.BAD_AMOUNT),
        ({"sum": "NaN"}, rows.BAD_AMOUNT),
        ({"sum": "1.005"}, rows.BAD_AMOUNT),
        ({"sum": "12,5"}, rows.BAD_AMOUNT),
        ({"what": "x" * 61}, rows.LONG_PRODUCT),
    ],
)
def test_a_row_that_cannot_be_read_says_why(cells, reason):
    with pytest.raises(RowProblem) as problem:
        read(**cells)
    assert problem.value.reason == reason


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_what_no_database_can_store_is_refused(text):
    with pytest.raises(RowProblem) as problem:
        read(file=None, what=text)
    assert problem.value.reason == rows.BAD_CHARACTERS


def test_only_an_unknown_type_tells_its_word():
    with pytest.raises(RowProblem) as problem:
        read(type="PENSION")
    assert problem.value.word == "PENSION"


@pytest.mark.parametrize(
    ("text", "amount"),
    [("", None), ("-3", "-3"), ("1,234,567.80", "1234567.80"), ("2.500", "2.50")],
)
def test_amounts_are_exact(text, amount):
    (record,) = read(sum=text)
    assert record.amount == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    "text", ["1998-12-05T08:00:00+08:00", "1998-12-05T00:00:00Z", "1998-12-05 08:00"]
)
def test_without_a_date_format_times_are_iso(text):
    (record,) = read(when=text, source={"date_format": ""})
    assert record.at == datetime(1998, 12, 5, tzinfo=UTC)


def test_without_a_time_column_it_happened_when_it_was_taken():
    (record,) = read(source={"columns": {**COLUMNS, "at": ""}})
    assert record.at == NOON


def test_without_a_key_column_file_and_row_are_the_key():
    (record,) = read(source={"columns": {**COLUMNS, "record_key": ""}})
    assert record.key == "ab" * 32 + ":3"


def test_without_a_key_column_and_file_there_is_no_key():
    with pytest.raises(RowProblem):
        read(file=None, source={"columns": {**COLUMNS, "record_key": ""}})


def test_without_mapped_columns_a_row_speaks_our_names():
    own = {"record_key": "k", "external_id": "17", "business_type": "SIPO"}
    (record,) = reader(None, columns={}).read(1, {**own, "attribute_way": "cash"})
    assert (record.key, record.external_id) == ("k", "17")
    assert json.loads(record.attributes) == {"way": "cash"}
