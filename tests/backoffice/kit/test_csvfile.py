from __future__ import annotations

import csv
import io
import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.kit.csvfile import BadFile, escape_cell, open_rows, write_rows

TEXT = "姓名,手机\n张伟,13800138000\n"


def read(text: str) -> list[tuple[int, dict[str, str]]]:
    return list(open_rows(text.encode()).rows)


@pytest.mark.parametrize(
    ("written", "detected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("gb18030", "gb18030"),
        ("gbk", "gb18030"),
    ],
)
def test_encodings_are_detected(written: str, detected: str):
    file = open_rows(TEXT.encode(written))
    assert (file.encoding, file.header) == (detected, ["姓名", "手机"])
    assert list(file.rows) == [(2, {"姓名": "张伟", "手机": "13800138000"})]


def test_a_declared_encoding_is_taken_even_where_another_would_fit():
    data = TEXT.encode("gb18030")
    assert open_rows(data, encoding="GBK").header == ["姓名", "手机"]
    with pytest.raises(BadFile, match="Line 1 is not UTF-8"):
        open_rows(data, encoding="utf-8")


def test_a_declared_utf8_may_have_a_bom():
    assert open_rows(TEXT.encode("utf-8-sig"), encoding="utf-8").header[0] == "姓名"


def test_encoding_beyond_the_first_piece_is_seen():
    data = b"a,b\n" + b"1,2\n" * 400_000 + "张,伟\n".encode("gb18030")
    assert open_rows(data).encoding == "gb18030"
    with pytest.raises(BadFile, match="Line 400002 is not UTF-8"):
        open_rows(data, encoding="utf-8")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiters_are_detected_from_the_header(mark: str):
    file = open_rows(f'"a, b; c | d"{mark}e{mark}f\n1{mark}2{mark}3\n'.encode())
    assert file.delimiter == mark
    assert list(file.rows) == [(2, {"a, b; c | d": "1", "e": "2", "f": "3"})]


def test_a_given_delimiter_is_taken():
    assert open_rows(b"a,b;c\n", delimiter=";").header == ["a,b", "c"]
    with pytest.raises(BadFile, match="delimiter"):
        open_rows(b"a:b\n", delimiter=":")


def test_one_column_needs_no_delimiter():
    assert read("phone\n13800138000\n") == [(2, {"phone": "13800138000"})]


def test_rows_are_numbered_as_a_spreadsheet_shows_them():
    text = '\r\nname,note\r\nA,"two\r\nlines"\r\n\r\nB,x\r\n,\r\nC,y\r\n'
    assert [(row, cells["name"]) for row, cells in read(text)] == [
        (3, "A"),
        (5, "B"),
        (7, "C"),
    ]


def test_cells_are_stripped_and_short_rows_filled_up():
    assert read("a,b,c\n 1 , 2\n") == [(2, {"a": "1", "b": "2", "c": ""})]


def test_blank_cells_beyond_the_header_are_a_spreadsheets_habit():
    assert read("a,b,,\n1,2,,\n") == [(2, {"a": "1", "b": "2"})]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n", "empty"),
        (b"\n,,\n", "Row 1 must hold the names"),
        (b"13800138000,Zhang\n", "Row 1 must hold the names"),
        (b"a,,c\n", "Row 1: column 2 has no name"),
        (b"a,b, a\n", "Row 1: the column “a” is there twice"),
        (b"a,b\n1,2\n3,\0\n", "Line 3 has a NUL"),
        (b"a,b\r1,2\r", "Line 1 ends as on old Macs"),
        ("a,b\n".encode("utf-16"), "UTF-16"),
        (b"a,b\n\xff\xff\n", "neither UTF-8 nor GB18030"),
        (",".join(f"c{i}" for i in range(201)).encode(), "Row 1 has more than 200"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data: bytes, says: str):
    with pytest.raises(BadFile, match=says):
        open_rows(data)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("1,2,3", "Row 3 has 3 cells, the header has 2"),
        ("1," + "x" * 10_001, "Row 3: a cell is longer than 10000"),
        ("1," + "x" * 200_000, "Row 3: a cell is longer than 10000"),
        ('1,"2', "Row 3: a quotation mark"),
        ('1,"2"3', "Row 3: a quotation mark"),
        ("1,2" + "," * 199 + "3", "Row 3 has more than 200 columns"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(bad: str, says: str):
    rows = open_rows(f"a,b\n1,2\n{bad}\n".encode()).rows
    assert next(rows)[0] == 2
    with pytest.raises(BadFile, match=says) as caught:
        next(rows)
    assert caught.value.row == 3


def test_two_hundred_columns_and_ten_thousand_characters_are_fine():
    header = ",".join(f"c{i}" for i in range(200))
    (_row, cells) = read(f"{header}\n{'x' * 10_000}\n")[0]
    assert len(cells) == 200
    assert len(cells["c0"]) == 10_000


def test_a_large_file_is_not_held_in_memory_a_second_time():
    data = b"a,b\n" + b"123456789,123456789\n" * 300_000
    tracemalloc.start()
    count = sum(1 for _ in open_rows(data).rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300_000
    assert peak < len(data)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+8613800138000",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
    ],
)
def test_no_cell_of_an_export_is_a_formula(text: str):
    assert escape_cell(text) == "'" + text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a=b", "a=b"),
        ("", ""),
        (None, ""),
        (-5, "-5"),
        (Decimal("-1.50"), "-1.50"),
        (True, "True"),
    ],
)
def test_plain_values_are_exported_as_they_are(value: object, text: str):
    assert escape_cell(value) == text


def test_an_export_has_a_bom_quotes_and_crlf():
    lines = list(write_rows(["a", "b"], [['say "hi"', 1], ["=1", None]]))
    assert lines == ['\ufeff"a","b"\r\n', '"say ""hi""","1"\r\n', '"\'=1",""\r\n']


CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20
)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5))
def test_an_export_is_read_back_cell_by_cell(table: list[list[str]]):
    written = "".join(write_rows(["a", "b"], table))
    records = list(
        csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline=""), strict=True)
    )
    assert records[1:] == [[escape_cell(cell) for cell in row] for row in table]


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_our_own_export_can_be_imported(table: list[tuple[str, str]]):
    written = "".join(write_rows(["a", "b"], table)).encode()
    expected = [
        [escape_cell(cell).strip() for cell in row]
        for row in table
        if any(escape_cell(cell).strip() for cell in row)
    ]
    assert [list(cells.values()) for _row, cells in open_rows(written).rows] == expected
