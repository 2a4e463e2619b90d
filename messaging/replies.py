"""Replies: stored, matched to the message they answer, opt-outs taken at once (E5)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from backoffice.kit.crypto import blind_index
from backoffice.kit.phones import BadPhone, to_e164
from backoffice.platform.models import Parameter
from customers.models import Customer, Suppression

from .models import InboundMessage, Message, ProviderAccount, ProviderReference
from .receipts import plain
from .transports.base import ReplyEvent

# Where a reply carries no response code, the newest message to the number is answered.
ANSWERS_WITHIN = timedelta(hours=72)

Answered = tuple[UUID, int | None] | None  # the SMS and its customer


def is_opt_out(text: str, words: Iterable[str]) -> bool:
    """Does the reply begin with an opt-out word? Width, case, a "回复" and points are ignored."""
    folded = (
        unicodedata.normalize("NFKC", text).strip().upper().removeprefix("回复").strip()
    )
    first = re.split(r"[\s,.;:!?，。；：！？]+", folded, maxsplit=1)[0]
    return first in {unicodedata.normalize("NFKC", word).upper() for word in words}


@transaction.atomic
def take(
    account: ProviderAccount, events: Iterable[ReplyEvent], *, now: datetime
) -> int:
    """Store replies; returns how many were new. The same one twice is one."""
    stored = [_store(account, event, now) for event in events]
    new = [reply for reply, is_new in stored if is_new]
    for reply in new:
        if reply.is_opt_out:
            scope = Suppression.Scope.MARKETING
            Suppression.add(reply.phone, scope=scope, reason="reply", now=now)
    _mark_answered({reply.message_id for reply in new if reply.message_id}, now)
    return len(new)


def _store(
    account: ProviderAccount, event: ReplyEvent, now: datetime
) -> tuple[InboundMessage, bool]:
    phone = _phone(plain(event.phone))
    index = blind_index(phone)
    answers = _by_code(account, event, index) or _newest(account, index, now)
    message_id, customer_id = answers or (None, _customer(index))
    return InboundMessage.objects.get_or_create(
        account=account,
        provider_id=plain(event.id)[:80],
        defaults={
            "phone": phone,
            "phone_index": index,
            "text": plain(event.text),
            "received_at": now,
            "message_id": message_id,
            "customer_id": customer_id,
            "is_opt_out": is_opt_out(event.text, Parameter.read("opt_out_words")),
        },
    )


def _mark_answered(ids: set[UUID], now: datetime) -> None:
    """In the order of the ids, as receipts take them: nobody waits for the other for ever."""
    silent = Message.objects.filter(pk__in=ids, replied_at__isnull=True)
    locked = silent.order_by("pk").select_for_update().values_list("pk", flat=True)
    Message.objects.filter(pk__in=list(locked)).update(replied_at=now)


def _phone(text: str) -> str:
    try:
        return to_e164(text)
    except BadPhone:
        return text  # a short code, say: kept as it came


def _by_code(account: ProviderAccount, event: ReplyEvent, index: bytes) -> Answered:
    if not event.reference:
        return None
    known = ProviderReference.objects.filter(
        account=account, reference=plain(event.reference)[:80], phone_index=index
    )
    return known.values_list("message_id", "message__customer_id").first()


def _newest(account: ProviderAccount, index: bytes, now: datetime) -> Answered:
    sent = Message.objects.filter(
        phone_index=index, created_at__gte=now - ANSWERS_WITHIN, account=account
    )
    taken = sent.filter(status__lt=Message.Status.REFUSED).order_by("-created_at")
    return taken.values_list("pk", "customer_id").first()


def _customer(index: bytes) -> int | None:
    return (
        Customer.objects.filter(phone_index=index).values_list("pk", flat=True).first()
    )
