"""Thin doors for workers: ids in, counts out."""

from __future__ import annotations

from backoffice.kit.clock import database_now
from backoffice.kit.jobs import awake
from messaging import sending
from messaging.models import Chunk

from . import notice_sending, pushes, steering, verifications
from .models import Push, SignUp


def send_due_notices() -> dict[str, int]:
    awake(notice_sending.SEND_DUE)
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
    """Make a part's messages, then send them: one job for each chunk, not two.

    Not while the push is held or has enough waiting: its sweep asks again.
    """
    awake(pushes.FILL, part_id)
    push = Push.objects.filter(parts=part_id).first()
    if push is None or not steering.may_make_more(push, database_now()):
        return {}
    drafts = pushes.fill_part(part_id)
    made = {"messages": len(drafts)}
    chunk = Chunk.objects.filter(pushpart=part_id).first()
    return made | sending.send_chunk(chunk.pk, drafts) if chunk else made


def cancel_rest(push_id: int) -> dict[str, int]:
    awake(steering.CANCEL, push_id)
    push = Push.objects.get(pk=push_id)
    return {"cancelled": steering.cancel_rest(push, database_now())}


def sweep_pushes() -> dict[str, int]:
    awake(steering.SWEEP)
    now = database_now()
    return {**pushes.sweep_pushes(now), "cancelled": steering.cancel_more(now)}
