"""Running an event: start it once, make its messages part by part, see it through (C7).

A start freezes the event and writes recipients and parts in one transaction. A part's
messages, tracking records and its mark are one transaction too: a worker killed before
it has done nothing, and running it again finds the part done.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import BinaryField, Count, F, Q, Value
from django.urls import reverse
from django.utils.translation import gettext as _

from backoffice.kit.clock import database_now
from backoffice.kit.crypto import at_rest
from backoffice.kit.ids import uuid7s
from backoffice.kit.jobs import later
from backoffice.platform.models import AuditEntry, Parameter
from messaging.models import Chunk, Message, TemplateVersion
from messaging.outbox import Draft, Order, enqueue
from tracking.codes import new_codes
from tracking.links import short_url
from tracking.records import Track, Tracking, record

from .activities import cancel_stopped
from .audience_sql import Audience
from .audiences import audience_of, fill
from .models import MarketingEvent, Push, PushPart, Recipient
from .placeholders import ATTRIBUTE, LINK, customer_values, event_values
from .readiness import require_ready
from .steering import may_make_more

FILL = "campaigns.jobs.fill_part"
LANE = "marketing"
WAKE_MOST = 20  # parts of a push in one sweep
# A wake-up that is not lost is taken within these seconds.
LOST_AFTER = timedelta(seconds=10)


class AlreadyRunning(ValueError):
    """The event has run since the page was loaded, or is running: it starts once."""


def start(
    event: MarketingEvent, *, by: Any, now: datetime, runs_before: int | None = None
) -> Push:
    """Freeze the event, choose its target group and have its messages made (C7).

    `runs_before`: how many runs whoever starts has seen; a second click is refused
    even where the first run is done. Raises NotReady, BadCriteria, AlreadyRunning.
    """
    require_ready(event, now=now)
    audience = audience_of(event, now=now)
    try:
        with transaction.atomic():
            return _start(event, audience, by, runs_before)
    except IntegrityError as error:
        raise AlreadyRunning(
            _("“%s” is running already; see its push.") % event
        ) from error


def _start(
    event: MarketingEvent, audience: Audience, by: Any, runs_before: int | None
) -> Push:
    push = Push.objects.create(
        event=event,
        frozen=_frozen(event, audience),
        as_of=audience.as_of,
        started_at=audience.now,
        started_by=by,
    )
    if runs_before is not None and event.pushes.count() != runs_before + 1:
        raise AlreadyRunning(_("“%s” was started meanwhile; see its push.") % event)
    parts = fill(push, audience, part_size=int(Parameter.read("send_chunk_size")))
    push.status = Push.Status.SENDING if parts else Push.Status.DONE
    push.finished_at = None if parts else audience.now
    push.save()
    AuditEntry.write(
        by,
        "start_event",
        push,
        initial=push.initial_count,
        targeted=push.target_count,
    )
    for part in parts:
        later(FILL, part.pk, lane=LANE, once=True)
    return push


def _frozen(event: MarketingEvent, audience: Audience) -> dict[str, Any]:
    """Everything the run depends on, as JSON: explanations are answered from it (X2)."""
    version = event.template.current
    return {
        "event": event.name,
        "event_type": event.event_type.code,
        "business_types": list(audience.business_types),
        "business_type": _business_type(event),
        "offers_application": audience.offers_application,
        "parameters": event.parameters,
        "values": event_values(
            event.event_type, event.parameters, language=event.template.language
        ),
        "template_version": version.pk if version else None,
        "standard": event.standard.name if event.standard else "",
        "criteria": audience.criteria,
        "label_sets": [list(one) for one in audience.label_sets],
        "activity": event.activity_id,
        "link": _target(event),
        "tracking": event.tracking,
        "holdout_percent": audience.holdout_percent,
        "caps": [list(cap) for cap in audience.caps],
        "requested_by": event.requested_by,
        "per_minute": event.per_minute,
    }


def _business_type(event: MarketingEvent) -> int | None:
    """The one that the messages carry (E8): one that offers an application goes before,
    so that the gate asks about no-apply intervals again (B6)."""
    types = event.event_type.business_types.order_by("-offers_application", "code")
    return types.values_list("pk", flat=True).first()


def _target(event: MarketingEvent) -> str:
    if event.activity:
        path = reverse("campaigns:activity", args=[event.activity.slug])
        return f"{settings.PUBLIC_BASE_URL}{path}"
    return event.link_target


# --- a part ---------------------------------------------------------------------------

_Row = tuple[int, bytes, bytes, bytes, str, Any]


def fill_part(part_id: int) -> list[Draft]:
    """Make the messages and tracking records of a part; none where it is done (E2, E7)."""
    part = PushPart.objects.select_related("push").filter(pk=part_id).first()
    if part is None or part.chunk_id is not None:
        return []
    version = TemplateVersion.objects.select_related("template__message_type").get(
        pk=part.push.frozen["template_version"]
    )
    drafts, tracks = _compose(part.push, version, _recipients(part, version.fields))
    with transaction.atomic():
        if not _claim(part):
            return []
        chunk = _write(part.push, version, drafts, tracks)
        PushPart.objects.filter(pk=part.pk).update(chunk=chunk)
    return drafts


def _claim(part: PushPart) -> bool:
    """The row is ours until the end of the transaction, unless somebody filled it."""
    free = PushPart.objects.select_for_update().filter(pk=part.pk, chunk__isnull=True)
    return bool(free.values_list("pk", flat=True))


def _recipients(part: PushPart, fields: tuple[str, ...]) -> list[_Row]:
    """What a text needs of each customer, the ciphertexts as they rest."""
    wants_attributes = any(field.startswith(ATTRIBUTE) for field in fields)
    nothing = Value(None, output_field=BinaryField())
    rows = Recipient.objects.filter(push=part.push_id, part=part.number)
    return list(
        rows.order_by("id").values_list(
            "customer_id",
            at_rest("customer__phone"),
            at_rest("customer__phone_index"),
            at_rest("customer__name"),
            "customer__external_id",
            F("customer__attributes") if wants_attributes else nothing,
        )
    )


def _compose(
    push: Push, version: TemplateVersion, rows: list[_Row]
) -> tuple[list[Draft], list[Track]]:
    fields = version.fields
    frozen = push.frozen["values"]
    shared = {name: text for name, text in frozen.items() if name in fields}
    codes = new_codes(len(rows)) if LINK in fields else [None] * len(rows)
    drafts, tracks = [], []
    short = short_url("")
    for row, id_, code in zip(rows, uuid7s(len(rows)), codes, strict=True):
        customer, phone, index, name, number, attributes = row
        values = shared | customer_values(
            fields, name=name, external_id=number, attributes=attributes
        )
        if code:
            values[LINK] = short + code
        drafts.append(Draft(id_, customer, bytes(phone), bytes(index), values))
        tracks.append(Track(id_, customer, code))
    return drafts, tracks


def _write(
    push: Push, version: TemplateVersion, drafts: list[Draft], tracks: list[Track]
) -> Chunk:
    now = database_now()
    hours = version.template.message_type.valid_hours
    frozen = push.frozen
    order = Order(
        version=version,
        origin=push.origin,
        due_at=now,
        expires_at=now + timedelta(hours=hours),
        business_type_id=frozen["business_type"],
        wakes=False,
        per_minute=frozen.get("per_minute"),
    )
    chunk = enqueue(drafts, order, now=now)
    tracking = Tracking(
        requested_by=frozen["requested_by"],
        target=frozen["link"],
        adds_token=frozen["activity"] is not None,
        tree=frozen["tracking"],
        business_type_id=frozen["business_type"],
    )
    record(tracks, tracking, now=now)
    if frozen["activity"]:
        cancel_stopped(chunk.messages.all(), frozen["activity"], now)
    return chunk


# --- seeing it through ------------------------------------------------------------------


def sweep_pushes(now: datetime) -> dict[str, int]:
    """Wake parts whose wake-up was lost; close pushes that have nothing left to send."""
    woken = done = 0
    for push in Push.objects.filter(status=Push.Status.SENDING):
        unmade = push.parts.filter(chunk__isnull=True).order_by("number")
        open_parts = unmade.values_list("pk", flat=True)[:WAKE_MOST]
        if open_parts and not may_make_more(push, now):
            continue
        if open_parts:
            woken += _wake(push, list(open_parts), now)
        elif not _unsent(push):
            running = Push.objects.filter(pk=push.pk, status=Push.Status.SENDING)
            done += running.update(status=Push.Status.DONE, finished_at=now)
    return {"woken": woken, "done": done}


def _wake(push: Push, part_ids: list[int], now: datetime) -> int:
    if now - push.started_at < LOST_AFTER:
        return 0
    for part_id in part_ids:
        later(FILL, part_id, lane=LANE, once=True)
    return len(part_ids)


def _unsent(push: Push) -> bool:
    chunks = Chunk.objects.filter(pushpart__push=push)
    if chunks.filter(next_at__isnull=False).exists():
        return True
    waiting = (Message.Status.QUEUED, Message.Status.SENDING)
    return Message.objects.filter(
        chunk__pushpart__push=push, status__in=waiting
    ).exists()


def progress(push: Push) -> dict[str, int]:
    """How many of the push's messages stand where, by status code; `to_make`: not made yet,
    `not_made`: never, the push was cancelled.

    Reads the messages of the push's own chunks only. `replied` stands beside the others.
    """
    messages = Message.objects.filter(chunk__pushpart__push=push)
    replied = Count("pk", filter=Q(replied_at__isnull=False))
    by_status = messages.values("status").annotate(n=Count("pk"), replied=replied)
    rows = list(by_status.order_by("status"))
    counts = {Message.Status(row["status"]).name.lower(): row["n"] for row in rows}
    counts["replied"] = sum(row["replied"] for row in rows)
    made = push.parts.filter(chunk__isnull=False).values_list("size", flat=True)
    left = "not_made" if push.status == Push.Status.CANCELLED else "to_make"
    return counts | {left: push.target_count - sum(made)}


def refusals(push: Push) -> dict[str, int]:
    """How many of the push's messages we refused or gave up ourselves, by reason (X2)."""
    messages = Message.objects.filter(chunk__pushpart__push=push).exclude(failure="")
    by_reason = messages.order_by().values_list("failure").annotate(Count("pk"))
    return dict(sorted(by_reason))


def settled_share(push: Push) -> int:
    """Percent of the target group whose SMS has left the house, or never will."""
    counts = progress(push)
    waiting = sum(counts.get(name, 0) for name in ("queued", "sending", "to_make"))
    if not push.target_count:
        return 100
    return 100 * (push.target_count - waiting) // push.target_count
