"""Everything about one SMS, found from any of its identifiers (E9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _

from backoffice.kit.crypto import blind_index
from backoffice.kit.phones import BadPhone, to_e164
from customers.models import Customer
from messaging.models import Message, ProviderReference
from tracking.models import ParameterValue, TrackingRecord
from tracking.submissions import submissions_of

MOST = 50

# Read by the names of the relations: what stands to the right is not imported.
_PARTS = (
    "template_version__template__message_type",
    "account",
    "business_type",
    "tracking__parameters",
    "tracking__business_type",
    "references",
    "receipts",
    "replies",
    "clicks",
    "notice",
    "sign_ups__activity",
    "sign_ups__verification__call",
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. `private` is for those who may read message texts."""

    at: datetime
    what: str
    detail: str = ""
    private: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Life:
    """A message, its tracking record (None only for a broken one) and what happened."""

    message: Message
    record: TrackingRecord | None
    moments: list[Moment]


def find(query: str) -> list[Message]:
    """The messages that a word may mean, newest first, at most 50 (E9).

    The word: SMS id with or without dashes; phone number as people write it; response
    code; link code or short URL; a tracking parameter's value, or `name=value`.
    """
    word = query.replace("\0", "").strip()
    if not word:
        return []
    ids = {pk for look in _LOOKS for pk in look(word)}
    found = Message.objects.filter(pk__in=ids)
    return list(
        found.select_related("template_version__template__message_type").order_by(
            "-pk"
        )[:MOST]
    )


def _by_id(word: str) -> Iterable[UUID]:
    try:
        return [UUID(word)]
    except ValueError:
        return []


def _by_phone(word: str) -> Iterable[UUID]:
    try:
        index = blind_index(to_e164(word, region=settings.DEFAULT_PHONE_REGION))
    except BadPhone:
        return []
    mine = Message.objects.filter(phone_index=index).order_by("-created_at")
    return mine.values_list("pk", flat=True)[:MOST]


def _by_response_code(word: str) -> Iterable[UUID]:
    known = ProviderReference.objects.filter(reference=word).order_by("-message")
    return known.values_list("message_id", flat=True)[:MOST]


def _by_link(word: str) -> Iterable[UUID]:
    code = word.split("?")[0].rstrip("/").rpartition("/")[2]
    records = TrackingRecord.objects.filter(code=code)
    return records.values_list("message_id", flat=True)


def _by_parameter(word: str) -> Iterable[UUID]:
    name, mark, value = word.partition("=")
    nodes = ParameterValue.objects.filter(value=value.strip() if mark else word)
    sets = [
        node.set_id
        for node in nodes
        if not mark or node.path.split("/")[-1] == name.strip() or node.path == name
    ]
    records = TrackingRecord.objects.filter(parameters__in=sets)
    return records.order_by("-message").values_list("message_id", flat=True)[:MOST]


_LOOKS = (_by_id, _by_phone, _by_response_code, _by_link, _by_parameter)


def life(message: Message) -> Life:
    """The whole life of one SMS, by time (E9)."""
    return _lives([message])[0]


def life_of_customer(customer: Customer) -> list[Life]:
    """The lives of a customer's newest messages, at most 50, newest first."""
    mine = Message.objects.filter(customer=customer).order_by("-pk")
    return _lives(list(mine[:MOST]))


def _lives(messages: Sequence[Message]) -> list[Life]:
    """As many statements for fifty messages as for one, but for their submissions."""
    prefetch_related_objects(list(messages), *_PARTS)
    return [
        Life(
            message,
            getattr(message, "tracking", None),
            sorted(
                chain.from_iterable(told(message) for told in _CHAPTERS),
                key=lambda moment: moment.at,
            ),
        )
        for message in messages
    ]


def _making(message: Any) -> Iterator[Moment]:
    notice = getattr(message, "notice", None)
    if notice:
        yield Moment(notice.created_at, _("Notice taken in"), f"#{notice.pk}")
    origin = message.tracking.requested_by if hasattr(message, "tracking") else ""
    yield Moment(message.created_at, _("SMS made"), origin)


def _deciding(message: Any) -> Iterator[Moment]:
    """What our own gate said: it may wait, or be refused."""
    if message.status == Message.Status.QUEUED and message.waiting and message.due_at:
        yield Moment(
            message.due_at, _("Waits until now"), message.get_waiting_display()
        )
    if message.status == Message.Status.REFUSED:
        reason = message.get_failure_display()
        at = message.settled_at or message.created_at
        yield Moment(at, _("Refused by our own rules"), reason)
    if message.status == Message.Status.CANCELLED:
        yield Moment(message.settled_at or message.created_at, _("Cancelled"))
    if message.fenced_at:
        yield Moment(
            message.fenced_at, _("Passed our rules, handed over"), str(message.account)
        )


def _submitting(message: Any) -> Iterator[Moment]:
    """Each request to a provider with its answer; the response codes it gave (E3)."""
    for submission in submissions_of(message):
        answer = f"HTTP {submission.http_status}" if submission.http_status else ""
        detail = " ".join(filter(None, [answer, submission.problem]))
        yield Moment(submission.at, _("Provider answered"), detail, submission.answer)
    if message.sent_at:
        codes = [
            f"{row.reference} {row.code}".strip() for row in message.references.all()
        ]
        yield Moment(message.sent_at, _("Sent: response code"), ", ".join(codes))


def _reporting(message: Any) -> Iterator[Moment]:
    receipts = list(message.receipts.all())
    for receipt in receipts:
        words = (
            receipt.get_status_display(),
            Message.Failure(receipt.failure).label if receipt.failure else "",
            receipt.words,
            "" if receipt.outcome == "applied" else receipt.get_outcome_display(),
        )
        detail = ", ".join(str(word) for word in words if word)
        yield Moment(receipt.received_at, _("Receipt"), detail)
    is_ours = message.status in (Message.Status.FAILED, Message.Status.EXPIRED)
    if is_ours and not receipts and message.settled_at:
        detail = f"{message.get_status_display()}: {message.get_failure_display()}"
        yield Moment(message.settled_at, _("Settled"), detail)


def _answering(message: Any) -> Iterator[Moment]:
    for reply in message.replies.all():
        detail = _("opt-out") if reply.is_opt_out else ""
        yield Moment(reply.received_at, _("Reply"), detail, reply.text)
    for click in message.clicks.all():
        detail = " ".join(filter(None, [click.network, click.agent]))
        yield Moment(click.at, _("Link opened"), detail)


def _taking_part(message: Any) -> Iterator[Moment]:
    """The sign-up that a click led to, and the call that checked it."""
    for sign_up in message.sign_ups.all():
        yield Moment(sign_up.created_at, _("Signed up"), str(sign_up.activity))
        call = getattr(getattr(sign_up, "verification", None), "call", None)
        if call:
            at = call.ended_at or call.created_at
            yield Moment(at, _("Verification call"), call.get_status_display())
        if sign_up.decided_at:
            verdict = sign_up.get_status_display()
            yield Moment(sign_up.decided_at, _("Verdict on the sign-up"), verdict)


_CHAPTERS = (_making, _deciding, _submitting, _reporting, _answering, _taking_part)
