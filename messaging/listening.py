"""The recorded answer of a call, heard (D6). Apart from the calls: the engine is heavy."""

from __future__ import annotations

import logging
from uuid import UUID

from backoffice.kit.crypto import key_ring

from .calls import RECORDING
from .models import Call
from .voice.pcm import BadRecording
from .voice.recognise import NOTHING, Heard, recognise

logger = logging.getLogger(__name__)


def recording_of(call: Call) -> bytes | None:
    """The WAV of an answered call, or None where there is none."""
    if call.recording is None:
        return None
    return key_ring().decrypt_bytes(call.recording, RECORDING)


def listen(call_id: UUID) -> bool:
    """Turn the recorded answer of a call into text, once (D6). False: nothing to do.

    It knows the kind of the answer and its length, never which one is right.
    """
    unheard = Call.objects.filter(
        pk=call_id, status=Call.Status.ANSWERED, due_at__isnull=False
    )
    call = unheard.first()
    wav = recording_of(call) if call else None
    if call is None or wav is None:
        return False
    heard = _heard(call, wav)
    return bool(
        unheard.update(
            heard=heard.text, confidence=heard.confidence or 0.0, due_at=None
        )
    )


def _heard(call: Call, wav: bytes) -> Heard:
    try:
        return recognise(wav, kind=call.answer_kind, length=call.answer_length)
    except (BadRecording, ValueError) as error:
        logger.warning("call %s cannot be heard: %s", call.pk, type(error).__name__)
        return NOTHING
