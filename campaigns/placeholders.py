"""What an event's template may name: declared parameters, customer fields, the link.

Event parameters rest as plain JSON text by kind (`"12.5"`, `"2026-12-01"`, `"yes"`) and
are written into the SMS in the template's language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from backoffice.kit.crypto import decrypt
from messaging.models import MessageType, TypeField
from messaging.rendering import format_values

from .models import EventParameter, EventType

FieldKind = TypeField.Kind

LINK = "link"
ATTRIBUTE = "attribute_"
OF_CUSTOMER = ("name", "customer_number")
_YES_NO = {"zh": {"yes": "是", "no": "否"}, "en": {"yes": "yes", "no": "no"}}


class BadValue(ValueError):
    """A parameter's value is not of its kind: the kind was changed after it was given."""


def declared_fields(kind: MessageType) -> Iterator[tuple[str, str]]:
    """What the event types that send with a message type bring to its texts: name, kind."""
    rows = EventParameter.objects.filter(event_type__message_type=kind)
    for name, sort in rows.values_list("name", "kind").distinct():
        yield (
            name,
            sort if sort in (FieldKind.NUMBER, FieldKind.DATE) else FieldKind.TEXT,
        )


def unknown_fields(fields: tuple[str, ...], event_type: EventType) -> list[str]:
    """The template's fields that nothing fills."""
    declared = set(event_type.parameters.values_list("name", flat=True))
    known = declared | {*OF_CUSTOMER, LINK}
    return [
        name for name in fields if name not in known and not name.startswith(ATTRIBUTE)
    ]


def event_values(
    event_type: EventType, given: Mapping[str, str], *, language: str
) -> dict[str, str]:
    """The event's parameters as they stand in the text; those not given left out.

    Raises BadValue.
    """
    typed = {
        one.name: _typed(one, given[one.name], language)
        for one in event_type.parameters.all()
        if given.get(one.name, "") != ""
    }
    return format_values(typed, language=language)


def _typed(parameter: EventParameter, value: str, language: str) -> object:
    try:
        return _read(parameter, value, language)
    except (ValueError, ArithmeticError, KeyError):
        words = _("The value of “%s” is not of its kind: give it again.")
        raise BadValue(words % parameter) from None


def _read(parameter: EventParameter, value: str, language: str) -> object:
    kind = EventParameter.Kind(parameter.kind)
    if kind == EventParameter.Kind.DATE:
        return date.fromisoformat(value)
    if kind == EventParameter.Kind.BOOLEAN:
        return _YES_NO["zh" if language.startswith("zh") else "en"][value]
    if kind == EventParameter.Kind.NUMBER:
        number = Decimal(value)
        return int(number) if number == int(number) else number
    return value


def customer_values(
    fields: tuple[str, ...], *, name: bytes, external_id: str, attributes: Any
) -> dict[str, str]:
    """A customer's own fields among `fields`; `name` is the ciphertext.

    One the customer lacks is left out: that one SMS is stopped with its reason (A4).
    """
    values: dict[str, str] = {}
    for field in fields:
        if field == "name":
            values[field] = decrypt(name, "name")
        elif field == "customer_number":
            values[field] = external_id
        elif field.startswith(ATTRIBUTE):
            value = (attributes or {}).get(field.removeprefix(ATTRIBUTE))
            if value is not None:
                values[field] = str(value)
    return values
