"""Replies: stored, matched to the message they answer, opt-outs taken at once (E5)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from backoffice.kit.crypto import blind_index
from backoffice.kit.phones import BadPhone, to_e164
from backoffice.platform.models import Parameter
from customers.models import Customer, Suppression

from .models import InboundMessage, Message, ProviderAccount, ProviderReference
from .transports.base import ReplyEvent

# Where a reply carries no response code, the newest message to the number is answered.
ANSWERS_WITHIN = timedelta(hours=72)


def is_opt_out(text: str, words: Iterable[str]) -> bool:
    """Does the reply begin with an opt-out word? Width, case, a "回复" and points are ignored."""
    folded = (
        unicodedata.normalize("NFKC", text).strip().upper().removeprefix("回复").strip()
    )
    first = re.split(r"[\s,.;:!?，。；：！？]+", folded, maxsplit=1)[0]
    return first in {unicodedata.normalize("NFKC", word).upper() for word in words}


def take(
    account: ProviderAccount, events: Iterable[ReplyEvent], *, now: datetime
) -> int:
    """Store replies; returns how many were new. The same one twice is one."""
    return sum(_take_one(account, event, now) for event in events)


@transaction.atomic
def _take_one(account: ProviderAccount, event: ReplyEvent, now: datetime) -> bool:
    phone = _phone(event.phone)
    index = blind_index(phone)
    message = _by_code(account, event, index) or _newest(account, index, now)
    opt_out = is_opt_out(event.text, Parameter.read("opt_out_words"))
    customer_id = message.customer_id if message else _customer(index)
    _row, new = InboundMessage.objects.get_or_create(
        account=account,
        provider_id=event.id[:80],
        defaults={
            "phone": phone,
            "phone_index": index,
            "text": event.text,
            "received_at": now,
            "message": message,
            "customer_id": customer_id,
            "is_opt_out": opt_out,
        },
    )
    if new and message:
        Message.objects.filter(pk=message.pk, replied_at__isnull=True).update(
            replied_at=now
        )
    if new and opt_out:
        Suppression.add(
            phone, scope=Suppression.Scope.MARKETING, reason="reply", now=now
        )
    return new


def _phone(text: str) -> str:
    try:
        return to_e164(text)
    except BadPhone:
        return text  # a short code, say: kept as it came


def _by_code(
    account: ProviderAccount, event: ReplyEvent, index: bytes
) -> Message | None:
    if not event.reference:
        return None
    known = ProviderReference.objects.filter(
        account=account, reference=event.reference, phone_index=index
    )
    reference = known.select_related("message").first()
    return reference.message if reference else None


def _newest(account: ProviderAccount, index: bytes, now: datetime) -> Message | None:
    sent = Message.objects.filter(
        phone_index=index, created_at__gte=now - ANSWERS_WITHIN, account=account
    )
    return (
        sent.filter(status__lt=Message.Status.REFUSED).order_by("-created_at").first()
    )


def _customer(index: bytes) -> int | None:
    return (
        Customer.objects.filter(phone_index=index).values_list("pk", flat=True).first()
    )
