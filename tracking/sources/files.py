"""Scanning a file server: every file read once, nothing twice, nothing lost (C1).

1. One scanner holds the source (a lease; its end gives it back after a kill).
2. A file known by name, size and date is not opened; one still being written waits.
3. Its content's hash finds its ledger row: the same content under another name is known.
4. Rows go in by the chunk. The position moves in the chunk's transaction, and only from
   where we believe it to be: whoever was overtaken stops.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from backoffice.kit.clock import database_now
from backoffice.kit.csvfile import BadFile, Row, open_rows
from tracking.ingest import ingest_numbered
from tracking.models import BehaviourFile, BehaviourSource
from tracking.rows import mapped_columns

from .server import FoundFile, Server, SourceProblem, opened, telling, test_source

__all__ = ["scan", "test_source"]

CHUNK = 5_000
# The whole file is in memory while it is read.
MOST_BYTES = 100 * 1024 * 1024
# A file that changed this lately is still being written; a server's clock may be ahead.
_SETTLED, _AHEAD = timedelta(seconds=5), timedelta(minutes=1)
_LEASE = timedelta(minutes=2)
_NAMES_KEPT = 50

Status = BehaviourFile.Status
Mark = tuple[str, int, str]


class Overtaken(Exception):
    """Somebody else scans this source now: our lease ended, or a position moved."""


def scan(source: BehaviourSource, now: datetime) -> Counter[str]:
    """Read what is new; counts of files (read, known, waiting, refused) and of rows.

    `busy` while somebody else scans. What is wrong is stored in `source.problem`.
    """
    counts = Counter[str]()
    lease = _Lease.take(source)
    if lease is None:
        counts["busy"] += 1
        return counts
    problem = _("The scan broke off. It goes on with the next one.")
    try:
        problem = _Scan(source, lease, counts, now).run()
    except SourceProblem as told:
        problem = str(told)
    except Overtaken:
        counts["busy"] += 1
    finally:
        lease.release(scanned_at=now, problem=problem[:200])
    counts["problems"] += bool(problem)
    return counts


class _Lease:
    """The right to scan a source, until a moment. Only its holder prolongs or ends it."""

    def __init__(self, source: BehaviourSource, until: datetime) -> None:
        self._source = source
        self._until = until

    @classmethod
    def take(cls, source: BehaviourSource) -> _Lease | None:
        now = database_now()
        free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
        rows = BehaviourSource.objects.filter(free, pk=source.pk)
        until = now + _LEASE
        return cls(source, until) if rows.update(leased_until=until) else None

    def renew(self) -> None:
        """Raises Overtaken where the lease has gone to somebody else."""
        until = database_now() + _LEASE
        if not self._mine().update(leased_until=until):
            raise Overtaken
        self._until = until

    def release(self, *, scanned_at: datetime, problem: str) -> None:
        self._mine().update(leased_until=None, scanned_at=scanned_at, problem=problem)

    def _mine(self) -> QuerySet[BehaviourSource]:
        rows = BehaviourSource.objects.filter(pk=self._source.pk)
        return rows.filter(leased_until=self._until)


class _Scan:
    """One scan of one source, by the holder of its lease."""

    def __init__(
        self,
        source: BehaviourSource,
        lease: _Lease,
        counts: Counter[str],
        now: datetime,
    ) -> None:
        self._source = source
        self._lease = lease
        self._counts = counts
        self._now = now

    def run(self) -> str:
        """Read the folder; the last file's problem, or nothing."""
        problem = ""
        with opened(self._source) as server:
            with telling():
                listed = server.files(self._source.pattern)
            known = _known_marks(self._source, listed)
            for found in listed:
                if found.mark in known:
                    self._counts["known"] += 1
                else:
                    problem = self._look_at(server, found) or problem
        self._refuse_gone(listed)
        return problem

    def _look_at(self, server: Server, found: FoundFile) -> str:
        """A file that is not known by its name; why it cannot be opened, or nothing."""
        if _is_fresh(found, self._now):
            self._counts["waiting"] += 1
            return ""
        self._lease.renew()
        if found.size > MOST_BYTES:
            self._refuse_unread(found)
            return ""
        try:
            with telling():
                data = server.read(found)
                changed = server.has_changed(found) or len(data) != found.size
        except SourceProblem as problem:
            self._counts["unread"] += 1
            return f"{found.name}: {problem}"
        if changed:
            self._counts["waiting"] += 1
        else:
            self._take(found, data)
        return ""

    def _take(self, found: FoundFile, data: bytes) -> None:
        file = self._ledger(found, hashlib.sha256(data).hexdigest())
        if file is None:
            self._counts["known"] += 1
            return
        try:
            for batch in _batches(self._open(data, file)):
                self._lease.renew()
                self._take_batch(file, batch)
        except BadFile as bad:
            self._end(file, Status.REFUSED, str(bad))
        else:
            self._end(file, Status.DONE, "")

    def _ledger(self, found: FoundFile, sha256: str) -> BehaviourFile | None:
        """The row of this content where it is to be read; None where it was, already."""
        name, size, modified = found.name[:300], found.size, found.modified
        file, is_new = BehaviourFile.objects.get_or_create(
            source=self._source,
            sha256=sha256,
            defaults={
                "name": name,
                "size": size,
                "modified": modified,
                "found_at": self._now,
            },
        )
        if is_new:
            return file
        if file.status == Status.READING:
            file.name, file.size, file.modified = name, size, modified
            file.save(update_fields=["name", "size", "modified"])
            return file
        file.seen_as = [*file.seen_as, [name, size, modified]][-_NAMES_KEPT:]
        file.save(update_fields=["seen_as"])
        return None

    def _open(self, data: bytes, file: BehaviourFile) -> Iterator[Row]:
        """The rows from the file's position on. Raises BadFile, also for a missing column."""
        opened_file = open_rows(data)
        missing = set(mapped_columns(self._source)) - set(opened_file.header)
        if missing:
            raise BadFile(
                _("Columns are missing: %(missing)s. The file has: %(there)s.")
                % {
                    "missing": ", ".join(sorted(missing)),
                    "there": ", ".join(opened_file.header),
                }
            )
        return islice(opened_file.rows, file.position, None)

    @transaction.atomic
    def _take_batch(self, file: BehaviourFile, batch: list[Row]) -> None:
        """Rows, their groups and the position: all or nothing."""
        mine = BehaviourFile.objects.filter(
            pk=file.pk, position=file.position, status=Status.READING
        )
        if not mine.update(position=file.position + len(batch)):
            raise Overtaken
        # Rows without a time get the file's, however often the reading is taken up.
        taken = ingest_numbered(self._source, batch, file=file, now=file.found_at)
        self._counts.update(
            records=taken.records,
            repeated=taken.repeated,
            ignored=taken.ignored,
            quarantined=taken.quarantined,
        )
        BehaviourFile.objects.filter(pk=file.pk).update(
            record_count=F("record_count") + taken.records,
            repeated_count=F("repeated_count") + taken.repeated,
            ignored_count=F("ignored_count") + taken.ignored,
            quarantined_count=F("quarantined_count") + taken.quarantined,
        )
        file.position += len(batch)

    def _end(self, file: BehaviourFile, status: str, problem: str) -> None:
        self._counts["files" if status == Status.DONE else "refused"] += 1
        rows = BehaviourFile.objects.filter(pk=file.pk, status=Status.READING)
        rows.update(status=status, problem=problem[:200], done_at=self._now)

    def _refuse_unread(self, found: FoundFile) -> None:
        """A file that is too large to open has no hash: its mark stands in for it."""
        mark = hashlib.sha256(repr(found.mark).encode()).hexdigest()
        file = self._ledger(found, mark)
        if file:
            self._end(file, Status.REFUSED, _("Larger than 100 MB: split the file."))

    def _refuse_gone(self, listed: Iterable[FoundFile]) -> None:
        """A file that went away half-read would otherwise be "reading" for ever."""
        names = [found.name[:300] for found in listed]
        half = BehaviourFile.objects.filter(source=self._source, status=Status.READING)
        for file in half.exclude(name__in=names):
            self._end(file, Status.REFUSED, _("The file went away while it was read."))


def _known_marks(source: BehaviourSource, listed: Iterable[FoundFile]) -> set[Mark]:
    """How files that were read or refused looked, under all their names."""
    names = [found.name[:300] for found in listed]
    rows = BehaviourFile.objects.filter(source=source).exclude(status=Status.READING)
    rows = rows.filter(Q(name__in=names) | ~Q(seen_as=[]))
    marks: set[Mark] = set()
    for *mark, seen_as in rows.values_list("name", "size", "modified", "seen_as"):
        marks.update((name, size, when) for name, size, when in [mark, *seen_as])
    return marks


def _is_fresh(found: FoundFile, now: datetime) -> bool:
    return found.at is not None and now - _SETTLED < found.at < now + _AHEAD


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Chunks; those before a row that cannot be read are given before BadFile is raised."""
    batch: list[Row] = []
    try:
        for row in rows:
            batch.append(row)
            if len(batch) == CHUNK:
                yield batch
                batch = []
    except BadFile:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
