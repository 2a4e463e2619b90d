"""Messages are made here: rows first, committed, then a worker is woken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backoffice.kit.bulk import insert_rows
from backoffice.kit.crypto import key_ring
from backoffice.kit.jobs import later

from .models import Chunk, Message, MessageType, TemplateVersion

SEND = "messaging.jobs.send_chunk"

# `json.dumps` with an option makes an encoder for every call.
_json = json.JSONEncoder(ensure_ascii=False).encode
LANES = ("service", "marketing")  # where `MessageType.lane` puts chunks

FIELDS = ("id", "customer", "phone", "phone_index", "parameters")


@dataclass(frozen=True, slots=True)
class Draft:
    """One SMS to be: `id` is its SMS id (E1), `phone` the ciphertext as it rests.

    `values` are the template's fields, as text, frozen from here on.
    """

    id: UUID
    customer_id: int | None
    phone: bytes
    phone_index: bytes
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Order:
    """What the messages of one chunk have in common. `origin`, `per_minute` as in `Chunk`.

    `wakes` False: who makes them sends them, in the same job.
    """

    version: TemplateVersion
    origin: str
    due_at: datetime
    expires_at: datetime
    business_type_id: int | None = None
    wakes: bool = True
    per_minute: int | None = None


def enqueue(drafts: Sequence[Draft], order: Order, *, now: datetime) -> Chunk:
    """Write the messages of a chunk and wake a worker of its lane after the commit.

    Call it inside a transaction, together with whatever must exist with the messages.
    One SMS is a chunk of one: there is no second way.
    """
    kind = order.version.template.message_type
    chunk = Chunk.objects.create(
        lane=kind.lane,
        origin=order.origin,
        size=len(drafts),
        next_at=order.due_at,
        per_minute=order.per_minute,
    )
    same = {"chunk": chunk.pk, "created_at": now, **_same(order, kind)}
    insert_rows(Message, FIELDS, _rows(drafts), same=same)
    if order.wakes and order.due_at <= now:
        later(SEND, chunk.pk, lane=chunk.lane, once=True)
    return chunk


def _rows(drafts: Sequence[Draft]) -> list[tuple[object, ...]]:
    encrypt = key_ring().encrypt
    return [
        (
            draft.id,
            draft.customer_id,
            draft.phone,
            draft.phone_index,
            encrypt(_json(draft.values), "text"),
        )
        for draft in drafts
    ]


def _same(order: Order, kind: MessageType) -> dict[str, object]:
    return {
        "template_version": order.version.pk,
        "business_type": order.business_type_id or kind.business_type_id,
        "is_marketing": kind.purpose == MessageType.Purpose.MARKETING,
        "due_at": order.due_at,
        "expires_at": order.expires_at,
        "status": Message.Status.QUEUED.value,
        "failure": "",
        "waiting": "",
        "attempts": 0,
        "parts": 0,
        "signature": "",
        "needs_person": False,
    }
