"""Templates as text with `{field}` placeholders, filled by ourselves.

The text of a message is a function of template, values and RENDERER_VERSION: the same
bytes years later. Whatever changes a byte here raises the version and keeps the old way.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from operator import itemgetter
from typing import Protocol

from django.utils.translation import gettext as _

RENDERER_VERSION = 1

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# Not strftime: its month names follow the locale of the machine.
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_CENT = Decimal("0.01")


class BadTemplate(ValueError):
    """The template cannot be used. `position` counts characters from 1; the message names it."""

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(
            _("Character %(at)d: %(what)s") % {"at": position, "what": message}
        )
        self.position = position


class MissingFields(ValueError):
    """Fields that the template wants and the values lack or leave blank (A4)."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(_("Missing: %s") % ", ".join(names))
        self.names = names


class _Getter(Protocol):
    def __call__(self, values: Mapping[str, str], /) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template made ready for millions of texts. `fields` in order, each once."""

    fields: tuple[str, ...]
    _format: str
    _get: _Getter

    def render(self, values: Mapping[str, str]) -> str:
        """Fill in the values; raises MissingFields for one that is absent or blank (A4)."""
        try:
            got = self._get(values)
            if all(map(str.strip, got)):
                return self._format % got
        except (KeyError, TypeError):
            pass
        raise MissingFields(tuple(self._missing(values)))

    def _missing(self, values: Mapping[str, str]) -> Iterator[str]:
        for name in self.fields:
            value = values.get(name)
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name}: values are text, see format_values()")
            if value is None or not value.strip():
                yield name


def fields_of(text: str) -> tuple[str, ...]:
    """The template's fields in order of appearance, each once. Raises BadTemplate."""
    return tuple(dict.fromkeys(name for _literal, name, _at in _split(text) if name))


def pieces_of(text: str) -> list[tuple[str, str]]:
    """The text cut at its fields: (literal before, field); the last has no field."""
    return [(literal, name) for literal, name, _at in _split(text)]


def set_off(text: str, footer: str) -> str:
    """The footer as it follows the text: after a blank where Latin text or a field ends it."""
    return " " + footer if footer and text[-1].isascii() and text[-1] > " " else footer


def compile_template(
    text: str,
    *,
    signature: str = "",
    footer: str = "",
    known: Collection[str] | None = None,
    version: int = RENDERER_VERSION,
) -> Compiled:
    """Make a template ready: 【signature】, text, footer; braces by doubling them.

    `signature` and `footer` are taken literally; a footer is set off by a blank after
    Latin text or a field. `version`: the renderer that the text was written for. Raises
    BadTemplate, also for a field outside `known`.
    """
    if version != RENDERER_VERSION:
        raise ValueError(f"no renderer {version}: its rules must stay in this file")
    if not text.strip():
        raise BadTemplate(_("the text is empty."), position=1)
    pieces = list(_split(text))
    _check_known(pieces, known)
    names = tuple(name for _literal, name, _at in pieces if name)
    body = "".join(
        _percent(literal) + ("%s" if name else "") for literal, name, _at in pieces
    )
    return Compiled(
        fields=tuple(dict.fromkeys(names)),
        _format=_percent(_head(signature)) + body + _percent(set_off(text, footer)),
        _get=_getter(names),
    )


def format_values(values: Mapping[str, object], *, language: str) -> dict[str, str]:
    """Values as they stand in a text, by type, the same on every machine.

    Decimal and float are money: `1234.5` -> "1,234.50", halves up. int stays plain.
    date: "21 Nov 2026", Chinese "2026年11月21日"; a datetime adds "14:05" as it is
    given (bring it to the customer's zone first). None is "". Raises TypeError for
    another type, ValueError for money that is no number.
    """
    chinese = language.lower().startswith("zh")
    return {name: _formatted(value, chinese) for name, value in values.items()}


def _split(text: str) -> Iterator[tuple[str, str, int]]:
    """(literal before, field name, its position from 1); the last one has no name."""
    literal, end = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
            continue
        yield literal, _name(token), token.start() + 1
        literal = ""
    yield literal + text[end:], "", len(text) + 1


def _name(token: re.Match[str]) -> str:
    position = token.start() + 1
    if token[0] == "{":
        raise BadTemplate(
            _("“{” is not closed; for a brace as such write “{{”."), position=position
        )
    if token[0] == "}":
        raise BadTemplate(
            _("“}” closes nothing; for a brace as such write “}}”."), position=position
        )
    name = token[1]
    if not name.isidentifier():
        raise BadTemplate(_("“%s” is not a field.") % token[0], position=position)
    return name


def _check_known(
    pieces: list[tuple[str, str, int]], known: Collection[str] | None
) -> None:
    for _literal, name, position in pieces:
        if name and known is not None and name not in known:
            raise BadTemplate(_("there is no field “%s”.") % name, position=position)


def _getter(names: tuple[str, ...]) -> _Getter:
    if not names:
        return lambda values: ()
    if len(names) == 1:
        return lambda values, name=names[0]: (values[name],)
    get: _Getter = itemgetter(*names)
    return get


def _head(signature: str) -> str:
    if "【" in signature or "】" in signature:
        raise BadTemplate(_("give the signature without 【】."), position=1)
    return f"【{signature}】" if signature else ""


def _percent(literal: str) -> str:
    return literal.replace("%", "%%")


def _formatted(value: object, chinese: bool) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case datetime():
            return f"{_day(value, chinese)} {value.hour:02}:{value.minute:02}"
        case date():
            return _day(value, chinese)
        case Decimal() | float():
            return _money(value)
        case int() if not isinstance(value, bool):
            return str(value)
    raise TypeError(f"no way to write a {type(value).__name__} in a text")


def _day(value: date, chinese: bool) -> str:
    if chinese:
        return f"{value.year}年{value.month}月{value.day}日"
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def _money(value: Decimal | float) -> str:
    # str() first: a float's shortest form is what the sender wrote, 0.285 and not 0.28499.
    amount = Decimal(str(value))
    if not amount.is_finite():
        raise ValueError("an amount of money must be a number")
    return f"{amount.quantize(_CENT, ROUND_HALF_UP):,}"
