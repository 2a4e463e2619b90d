"""What the texts of a message type may name, and what a customer has for it (A4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from messaging.models import MessageType, TypeField
from messaging.rendering import (
    BadTemplate,
    compile_template,
    fields_of,
    format_values,
)

# Not the customer's: the notice brings them, or the event.
_GIVEN = ("amount", "due_on", "send_on", "link")
# Any attribute of the customer, on every type.
ATTRIBUTE = "attribute_"
NUMBER = "customer_number"

Kind = TypeField.Kind
_SAMPLES: dict[str, object] = {
    Kind.MONEY: Decimal("12345.60"),
    Kind.NUMBER: 120,
    Kind.DATE: date(2026, 11, 21),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a type knows; `sample` stands where no customer has a value.

    `is_own`: the customer's own. The others come with the notice or the event.
    """

    name: str
    kind: str = Kind.TEXT
    sample: str = ""
    is_own: bool = True


def known_fields(kind: MessageType) -> dict[str, Field]:
    """The type's declared fields, and those of what is made of it (event types)."""
    declared = [
        Field(row.name, row.kind, row.sample, row.name not in _GIVEN)
        for row in kind.type_fields.all()
    ]
    further = [
        Field(name, sort, is_own=False)
        for place in settings.TEMPLATE_FIELDS
        for name, sort in import_string(place)(kind)
    ]
    by_name = {one.name: one for one in (*declared, *further)}
    return by_name | {one.name: one for one in declared}


def check_fields(text: str, known: Collection[str]) -> None:
    """Raises BadTemplate for a field that nothing fills, with the list of what is known."""
    attributes = {name for name in fields_of(text) if name.startswith(ATTRIBUTE)}
    try:
        compile_template(text, known={*known, *attributes})
    except BadTemplate as error:
        error.args = (f"{error} {in_words(known)}", *error.args[1:])
        raise


def in_words(known: Iterable[str]) -> str:
    names = ", ".join(f"{{{name}}}" for name in known)
    return _("Known fields: %(names)s, {%(attribute)s…} for any attribute.") % {
        "names": names,
        "attribute": ATTRIBUTE,
    }


def samples(
    fields: Iterable[str], known: Mapping[str, Field], *, language: str
) -> dict[str, str]:
    """A value for every field, as it could stand in an SMS in that language."""
    values = {name: _sample(known.get(name, Field(name)), language) for name in fields}
    return format_values(values, language=language)


def _sample(field: Field, language: str) -> object:
    if field.sample:
        return field.sample
    if field.name == "name":
        return "王小明" if language.startswith("zh") else "Jan Novak"
    if field.kind == Kind.LINK:
        return f"{settings.SHORT_LINK_BASE}/Ab3dEf9h"
    return _SAMPLES.get(field.kind, f"[{field.name}]")


def values_of(
    fields: Iterable[str], *, name: str, number: str, attributes: object
) -> dict[str, str]:
    """What a customer has for the fields; what they lack is left out (A4)."""
    rest = attributes if isinstance(attributes, dict) else {}
    given: dict[str, object] = {
        **{key: value for key, value in rest.items() if _is_plain(value)},
        **{ATTRIBUTE + key: value for key, value in rest.items()},
        "name": name,
        NUMBER: number,
    }
    return {
        field: str(given[field])
        for field in fields
        if given.get(field) is not None and str(given[field]).strip()
    }


def own_fields(fields: Iterable[str], known: Mapping[str, Field]) -> list[str]:
    """The fields whose values are the customer's own."""
    return [name for name in fields if known.get(name, Field(name)).is_own]


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
