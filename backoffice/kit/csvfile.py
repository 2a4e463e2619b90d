"""CSV files in (any usual encoding and delimiter) and out (safe in a spreadsheet)."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

MAX_COLUMNS = 200
MAX_CELL = 10_000
DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030")

Row = tuple[int, dict[str, str]]
_Record = tuple[int, list[str]]

_CHUNK = 1 << 20
_LONGEST_HEADER = 100_000
# What the older names of the same family are read as: GB18030 contains them.
_SAME_AS = {"utf8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?\s*\Z").match
_LONE_CR = re.compile(rb"\r(?!\n)")
_LOOKS_LIKE_DATA = re.compile(r"\+?[0-9]{7,}").fullmatch
# First characters that make a spreadsheet run a cell as a formula.
_FORMULA_STARTS = tuple("=+-@\t\r\n\0＝＋－＠")


class BadFile(ValueError):
    """The file cannot be read. The message is for its owner; `row` as a spreadsheet counts."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True, slots=True)
class CsvFile:
    """An opened file. `rows` runs once: (row number as a spreadsheet shows it, cells).

    The header's row counts, blank rows count and are left out, a cell with line breaks
    is one row. Cells are stripped, missing ones at the end are "". Running `rows`
    raises BadFile at a row that cannot be read.
    """

    encoding: str
    delimiter: str
    header: list[str]
    rows: Iterator[Row]


def open_rows(
    data: bytes, *, encoding: str | None = None, delimiter: str | None = None
) -> CsvFile:
    """Read an upload; what is not given is detected. Raises BadFile (A1).

    Decodes as it goes: beside `data` it holds a row at a time.
    """
    _check_bytes(data)
    encoding = _checked_encoding(data, encoding) if encoding else _detect(data)
    delimiter = delimiter or _likely_delimiter(_text(data, encoding))
    if delimiter not in DELIMITERS:
        raise BadFile(_("The delimiter must be a comma, semicolon, tab or bar."))
    records = _records(_text(data, encoding), delimiter)
    header = _header(records)
    return CsvFile(encoding, delimiter, header, _rows(records, header))


def escape_cell(value: object) -> str:
    """The value as text that no spreadsheet takes for a formula (ASVS 1.2.10)."""
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, (int, float, Decimal)) or not text.startswith(_FORMULA_STARTS):
        return text
    return "'" + text


def write_rows(
    header: Sequence[object], rows: Iterable[Sequence[object]]
) -> Iterator[str]:
    """CSV for download, a line at a time: BOM (Excel needs it), all cells quoted, CRLF."""
    yield "\ufeff" + _line(header)
    for row in rows:
        yield _line(row)


def _line(cells: Sequence[object]) -> str:
    quoted = (escape_cell(cell).replace('"', '""') for cell in cells)
    return '"' + '","'.join(quoted) + '"\r\n'


def _check_bytes(data: bytes) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadFile(_("The file is UTF-16: save it as “CSV UTF-8”."))
    if _BLANK(data):
        raise BadFile(_("The file is empty."))
    if (at := data.find(b"\0")) >= 0:
        line = _line_of(data, at)
        raise BadFile(_("Line %d has a NUL byte: this is not a CSV file.") % line)
    if found := _LONE_CR.search(data):
        line = _line_of(data, found.start())
        raise BadFile(_("Line %d ends as on old Macs: save with CRLF or LF.") % line)


def _line_of(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _checked_encoding(data: bytes, name: str) -> str:
    encoding = _SAME_AS.get(name.lower(), name.lower())
    if encoding not in ENCODINGS:
        raise BadFile(_("The encoding must be UTF-8 or GB18030."))
    if encoding == "utf-8" and data.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    if (line := _undecodable_line(data, encoding)) is not None:
        raise BadFile(
            _("Line %(line)d is not %(encoding)s: choose another encoding.")
            % {"line": line, "encoding": encoding.upper()}
        )
    return encoding


def _detect(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF8):
        return _checked_encoding(data, "utf-8-sig")
    for encoding in ("utf-8", "gb18030"):
        if _undecodable_line(data, encoding) is None:
            return encoding
    raise BadFile(_("The file is neither UTF-8 nor GB18030: save it as “CSV UTF-8”."))


def _undecodable_line(data: bytes, encoding: str) -> int | None:
    """The line of the first bytes that are not of this encoding, decoding piecewise."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, len(data), _CHUNK):
        piece = data[start : start + _CHUNK]
        try:
            decoder.decode(piece, final=start + _CHUNK >= len(data))
        except UnicodeDecodeError as error:
            return _line_of(data, start + error.start)
    return None


def _text(data: bytes, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")


def _likely_delimiter(lines: Iterable[str]) -> str:
    """The one that cuts the first written line into most cells; on a tie the usual one."""
    # Cut: one endless line is not a header, and says so when it is read as one.
    first = next((line for line in lines if line.strip()), "")[:_LONGEST_HEADER]
    counts = {
        mark: len(next(csv.reader([first], delimiter=mark))) for mark in DELIMITERS
    }
    return max(DELIMITERS, key=lambda mark: counts[mark])


def _records(lines: Iterable[str], delimiter: str) -> Iterator[_Record]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(number, error) from None
        if any(cells):
            _check_sizes(number, cells)
            yield number, cells


def _unreadable(row: int, error: csv.Error) -> BadFile:
    if "field larger" in str(error):
        return _too_long(row)
    return BadFile(
        _("Row %d: a quotation mark is not closed or not doubled.") % row, row=row
    )


def _too_long(row: int) -> BadFile:
    return BadFile(
        _("Row %(row)d: a cell is longer than %(most)d characters.")
        % {"row": row, "most": MAX_CELL},
        row=row,
    )


def _check_sizes(row: int, cells: list[str]) -> None:
    if len(cells) > MAX_COLUMNS and any(cells[MAX_COLUMNS:]):
        raise BadFile(
            _("Row %(row)d has more than %(most)d columns.")
            % {"row": row, "most": MAX_COLUMNS},
            row=row,
        )
    if max(map(len, cells)) > MAX_CELL:
        raise _too_long(row)


def _header(records: Iterator[_Record]) -> list[str]:
    row, names = next(records, (1, []))
    while names and not names[-1]:
        names.pop()
    if not names or any(map(_LOOKS_LIKE_DATA, names)):
        raise BadFile(_("Row %d must hold the names of the columns.") % row, row=row)
    for column, name in enumerate(names, start=1):
        _check_name(name, column, names, row)
    return names


def _check_name(name: str, column: int, names: list[str], row: int) -> None:
    if not name:
        raise BadFile(
            _("Row %(row)d: column %(column)d has no name.")
            % {"row": row, "column": column},
            row=row,
        )
    if names.index(name) != column - 1:
        raise BadFile(
            _("Row %(row)d: the column “%(name)s” is there twice.")
            % {"row": row, "name": name},
            row=row,
        )


def _rows(records: Iterator[_Record], header: list[str]) -> Iterator[Row]:
    width = len(header)
    for row, cells in records:
        if any(cells[width:]):
            raise BadFile(
                _("Row %(row)d has %(cells)d cells, the header has %(width)d.")
                % {"row": row, "cells": len(cells), "width": width},
                row=row,
            )
        cells += [""] * (width - len(cells))
        yield row, dict(zip(header, cells, strict=False))
