"""A failed SMS is sent again: a new message with a tracking record of its own (A6, E2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from backoffice.kit.bulk import update_rows
from backoffice.kit.crypto import blind_index, encrypt
from backoffice.kit.ids import uuid7s
from backoffice.platform.models import AuditEntry
from messaging.failures import retryable
from messaging.models import FailedNumber, Message, ProviderAccount
from messaging.outbox import Draft, Order, enqueue
from tracking.codes import new_codes
from tracking.links import short_url
from tracking.models import TrackingRecord
from tracking.records import Track, Tracking, record

CHUNK = 2_000
ORIGIN = "retries"


@dataclass(frozen=True, slots=True)
class Retried:
    """`sent` again; `left` where only another number or a decision would help."""

    sent: int
    left: int


def retry(
    rows: QuerySet[FailedNumber],
    *,
    by: Any,
    now: datetime,
    account: ProviderAccount | None = None,
) -> Retried:
    """Send the same version and parameters once more, to the number as it is now.

    With `account` over it and no other, else as routing decides. Each failed number is claimed in the transaction that makes its new message: two
    clicks send once. A text with a link gets a link code of its own, since SMS id and
    code map one to one (E2).
    """
    wanted = rows.count()
    able = retryable(rows, now=now, account=account)
    ids = list(able.order_by("pk").values_list("pk", flat=True))
    sent = sum(
        _retry_chunk(ids[start : start + CHUNK], now, account)
        for start in range(0, len(ids), CHUNK)
    )
    over = account.name if account else ""
    AuditEntry.write(
        by, "failed numbers sent again", sent=sent, left=wanted - sent, over=over
    )
    return Retried(sent, wanted - sent)


@transaction.atomic
def _retry_chunk(ids: list[int], now: datetime, account: ProviderAccount | None) -> int:
    rows_now = FailedNumber.objects.filter(pk__in=ids)
    mine = retryable(rows_now, now=now, account=account)
    locked = mine.select_for_update(of=("self",), skip_locked=True)
    rows = list(
        locked.select_related(
            "message__template_version__template__message_type", "message__tracking"
        )
    )
    rows.sort(key=_alike)
    for _key, alike in groupby(rows, key=_alike):
        _send_again(list(alike), now, account)
    done = FailedNumber.objects.filter(pk__in=[row.pk for row in rows])
    done.update(state=FailedNumber.State.RETRIED)
    return len(rows)


def _record_of(row: FailedNumber) -> TrackingRecord | None:
    return getattr(row.message, "tracking", None)


def _alike(row: FailedNumber) -> tuple[Any, ...]:
    """What the messages of a chunk and their tracking records must have in common."""
    old = _record_of(row)
    tracked = (
        (old.requested_by, old.target, old.adds_token, old.parameters_id or 0)
        if old
        else ("", "", False, 0)
    )
    message = row.message
    return (message.template_version_id, message.business_type_id or 0, *tracked)


def _send_again(
    rows: list[FailedNumber], now: datetime, account: ProviderAccount | None
) -> None:
    message = rows[0].message
    version = message.template_version
    expires_at = now + timedelta(hours=version.template.message_type.valid_hours)
    order = Order(version, ORIGIN, now, expires_at, message.business_type_id)
    drafts, tracks = _drafts(rows)
    made = enqueue(drafts, order, now=now).messages
    if account:
        made.update(account=account, is_bound=True)
    if not message.is_marketing:  # a notice's day does not begin anew
        valid = [row.message.expires_at for row in rows]
        until = [(one.id, at) for one, at in zip(drafts, valid, strict=True)]
        update_rows(Message, "id", ["expires_at"], until)
    record(tracks, _tracking(rows[0]), now=now)


def _tracking(row: FailedNumber) -> Tracking:
    """As it was the first time."""
    old = _record_of(row)
    return Tracking(
        requested_by=old.requested_by if old else ORIGIN,
        target=old.target if old else "",
        adds_token=bool(old and old.adds_token),
        tree=old.parameters.tree if old and old.parameters else [],
        business_type_id=row.message.business_type_id,
    )


def _drafts(rows: list[FailedNumber]) -> tuple[list[Draft], list[Track]]:
    codes = new_codes(len(rows))
    drafts, tracks = [], []
    for pk, row, fresh in zip(uuid7s(len(rows)), rows, codes, strict=True):
        old = _record_of(row)
        code = fresh if old and old.code else None
        values = _relinked(row.message.values, old.code if old else None, fresh)
        customer_id = row.message.customer_id
        index = blind_index(row.phone)
        drafts.append(
            Draft(pk, customer_id, encrypt(row.phone, "phone"), index, values)
        )
        tracks.append(Track(pk, customer_id, code))
    return drafts, tracks


def _relinked(values: dict[str, str], old: str | None, new: str) -> dict[str, str]:
    if old is None:
        return values
    return {
        name: value.replace(short_url(old), short_url(new))
        for name, value in values.items()
    }
