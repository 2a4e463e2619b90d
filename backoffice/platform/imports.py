"""Staged import of a file: checked as a whole first, then committed chunk by chunk.

What a file may be imported as is a `Target`, listed in `settings.IMPORT_TARGETS`.
Nothing is written before the commit; bad rows are listed and left out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from backoffice.kit.bulk import chunks
from backoffice.kit.clock import database_now
from backoffice.kit.csvfile import BadFile, open_rows

from .models import Import

CHUNK = 5_000
MOST_ERRORS = 100

Cleaned = Any


@dataclass(frozen=True, slots=True)
class Field:
    """A field of ours that a column may fill; `also` are header names it is known by."""

    name: str
    label: Any
    required: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """A question about the whole file; with `choices` ((value, label), ...) one of them."""

    name: str
    label: Any
    default: str = ""
    choices: tuple[tuple[str, Any], ...] = ()
    help_text: Any = ""


class RowError(Exception):
    """A row that cannot be imported: which field, what is wrong and what to do."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field, self.text = field, text


@dataclass(slots=True)
class Review:
    """What the database says of a chunk: rows known already, and rows it refuses."""

    known: int = 0
    problems: dict[int, RowError] = field(default_factory=dict)


class Target:
    """What a file can be imported as. A subclass says how a row is read and stored.

    `options` holds the answers to `asks`. With `extra_prefix`, columns without a field
    may be kept as `<prefix><column>`.
    """

    label: ClassVar[Any] = ""
    fields: ClassVar[tuple[Field, ...]] = ()
    asks: ClassVar[tuple[Option, ...]] = ()
    extra_prefix: ClassVar[str] = ""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    def check(self, row: dict[str, str], line: int) -> Cleaned:
        """Read one row, by our field names. Raises RowError; touches no database."""
        raise NotImplementedError

    def key(self, cleaned: Cleaned) -> str:
        """What must be there once in a file; "" for rows that may repeat."""
        raise NotImplementedError

    def review(self, rows: Sequence[Cleaned]) -> Review:
        """Look up one chunk of good rows at once."""
        return Review()

    def commit(
        self, rows: list[Cleaned], import_: Import, now: datetime
    ) -> dict[str, int]:
        """Store one chunk, set-based, inside the caller's transaction; returns counts."""
        raise NotImplementedError


def target_of(slug: str, options: dict[str, Any] | None = None) -> Target:
    target: Target = import_string(settings.IMPORT_TARGETS[slug])()
    target.options = options or {}
    return target


def target_choices() -> list[tuple[str, Any]]:
    return [(slug, target_of(slug).label or slug) for slug in settings.IMPORT_TARGETS]


@dataclass(frozen=True, slots=True)
class Read:
    """One row of the file: cleaned, or why not."""

    number: int
    cleaned: Cleaned = None
    error: RowError | None = None
    duplicate: bool = False


class Reader:
    """Goes through the file of an import, row by row, and knows what it has seen."""

    def __init__(self, import_: Import) -> None:
        self.target = target_of(import_.target, import_.options)
        self.columns = dict(import_.columns)
        self.file = open_rows(import_.file.read())
        # Digests: a million keys must fit beside everything else in a worker.
        self._seen: set[bytes] = set()

    def missing(self) -> list[Any]:
        """Labels of required fields that no column fills."""
        return [
            known.label
            for known in self.target.fields
            if known.required and self.columns.get(known.name) not in self.file.header
        ]

    def __iter__(self) -> Iterator[Read]:
        for number, cells in self.file.rows:
            row = {ours: cells.get(theirs, "") for ours, theirs in self.columns.items()}
            try:
                yield self._read(number, row)
            except RowError as error:
                yield Read(number, error=error)

    def _read(self, number: int, row: dict[str, str]) -> Read:
        for known in self.target.fields:
            if known.required and not row.get(known.name):
                raise RowError(known.name, _("It is empty: fill it in."))
        cleaned = self.target.check(row, number)
        if key := self.target.key(cleaned):
            digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
            if digest in self._seen:
                text = _("The file has it in a row above: that one is taken.")
                return Read(number, error=RowError("", text), duplicate=True)
            self._seen.add(digest)
        return Read(number, cleaned)


class Findings:
    """What a check has found so far."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(
            rows=0, good=0, bad=0, duplicates=0, known=0
        )
        self.errors: list[dict[str, Any]] = []

    def take(self, reader: Reader, reads: Sequence[Read]) -> list[Read]:
        """Count one chunk of rows and return the good ones."""
        good = [read for read in reads if read.error is None]
        review = reader.target.review([read.cleaned for read in good])
        for read in reads:
            if read.error:
                self.refuse(read.number, read.error, duplicate=read.duplicate)
        for index, error in review.problems.items():
            self.refuse(good[index].number, error)
        kept = [read for n, read in enumerate(good) if n not in review.problems]
        self.counts.update(rows=len(reads), good=len(kept), known=review.known)
        return kept

    def refuse(self, row: int, error: RowError, *, duplicate: bool = False) -> None:
        self.counts["duplicates" if duplicate else "bad"] += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"row": row, "field": error.field, "error": error.text})


def check(import_: Import) -> None:
    """Read the whole file and say what an import would do; nothing is stored but that.

    `counts`: rows, good, bad, duplicates (in the file), known (rows that change what is
    there). `errors`: the first hundred, by the row number that a spreadsheet shows. A
    file that cannot be read at all keeps the import at `uploaded`, with the reason.
    """
    findings = Findings()
    try:
        reader = Reader(import_)
        if missing := reader.missing():
            names = ", ".join(str(label) for label in missing)
            raise BadFile(_("Choose a column for: %s.") % names)
        for reads in chunks(reader, CHUNK):
            findings.take(reader, reads)
        import_.status = Import.Status.CHECKED
    except BadFile as error:
        problem = {"row": error.row or "", "field": "", "error": str(error)}
        findings.errors.insert(0, problem)
        findings.counts["unreadable"] = 1
        import_.status = Import.Status.UPLOADED
    import_.counts, import_.errors = dict(findings.counts), findings.errors
    import_.save(update_fields=["status", "counts", "errors"])


def earlier(import_: Import) -> Import | None:
    """The last import of the same bytes as the same thing that was begun, if any."""
    begun = [Import.Status.COMMITTING, Import.Status.DONE]
    same = Import.objects.filter(
        file__sha256=import_.file.sha256, target=import_.target, status__in=begun
    )
    return same.exclude(pk=import_.pk).select_related("created_by").first()


def start(import_: Import) -> bool:
    """Take a checked import to be committed; False where somebody else was first."""
    checked = Import.objects.filter(pk=import_.pk, status=Import.Status.CHECKED)
    committing = Import.Status.COMMITTING
    return checked.update(status=committing, moved_at=database_now()) == 1


def commit(import_id: int, *, now: datetime, most: int | None = None) -> bool:
    """Store the good rows of a started import; True when all is stored.

    A chunk's rows and the cursor move in one transaction, so a killed import goes on
    where it stood, and two workers never store the same chunk. `most` limits the chunks
    of one call.
    """
    import_ = Import.objects.select_related("file").get(pk=import_id)
    if import_.status != Import.Status.COMMITTING:
        return True
    reader = Reader(import_)
    for count, reads in enumerate(_from(reader, import_.cursor), start=1):
        if not _commit_chunk(reader, import_, reads, now):
            return True
        if count == most:
            break
    if import_.cursor < import_.counts["rows"]:
        return False
    _finish(import_, now)
    return True


def _from(reader: Reader, cursor: int) -> Iterable[list[Read]]:
    """Chunks of the rows behind the cursor; those before it are read for their keys."""
    rest = (read for n, read in enumerate(reader) if n >= cursor)
    return chunks(rest, CHUNK)


@transaction.atomic
def _commit_chunk(
    reader: Reader, import_: Import, reads: Sequence[Read], now: datetime
) -> bool:
    mine = Import.objects.filter(
        pk=import_.pk, cursor=import_.cursor, status=Import.Status.COMMITTING
    )
    import_.cursor += len(reads)
    if not mine.update(cursor=import_.cursor):
        return False  # another worker has taken this chunk
    good = [read.cleaned for read in reads if read.error is None]
    problems = reader.target.review(good).problems
    kept = [row for n, row in enumerate(good) if n not in problems]
    done = Counter(import_.counts.get("done", {}))
    done.update(reader.target.commit(kept, import_, now) if kept else {})
    done["left out"] += len(reads) - len(kept)
    import_.counts = {**import_.counts, "done": dict(done)}
    Import.objects.filter(pk=import_.pk).update(
        counts=import_.counts, moved_at=database_now()
    )
    return True


def _finish(import_: Import, now: datetime) -> None:
    unfinished = Import.objects.filter(pk=import_.pk, status=Import.Status.COMMITTING)
    unfinished.update(status=Import.Status.DONE, finished_at=now)
