"""Providers by slug; a provider's file is imported on first use."""

from __future__ import annotations

from functools import cache
from typing import cast

from django.utils.module_loading import import_string

from .base import Transport

TRANSPORTS = {
    "aliyun": "messaging.transports.aliyun.Aliyun",
    "kannel": "messaging.transports.kannel.Kannel",
    "simulator": "messaging.transports.simulator.Simulator",
    "smpp": "messaging.transports.smpp.Smpp",
    "tencent": "messaging.transports.tencent.Tencent",
    "twilio": "messaging.transports.twilio.Twilio",
}


@cache
def transport(slug: str) -> Transport:
    """The transport of a slug. Raises KeyError for one that is not listed."""
    return cast("Transport", import_string(TRANSPORTS[slug])())
