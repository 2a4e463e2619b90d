"""Notices go out on their day: a message and a tracking record for each (A5, E1, E2)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import groupby
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from backoffice.kit.bulk import update_rows
from backoffice.kit.crypto import blind_index, encrypt
from backoffice.kit.ids import uuid7s
from backoffice.platform.models import Parameter
from campaigns.models import Notice
from campaigns.notice_decision import info_of, missing, values_of
from messaging.models import TemplateVersion
from messaging.outbox import Draft, Order, enqueue
from tracking.records import Track, Tracking, record

SEND_DUE = "campaigns.jobs.send_due_notices"
CHUNK = 2_000
ORIGIN = "notices"
# Who ordered an SMS that no partner system sent in (E8).
OPERATIONS = "operations"

Status, Hold = Notice.Status, Notice.Hold


def send_due(now: datetime) -> dict[str, int]:
    """Hand over the notices of today; hold those whose day went by (A5).

    The day and `send_hour` are by the house's clock. Returns {"sent": n, "held": m}.
    """
    local = timezone.localtime(now)
    scheduled = Notice.objects.filter(status=Status.SCHEDULED)
    late = scheduled.filter(send_on__lt=local.date())
    counts = {"sent": 0, "held": late.update(status=Status.HELD, hold=Hold.PAST_DATE)}
    if local.time() < time.fromisoformat(Parameter.read("send_hour")):
        return counts
    for name, count in send(scheduled.filter(send_on=local.date()), now).items():
        counts[name] += count
    return counts


def send(notices: QuerySet[Notice], now: datetime) -> dict[str, int]:
    """Hand the scheduled ones among `notices` over for sending, whatever their day.

    A chunk of at most 2,000 for a template version and orderer; each is claimed in the
    transaction that writes its message and tracking record (E1, E2).
    """
    counts = {"sent": 0, "held": 0}
    scheduled = notices.filter(status=Status.SCHEDULED, template_version__isnull=False)
    order = ("template_version_id", "client_id", "id")
    keys = list(scheduled.order_by(*order).values_list(*order))
    for (version_id, _client), rows in groupby(keys, key=lambda key: key[:2]):
        version = TemplateVersion.objects.select_related("template__message_type").get(
            pk=version_id
        )
        ids = [pk for *_key, pk in rows]
        for start in range(0, len(ids), CHUNK):
            sent, held = _send_chunk(ids[start : start + CHUNK], version, now)
            counts["sent"] += sent
            counts["held"] += held
    return counts


@transaction.atomic
def _send_chunk(
    ids: list[int], version: TemplateVersion, now: datetime
) -> tuple[int, int]:
    rows = locked(Notice.objects.filter(pk__in=ids, status=Status.SCHEDULED))
    ready = []
    for notice in rows:
        values = values_of(info_of(notice), notice.customer)
        if gaps := missing(version, values):
            notice.status, notice.hold = Status.HELD, Hold.MISSING_FIELD
            notice.detail = ", ".join(gaps)[:200]
            notice.save(update_fields=["status", "hold", "detail"])
        else:
            ready.append((notice, {name: values[name] for name in version.fields}))
    valid = now + timedelta(hours=version.template.message_type.valid_hours)
    until = [
        (_expires_at(notice, valid, now), notice, values) for notice, values in ready
    ]
    until.sort(key=lambda one: one[0])
    for expires_at, alike in groupby(until, key=lambda one: one[0]):
        some = [(notice, values) for _until, notice, values in alike]
        _hand_over(some, version, expires_at, now)
    return len(ready), len(rows) - len(ready)


def _expires_at(notice: Notice, valid: datetime, now: datetime) -> datetime:
    """A repayment that is due today or later is not announced when its day is over."""
    if notice.due_on is None:
        return valid
    next_day = datetime.combine(notice.due_on + timedelta(days=1), time())
    over = timezone.make_aware(next_day)
    return min(valid, over) if over > now else valid


def _hand_over(
    ready: list[tuple[Notice, dict[str, str]]],
    version: TemplateVersion,
    expires_at: datetime,
    now: datetime,
) -> None:
    kind = version.template.message_type
    ids = uuid7s(len(ready))
    drafts = [
        _draft(pk, notice, values)
        for pk, (notice, values) in zip(ids, ready, strict=True)
    ]
    enqueue(drafts, Order(version, ORIGIN, now, expires_at), now=now)
    client = ready[0][0].client
    tracking = Tracking(
        client.name if client else OPERATIONS, business_type_id=kind.business_type_id
    )
    record([Track(draft.id, draft.customer_id) for draft in drafts], tracking, now=now)
    links = [
        (notice.pk, Status.SENT.value, pk)
        for pk, (notice, _values) in zip(ids, ready, strict=True)
    ]
    update_rows(Notice, "id", ("status", "message"), links)


def _draft(pk: UUID, notice: Notice, values: dict[str, str]) -> Draft:
    return Draft(
        id=pk,
        customer_id=notice.customer_id,
        phone=encrypt(notice.phone, "phone"),
        phone_index=blind_index(notice.phone),
        values=values,
    )


def locked(notices: QuerySet[Notice]) -> list[Notice]:
    """The rows, ours until the transaction ends; what another worker holds is left out.

    SQLite needs no row locks: its transactions are IMMEDIATE, one writer at a time.
    """
    mine = notices.select_for_update(of=("self",), skip_locked=True)
    return list(mine.select_related("customer", "client").order_by("id"))
