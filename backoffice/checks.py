"""System checks for settings that are missing or wrong."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from backoffice.kit import failpoints

KEY_BYTES = 32


@register()
def keys(**_context: Any) -> list[CheckMessage]:
    """Every key is 256 bits in base64; the ring names each of its keys."""
    ring = [part.partition(":") for part in settings.KEY_RING.split(",") if part]
    problems: list[CheckMessage] = []
    if not ring or not all(name and _is_key(key) for name, _mark, key in ring):
        problems.append(
            Error(
                "KEY_RING is not usable.",
                hint="id:base64 of 32 bytes, newest first, comma-separated.",
                id="backoffice.E001",
            )
        )
    if not _is_key(settings.INDEX_KEY):
        problems.append(
            Error(
                "INDEX_KEY is not usable.",
                hint="base64 of 32 bytes; `python -m backoffice.kit.localkeys` makes one.",
                id="backoffice.E002",
            )
        )
    return problems


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


@register()
def addresses(**_context: Any) -> list[CheckMessage]:
    """Short links and callbacks are made of these addresses: they are whole and final."""
    problems: list[CheckMessage] = []
    for number, name in enumerate(("PUBLIC_BASE_URL", "SHORT_LINK_BASE"), start=3):
        value = getattr(settings, name)
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            hint = "For example https://crm.bank.example"
            code = f"backoffice.E{number:03}"
            problems.append(Error(f"{name} is no web address.", hint=hint, id=code))
        elif value.endswith("/"):
            code = f"backoffice.E{number:03}"
            problems.append(Error(f"{name} ends with a slash: drop it.", id=code))
    return problems


@register(deploy=True)
def crash_points(**_context: Any) -> list[CheckMessage]:
    """What tests kill processes with is not set where customers are served."""
    if failpoints.NAME not in os.environ:
        return []
    text = f"{failpoints.NAME} is set: workers will kill themselves."
    hint = "Unset it: it is for tests."
    return [Error(text, hint=hint, id="backoffice.E007")]


@register(deploy=True)
def public(**_context: Any) -> list[CheckMessage]:
    """What customers' phones open is encrypted, and the host is served."""
    problems: list[CheckMessage] = []
    if not settings.HTTPS:
        problems.append(
            Warning(
                "PUBLIC_BASE_URL is not https.",
                hint="Set it to the address that your TLS proxy serves.",
                id="backoffice.W005",
            )
        )
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname
    if host not in settings.ALLOWED_HOSTS and "*" not in settings.ALLOWED_HOSTS:
        problems.append(
            Warning(
                "The host of PUBLIC_BASE_URL is not served.",
                hint="Add it to ALLOWED_HOSTS.",
                id="backoffice.W006",
            )
        )
    return problems
