"""Thin doors for workers: ids in, counts out."""

from __future__ import annotations

from backoffice.kit.clock import database_now
from backoffice.kit.jobs import awake
from messaging import sending

from . import notice_sending, pushes, verifications
from .models import PushPart, SignUp


def send_due_notices() -> dict[str, int]:
    return notice_sending.send_due(database_now())


def begin_verification(sign_up_id: int) -> dict[str, int]:
    row = SignUp.objects.select_related("activity", "customer").get(pk=sign_up_id)
    return {"begun": int(verifications.begin(row, database_now()) is not None)}


def sweep_verifications() -> dict[str, int]:
    """Verdicts of the calls that ended; sign-ups that nobody began to check."""
    now = database_now()
    begun = verifications.begin_missing(now)
    return {"begun": begun, **verifications.decide_due(now)}


def fill_part(part_id: int) -> dict[str, int]:
    """Make a part's messages, then send them: one job for each chunk, not two."""
    awake(pushes.FILL, part_id)
    made = pushes.fill_part(part_id)
    chunk_id = PushPart.objects.values_list("chunk", flat=True).get(pk=part_id)
    return made | sending.send_chunk(chunk_id) if chunk_id else made


def sweep_pushes() -> dict[str, int]:
    return pushes.sweep_pushes(database_now())
