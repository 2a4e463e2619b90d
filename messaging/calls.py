"""Placing calls and taking what came of them (D5, D6). No job waits for a call.

`Call.due_at` is when the sweep looks at a call next: a queued one is placed then, a
dialling one has been silent too long, an answered one was never listened to.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from backoffice.kit.crypto import key_ring
from backoffice.kit.http import Session
from backoffice.kit.jobs import later

from .calendars import calendar_of
from .models import Call, ProviderAccount
from .quiet import HOME, quiet_until
from .routing import choose
from .voice import voice_transport
from .voice.base import CallEvent, Dialled

logger = logging.getLogger(__name__)

PLACE = "messaging.jobs.place_call"
RECOGNISE = "messaging.jobs.recognise_call"
RECORDING = "recording"
# Until when a provider must have told how a call ended; then nobody answered.
SILENCE = timedelta(minutes=2)
NOT_TAKEN_WAIT = timedelta(seconds=30)
LISTEN_WAIT = timedelta(minutes=1)
SWEEP_MOST = 500


def place(call_id: UUID, now: datetime) -> bool:
    """Dial a queued call that is due; true where the provider may be calling now (D5).

    `queued -> dialling` is the fence: whoever changed the row dials, once, outside any
    transaction. Back to queued only where the provider surely calls nobody.
    """
    queued = Call.objects.filter(pk=call_id, status=Call.Status.QUEUED)
    if until := _quiet(queued, now):
        queued.filter(due_at__lte=now).update(due_at=until)
        return False
    account = choose(ProviderAccount.Channel.VOICE)
    if account is None:
        queued.filter(due_at__lte=now).update(due_at=now + NOT_TAKEN_WAIT)
        logger.warning("no voice account is enabled: call %s waits", call_id)
        return False
    if not queued.filter(due_at__lte=now).update(
        status=Call.Status.DIALLING, account=account, due_at=now + SILENCE
    ):
        return False
    call = Call.objects.get(pk=call_id)
    with Session() as http:
        dialled = voice_transport(account.transport).dial(account, call, http)
    _note(call, dialled, now)
    return dialled.outcome in ("accepted", "unknown")


def _quiet(call: QuerySet[Call], now: datetime) -> datetime | None:
    """Until when the person is not to be disturbed, by their own clock."""
    calendar = calendar_of(ProviderAccount.Channel.VOICE.value)
    zones = call.values_list("customer__time_zone", flat=True) if calendar.hours else ()
    for zone in zones:
        return quiet_until(now, zone=zone or HOME, calendar=calendar)
    return None


def _note(call: Call, dialled: Dialled, now: datetime) -> None:
    if dialled.outcome == "not_taken":
        _dialling(pk=call.pk).update(
            status=Call.Status.QUEUED, due_at=now + NOT_TAKEN_WAIT
        )
    elif dialled.outcome == "refused":
        _dialling(pk=call.pk).update(
            status=Call.Status.FAILED, ended_at=now, due_at=None
        )
    elif dialled.reference:
        # Its end may have been told already: then only the reference is new.
        Call.objects.filter(pk=call.pk).update(reference=dialled.reference)


def apply(account: ProviderAccount, body: bytes, now: datetime) -> dict[str, int]:
    """Take what the provider tells of its calls; a repeated or strange one changes nothing.

    Raises `Unreadable` for a body that is not what the provider documents.
    """
    counts = {"ended": 0, "ignored": 0}
    for event in voice_transport(account.transport).parse_calls(body):
        counts["ended" if _end(account, event, now) else "ignored"] += 1
    return counts


def _end(account: ProviderAccount, event: CallEvent, now: datetime) -> bool:
    call = _call_of(account, event)
    if call is None:
        return False
    answered = event.status == Call.Status.ANSWERED
    listen = answered and not event.keys and event.recording is not None
    changed = _dialling(pk=call.pk).update(
        status=event.status,
        ended_at=now,
        keys=event.keys if answered else "",
        recording=_at_rest(event.recording) if answered else None,
        due_at=now + LISTEN_WAIT if listen else None,
    )
    if changed and listen:
        later(RECOGNISE, str(call.pk), lane="voice")
    return bool(changed)


def _call_of(account: ProviderAccount, event: CallEvent) -> Call | None:
    theirs = Call.objects.filter(account=account)
    if event.call_id:
        return theirs.filter(pk=event.call_id).first()
    return theirs.filter(reference=event.reference).first() if event.reference else None


def _dialling(**which: Any) -> QuerySet[Call]:
    return Call.objects.filter(status=Call.Status.DIALLING, **which)


def _at_rest(recording: bytes | None) -> bytes | None:
    return key_ring().encrypt_bytes(recording, RECORDING) if recording else None


def sweep(now: datetime) -> dict[str, int]:
    """Bring back what a lost wake-up or a silent provider left lying."""
    due = Call.objects.filter(due_at__lte=now)
    queued = due.filter(status=Call.Status.QUEUED).order_by("due_at")
    unheard = due.filter(status=Call.Status.ANSWERED).order_by("due_at")
    return {
        "placed": _wake(queued, PLACE),
        "listened": _wake(unheard, RECOGNISE),
        "silent": due.filter(status=Call.Status.DIALLING).update(
            status=Call.Status.NO_ANSWER, ended_at=now, due_at=None
        ),
    }


def _wake(calls: QuerySet[Call], job: str) -> int:
    ids = list(calls.values_list("pk", flat=True)[:SWEEP_MOST])
    for call_id in ids:
        later(job, str(call_id), lane="voice")
    return len(ids)
