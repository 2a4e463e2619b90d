"""Voice providers by slug; a provider's file is imported on first use."""

from __future__ import annotations

from functools import cache
from typing import cast

from django.utils.module_loading import import_string

from .base import VoiceTransport

TRANSPORTS = {
    "simulator": "messaging.voice.simulator.SimulatorVoice",
}


@cache
def voice_transport(slug: str) -> VoiceTransport:
    """The voice transport of a slug. Raises KeyError for one that is not listed."""
    return cast("VoiceTransport", import_string(TRANSPORTS[slug])())
