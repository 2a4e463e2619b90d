"""What becomes of a notice: type, template, gaps, date. Decided from given facts (A2-A5).

Anything that is not certain holds the notice, with its reason; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from campaigns.models import Notice
from campaigns.money_guard import Difference, differences
from customers.models import Customer
from messaging.classify import Classification, Keyword, classify
from messaging.models import Keyword as KeywordRow
from messaging.models import MessageType, TemplateVersion
from messaging.rendering import format_values

DEFAULT_LANGUAGE = "zh-hans"
# What a template may ask for beside the customer's attributes.
FIELDS = ("name", "amount", "due_on", "send_on")

Hold = Notice.Hold


@dataclass(frozen=True, slots=True)
class NoticeInfo:
    """Target customer information (A1): any one or more may be given.

    `phone` is E.164. `language` "" means the customer's. `external_id` names the
    customer, in `source` where that is given; otherwise the exact phone does.
    `client_reference` makes a partner's repeat harmless.
    """

    name: str = ""
    phone: str = ""
    amount: Decimal | None = None
    due_on: date | None = None
    send_on: date | None = None
    text: str = ""
    language: str = ""
    source: str = ""
    external_id: str = ""
    client_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The keywords, types and published templates of the moment, read once."""

    keywords: tuple[Keyword, ...]
    types: Mapping[str, MessageType]
    templates: Mapping[tuple[str, str], TemplateVersion]  # (type code, language)

    @classmethod
    def read(cls) -> Shelf:
        """Three statements, however many notices are to be decided."""
        words = KeywordRow.objects.values_list("word", "message_type__code")
        return cls(
            keywords=tuple(Keyword(word, code) for word, code in words),
            types={kind.code: kind for kind in MessageType.objects.all()},
            templates={
                (version.template.message_type.code, version.template.language): version
                for version in _published()
            },
        )


def _published() -> Iterable[TemplateVersion]:
    """Published versions of the default templates, the newest of each last."""
    versions = TemplateVersion.objects.filter(
        published_at__isnull=False, template__is_default=True
    )
    return versions.select_related("template__message_type").order_by("version")


@dataclass(frozen=True, slots=True)
class Decision:
    """`info` is completed from the customer; `hold` is empty where the SMS may go out."""

    info: NoticeInfo
    found: Classification
    hold: str = ""
    detail: str = ""
    message_type: MessageType | None = None
    version: TemplateVersion | None = None
    values: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> Notice.Status:
        return Notice.Status.HELD if self.hold else Notice.Status.SCHEDULED


def decide(  # noqa: PLR0913  the two last are a person's decisions
    info: NoticeInfo,
    customer: Customer | None,
    shelf: Shelf,
    *,
    today: date,
    type_code: str = "",
    fields_are_right: bool = False,
) -> Decision:
    """The type by keywords (A2), its template, the filled fields (A4), the date (A5).

    `type_code` and `fields_are_right` are a person's decisions: they go over the
    keywords, and over a text that says another amount or day.
    """
    info = completed(info, customer, today)
    found = classify(info.text, shelf.keywords)
    kind = shelf.types.get(type_code or found.type_code or "")
    if kind is None:
        return Decision(info, found, *_no_type(found))
    version = shelf.templates.get((kind.code, info.language))
    if version is None:
        detail = f"{kind.code}, {info.language}"
        return Decision(info, found, Hold.NO_TEMPLATE, detail, kind)
    values = values_of(info, customer)
    gaps = missing(version, values)
    differ = [] if fields_are_right else differences_of(info)
    hold, detail = _obstacle(info, gaps, differ, today)
    return Decision(info, found, hold, detail, kind, version, values)


def completed(info: NoticeInfo, customer: Customer | None, today: date) -> NoticeInfo:
    """What was not given is the customer's; a missing send date is today (A4)."""
    return replace(
        info,
        name=info.name or (customer.name if customer else ""),
        phone=info.phone or (customer.phone if customer else ""),
        language=info.language or (customer.language if customer else DEFAULT_LANGUAGE),
        send_on=info.send_on or today,
    )


def values_of(info: NoticeInfo, customer: Customer | None) -> dict[str, str]:
    """The fields a template can be filled with: the notice's own over the customer's."""
    given: dict[str, Any] = {name: getattr(info, name) for name in FIELDS}
    own = {name: value for name, value in given.items() if value not in (None, "")}
    attributes = customer.attributes if customer else {}
    plain = {
        name: value
        for name, value in attributes.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    return format_values({**plain, **own}, language=info.language)


def info_of(notice: Notice) -> NoticeInfo:
    """A stored notice as the information it was made from, gaps filled."""
    return NoticeInfo(
        name=notice.name,
        phone=notice.phone,
        amount=notice.amount,
        due_on=notice.due_on,
        send_on=notice.send_on,
        text=notice.text,
        language=notice.language,
        client_reference=notice.client_reference,
    )


def missing(version: TemplateVersion, values: Mapping[str, str]) -> tuple[str, ...]:
    """The fields of the template that nobody gave (A4)."""
    return tuple(name for name in version.fields if not values.get(name, "").strip())


def differences_of(info: NoticeInfo) -> list[Difference]:
    """Where the notice's text says another amount or day than its fields."""
    return differences(
        info.text, amount=info.amount, due_on=info.due_on, send_on=info.send_on
    )


def _no_type(found: Classification) -> tuple[str, str]:
    if found.outcome == "ambiguous":
        codes = dict.fromkeys(code for _word, code in found.hits)
        return Hold.AMBIGUOUS, ", ".join(codes)[:200]
    return Hold.NO_TYPE, ""


def _obstacle(
    info: NoticeInfo, gaps: tuple[str, ...], differ: list[Difference], today: date
) -> tuple[str, str]:
    if not info.phone:
        return Hold.NO_PHONE, ""
    if gaps:
        return Hold.MISSING_FIELD, ", ".join(gaps)[:200]
    if differ:
        rows = [f"{one.field}: {one.stated} ≠ {one.given}" for one in differ]
        return Hold.MISMATCH, "; ".join(rows)[:200]
    if info.send_on and info.send_on < today:
        return Hold.PAST_DATE, info.send_on.isoformat()
    return "", ""
