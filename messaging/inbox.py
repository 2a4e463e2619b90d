"""What the door stored is read here: receipts settle messages, replies and calls are taken."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction

from backoffice.kit.crypto import key_ring

from . import calls, replies
from .callbacks import BODY
from .models import CallbackRequest, ProviderAccount
from .receipts import settle
from .transports import transport
from .transports.base import Unreadable

logger = logging.getLogger(__name__)

Kind = CallbackRequest.Kind


def apply_waiting(now: datetime, *, most: int = 200) -> int:
    """Apply up to `most` stored callbacks in the order they came; returns how many."""
    applied = 0
    while applied < most and _apply_next(now):
        applied += 1
    return applied


@transaction.atomic
def _apply_next(now: datetime) -> bool:
    """Apply the oldest waiting one; locked rows are another worker's."""
    waiting = CallbackRequest.objects.filter(applied_at__isnull=True).order_by("pk")
    request = (
        waiting.select_for_update(skip_locked=True, of=("self",))
        .select_related("account")
        .first()
    )
    if request is None:
        return False
    request.problem = _apply(request, now)
    request.applied_at = now
    request.save(update_fields=["problem", "applied_at"])
    return True


def _apply(request: CallbackRequest, now: datetime) -> str:
    """Empty, or what is wrong with the body: it stays as it came, for a person to read.

    One that cannot be applied must not stand before all others for ever. What may pass by
    itself (a deadlock, a lost connection) is raised: it is tried again.
    """
    try:
        with transaction.atomic():
            body = key_ring().decrypt_bytes(request.body, BODY)
            READERS[Kind(request.kind)](request, request.account, body, now)
    except Unreadable as error:
        return str(error)[:200]
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.error("callback %s: %s", request.pk, type(error).__name__)
        return type(error).__name__
    return ""


def _receipts(
    request: CallbackRequest, account: ProviderAccount, body: bytes, now: datetime
) -> None:
    events = transport(account.transport).parse_receipts(body)
    settle(account, events, now=now, request_id=request.pk)


def _replies(
    request: CallbackRequest, account: ProviderAccount, body: bytes, now: datetime
) -> None:
    replies.take(account, transport(account.transport).parse_replies(body), now=now)


def _calls(
    request: CallbackRequest, account: ProviderAccount, body: bytes, now: datetime
) -> None:
    calls.apply(account, body, now)


READERS: dict[
    Kind, Callable[[CallbackRequest, ProviderAccount, bytes, datetime], None]
] = {
    Kind.RECEIPTS: _receipts,
    Kind.REPLIES: _replies,
    Kind.CALLS: _calls,
}
