"""Lifecycle notices: taken in, held or scheduled, released, cancelled (A1, A2, A4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from backoffice.kit.crypto import blind_index
from backoffice.kit.jobs import later
from backoffice.platform.models import ApiClient, AuditEntry, Import
from campaigns.models import Notice
from campaigns.notice_decision import Decision, NoticeInfo, Shelf, decide, info_of
from campaigns.notice_sending import SEND_DUE, locked, send, send_due
from customers.models import Customer
from messaging.models import MessageType

__all__ = [
    "NoticeInfo",
    "cancel",
    "info_of",
    "release",
    "send",
    "send_due",
    "take",
    "take_many",
]

Status = Notice.Status


@dataclass(frozen=True, slots=True)
class Arrival:
    """How notices came in: by form, file or API, when, from whom."""

    origin: str
    now: datetime
    by: Any = None
    client: ApiClient | None = None
    batch: Import | None = None


def take(info: NoticeInfo, **arrival: Any) -> Notice:
    """Take one notice in; see `take_many`."""
    return take_many([info], **arrival)[0]


def take_many(  # noqa: PLR0913  the doors say how it came
    infos: Sequence[NoticeInfo],
    *,
    origin: str,
    now: datetime,
    by: Any = None,
    client: ApiClient | None = None,
    batch: Import | None = None,
) -> list[Notice]:
    """Take notices in, in their order: scheduled, or held with the reason (A1, A2, A4).

    Set-based: as many statements for a thousand as for one. A `client_reference` that
    the client used before returns the notice it made then, unchanged.
    """
    arrival = Arrival(origin, now, by, client, batch)
    try:
        return _take(infos, arrival)
    except IntegrityError:
        # Another request took the same reference in meanwhile: now it can be seen.
        return _take(infos, arrival)


@transaction.atomic
def _take(infos: Sequence[NoticeInfo], arrival: Arrival) -> list[Notice]:
    taken = _taken_before(infos, arrival.client)
    shelf, customers = Shelf.read(), _customers(infos)
    today = timezone.localdate(arrival.now)
    result, fresh = [], []
    for info in infos:
        notice = taken.get(info.client_reference or "")
        if notice is None:
            customer = customers.of(info)
            decision = decide(info, customer, shelf, today=today)
            notice = _notice(decision, customer, arrival)
            fresh.append(notice)
            if info.client_reference and arrival.client:
                taken[info.client_reference] = notice
        result.append(notice)
    Notice.objects.bulk_create(fresh, batch_size=1_000)
    _wake(fresh, today)
    return result


def _wake(notices: Iterable[Notice], today: date) -> None:
    """What goes out today goes out now: one wake-up for however many."""
    if any(row.status == Status.SCHEDULED and row.send_on == today for row in notices):
        later(SEND_DUE, lane="service", once=True)


def _taken_before(
    infos: Sequence[NoticeInfo], client: ApiClient | None
) -> dict[str, Notice]:
    references = {info.client_reference for info in infos if info.client_reference}
    if client is None or not references:
        return {}
    rows = Notice.objects.filter(client=client, client_reference__in=references)
    return {row.client_reference or "": row for row in rows}


def _notice(decision: Decision, customer: Customer | None, arrival: Arrival) -> Notice:
    notice = Notice(
        customer=customer,
        origin=arrival.origin,
        client=arrival.client,
        batch=arrival.batch,
        created_by=arrival.by,
        client_reference=decision.info.client_reference or None,
    )
    _apply(notice, decision)
    return notice


def _apply(notice: Notice, decision: Decision) -> None:
    info = decision.info
    for name in ("name", "phone", "amount", "due_on", "send_on", "text", "language"):
        setattr(notice, name, getattr(info, name))
    notice.phone_index = blind_index(info.phone) if info.phone else None
    notice.status, notice.hold = decision.status, decision.hold
    notice.detail = decision.detail
    notice.message_type, notice.template_version = (
        decision.message_type,
        decision.version,
    )
    notice.keywords = [list(hit) for hit in decision.found.hits]


class _Known:
    """The customers that a batch of notices may mean, read with two statements."""

    def __init__(self, by_id: Iterable[Customer], by_phone: Iterable[Customer]) -> None:
        self._ids = _grouped((row.external_id, row) for row in by_id)
        self._phones = _grouped((row.phone, row) for row in by_phone)

    def of(self, info: NoticeInfo) -> Customer | None:
        """The one customer that is meant, or None where that is not certain."""
        if info.external_id:
            rows = self._ids.get(info.external_id, [])
            rows = [row for row in rows if info.source in ("", row.source)]
        else:
            rows = self._phones.get(info.phone, [])
        if len(rows) > 1 and info.name:
            # A household shares a number: the name may tell its members apart.
            rows = [row for row in rows if row.name == info.name]
        return rows[0] if len(rows) == 1 else None


def _grouped(pairs: Iterable[tuple[str, Customer]]) -> dict[str, list[Customer]]:
    groups: dict[str, list[Customer]] = {}
    for key, row in pairs:
        groups.setdefault(key, []).append(row)
    return groups


def _customers(infos: Sequence[NoticeInfo]) -> _Known:
    ids = {info.external_id for info in infos if info.external_id}
    phones = {info.phone for info in infos if info.phone and not info.external_id}
    indexes = [blind_index(phone) for phone in phones]
    found = Customer.objects.all()
    return _Known(
        found.filter(external_id__in=ids) if ids else (),
        found.filter(phone_index__in=indexes) if indexes else (),
    )


@transaction.atomic
def release(  # noqa: PLR0913  each is a decision of the person's
    notices: QuerySet[Notice],
    *,
    message_type: MessageType | None = None,
    send_on: date | None = None,
    fields_are_right: bool = False,
    by: Any,
    now: datetime,
) -> dict[str, int]:
    """Decide held notices anew, with a type or a day that a person set.

    Without a type the one found before stays, or the keywords of today decide.
    `fields_are_right`: whoever releases has looked at a text that says otherwise.
    Returns {"scheduled": n, "held": m}: what is still missing still holds.
    """
    rows = locked(notices.filter(status=Status.HELD))
    infos = [replace(info_of(row), send_on=send_on or row.send_on) for row in rows]
    shelf, customers = Shelf.read(), _customers(infos)
    today = timezone.localdate(now)
    for notice, info in zip(rows, infos, strict=True):
        # The customer may have come after the notice.
        notice.customer = notice.customer or customers.of(info)
        kind = message_type or notice.message_type
        code = kind.code if kind else ""
        decided = decide(
            info,
            notice.customer,
            shelf,
            today=today,
            type_code=code,
            fields_are_right=fields_are_right,
        )
        _apply(notice, decided)
    Notice.objects.bulk_update(rows, _DECIDED, batch_size=500)
    _wake(rows, today)
    scheduled = sum(row.status == Status.SCHEDULED for row in rows)
    held = len(rows) - scheduled
    counts = {"scheduled": scheduled, "held": held}
    detail: dict[str, Any] = {**counts, "overruled": fields_are_right}
    AuditEntry.write(by, "notices released", message_type, **detail)
    return counts


_DECIDED = (
    "customer",
    "name",
    "phone",
    "phone_index",
    "send_on",
    "language",
    "status",
    "hold",
    "detail",
    "message_type",
    "template_version",
    "keywords",
)


def cancel(notices: QuerySet[Notice], *, by: Any) -> int:
    """Cancel what is not sent yet; returns how many."""
    waiting = Q(status__in=(Status.SCHEDULED, Status.HELD))
    count = notices.filter(waiting).update(status=Status.CANCELLED)
    AuditEntry.write(by, "notices cancelled", count=count)
    return count
