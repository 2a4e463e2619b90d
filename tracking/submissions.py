"""The requests in which one SMS went to a provider."""

from __future__ import annotations

from datetime import timedelta

from backoffice.kit.ids import first_id
from messaging.models import Message, Submission

# A request is answered within its timeout; retries by throttling add to it.
LONGEST = timedelta(hours=1)
# The id is by a host's clock, the hand-over by the database's.
SKEW = timedelta(minutes=1)


def submissions_of(message: Message) -> list[Submission]:
    """Those that gave it a response code; else those of its chunk around its hand-over.

    Submissions are not indexed by chunk: their ids begin with the time, which narrows
    the search to the hour.
    """
    ids = [row.submission_id for row in message.references.all() if row.submission_id]
    if ids:
        return list(Submission.objects.filter(pk__in=ids).order_by("at"))
    if message.fenced_at is None:
        return []
    near = Submission.objects.filter(
        pk__gte=first_id(message.fenced_at - SKEW),
        pk__lt=first_id(message.fenced_at + LONGEST),
        chunk_id=message.chunk_id,
    )
    return list(near.order_by("at")[:5])
