"""SMS that a worker handed over together, and what it is told about each of them.

A worker waits a few seconds, not longer. What was submitted and has no answer by then is
`lost` to it; an answer that comes after all goes the way of receipts, with our own id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

# taken: the SMSC took every part. refused: it said no, `code` is its word. waiting: no
# part of it was submitted. lost: something was, and there is no answer.
Said = Literal["taken", "refused", "waiting", "lost"]
Row = dict[str, Any]


@dataclass(slots=True)
class Job:
    """One SMS on its way: its parts go one after the other.

    So a refusal of the first part leaves nothing half sent, and the window is filled by
    other SMS meanwhile.
    """

    id: str
    frames: Sequence[bytes]
    handover: Handover
    ids: list[str] = field(default_factory=list)  # of the parts taken so far
    is_out: bool = False  # a part of it waits for its answer
    is_over: bool = False
    code: str = ""

    @property
    def has_begun(self) -> bool:
        return self.is_out or bool(self.ids)

    @property
    def next_frame(self) -> bytes:
        return self.frames[len(self.ids)]

    def end(self, said: Said, code: str = "") -> None:
        if not self.is_over:
            self.is_over = True
            self.code = code or self.code
            self.handover.ended(self, said)

    def row(self, said: Said) -> Row:
        """What is said of it. `reference`: the last part's id, whose receipt we asked for."""
        return {
            "id": self.id,
            "said": said,
            "code": self.code,
            "reference": self.ids[-1] if said == "taken" else "",
            "parts": self.ids,
        }


class Handover:
    """`done` gives the rows, one for each SMS; `late` is told what comes after that."""

    def __init__(self, deadline: float, late: Callable[[Row], None]) -> None:
        self.deadline = deadline
        self.done: asyncio.Future[list[Row]] = (
            asyncio.get_running_loop().create_future()
        )
        self.is_closed = False
        self.jobs: list[Job] = []
        self._late = late
        self._rows: list[Row] = []

    def ended(self, job: Job, said: Said) -> None:
        row = job.row(said)
        if self.done.done():
            self._tell_late(row)
        else:
            self._rows.append(row)
            self.answer_if_complete()

    def answer_if_complete(self) -> None:
        if not self.done.done() and len(self._rows) == len(self.jobs):
            self.is_closed = True
            self.done.set_result(self._rows)

    def close(self, why: str) -> None:
        """The time is over: what has not begun never will, and the worker is answered."""
        self.is_closed = True
        for job in [job for job in self.jobs if not job.is_over]:
            if job.has_begun:
                said: Said = "lost"
            else:
                said, job.is_over, job.code = "waiting", True, job.code or why
            self._rows.append(job.row(said))
        if not self.done.done():
            self.done.set_result(self._rows)

    def abandon(self) -> None:
        """The worker is gone: its SMS go out all the same, the answers go the late way.

        Its messages stay fenced, so nobody else sends them.
        """
        # Cancelled already where whoever waited for it was.
        if self.done.cancel() or self.done.cancelled():
            for row in self._rows:
                self._tell_late(row)

    def _tell_late(self, row: Row) -> None:
        if row["said"] in ("taken", "refused"):
            self._late(row)
