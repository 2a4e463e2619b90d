"""What staff do with SMS in doubt for more than a day (design.md, one SMS).

Nothing here sends: what is marked as failed stands in the list of failed numbers, where
sending again is a decision of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from backoffice.kit.http import Session
from backoffice.platform.models import AuditEntry

from .models import Doubt, FailedNumber, Message, ProviderAccount
from .receipts import settle
from .transports import transport
from .unknowns import asked_of

Status = Message.Status

# Asked while somebody waits for the page.
MOST = 500


@dataclass(frozen=True, slots=True)
class Answers:
    """Of what was asked: settled now, not known to the provider, or without an answer."""

    settled: int = 0
    unknown_there: int = 0
    silent: int = 0

    def __add__(self, other: Answers) -> Answers:
        return Answers(
            self.settled + other.settled,
            self.unknown_there + other.unknown_there,
            self.silent + other.silent,
        )


@transaction.atomic
def mark(
    rows: QuerySet[Doubt], status: int, *, by: Any, reason: str, now: datetime
) -> int:
    """Staff know what became of them: SENT or FAILED. Returns how many were still open."""
    locked = rows.open().select_for_update().order_by("pk")  # type: ignore[attr-defined]
    ids = list(locked.values_list("pk", flat=True))
    mine = Message.objects.filter(pk__in=ids)
    if status == Status.SENT:
        mine.update(status=status, needs_person=False, sent_at=F("fenced_at"))
    else:
        failure = Message.Failure.OTHER
        mine.update(
            status=Status.FAILED, needs_person=False, failure=failure, settled_at=now
        )
        FailedNumber.objects.record(ids, now=now)
    word = Status(status).name.lower()
    AuditEntry.write(by, "doubt settled", reason=reason, status=word, **_named(ids))
    return len(ids)


def ask_again(rows: QuerySet[Doubt], *, by: Any, now: datetime) -> Answers:
    """Ask the providers, now. What one does not know stays in doubt: a person decides."""
    open_ = rows.open()[:MOST]  # type: ignore[attr-defined]
    chosen = list(open_.defer("parameters"))
    answers = Answers()
    for account in ProviderAccount.objects.filter(
        pk__in={one.account_id for one in chosen}
    ):
        mine = [one for one in chosen if one.account_id == account.pk]
        answers += _ask(account, mine, now)
    ids = [one.pk for one in chosen]
    settled = Message.objects.filter(pk__in=ids).exclude(status=Status.UNKNOWN)
    settled.update(needs_person=False)
    AuditEntry.write(by, "doubt asked", settled=answers.settled, **_named(ids))
    return answers


def _ask(account: ProviderAccount, rows: Sequence[Message], now: datetime) -> Answers:
    provider = transport(account.transport)
    if not provider.can_query:
        return Answers(silent=len(rows))
    with Session() as http:
        found = provider.query(account, asked_of(account, rows), http)
    if found is None:
        return Answers(silent=len(rows))
    events = [one.event for one in found if one.event]
    settle(account, events, now=now)
    missing = len(found) - len(events)
    return Answers(len(events), missing, len(rows) - len(found))


def _named(ids: Sequence[UUID]) -> dict[str, Any]:
    return {"count": len(ids), "sms": [str(pk) for pk in ids[:MOST]]}
