"""What a template channel takes: the provider holds the text, we name it and fill it.

The rules are those of the Chinese clouds (providers.md 2.1, 2.2, 2.7): no link in a
variable nor one that a variable completes, no two variables side by side, 500 characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate

from django.utils.translation import gettext as _

from messaging.rendering import pieces_of

LONGEST = 500
# Stands for a value while we look whether it would be a part of a link.
_ANY = "x"
_HOST = r"(?:[a-z0-9-]+\.)+"
_ENDINGS = (
    "com|cn|net|org|top|vip|xyz|cc|info|io|biz|app|site|online|shop|club|link|ltd"
)
_LINK = re.compile(
    rf"https?://\S*|\bwww\.\S*|(?<![\w@.-]){_HOST}(?:(?:{_ENDINGS})(?![\w-])|[a-z]{{2,}}(?=/))\S*",
    re.IGNORECASE | re.ASCII,
)

Variables = Sequence[tuple[str, str]]  # the provider's name, our field


def carries_link(value: str) -> bool:
    """Whether a provider would take the value for a link, written in full width too.

    "s.example/Ab3", "www.bank", "bank.com.cn" and "https://…" are; an address of
    mail, "12.50" and "J.R. Smith" are not.
    """
    return bool(_LINK.search(unicodedata.normalize("NFKC", value)))


def default_variables(text: str) -> list[tuple[str, str]]:
    """The provider's variables under the names of our fields, in order."""
    return [(name, name) for name in dict.fromkeys(_fields(text))]


def provider_text(text: str, variables: Variables) -> str:
    """The text as it is handed in: `${name}`; `{1}` where the provider counts them."""
    marks = {field: _mark(name) for name, field in variables}
    return "".join(
        literal + marks.get(field, f"{{{field}}}" if field else "")
        for literal, field in pieces_of(text)
    )


def problems(
    text: str, variables: Variables, *, links: Collection[str] = ()
) -> Iterator[str]:
    """Why the provider would refuse it, in sentences. `links`: the fields that are links."""
    fields = dict.fromkeys(_fields(text))
    mapped = [field for _name, field in variables]
    if lacking := [name for name in fields if name not in mapped]:
        yield _("No variable is filled with: %s.") % ", ".join(lacking)
    if unknown := [name for name in mapped if name not in fields]:
        yield _("The text has no such field: %s.") % ", ".join(unknown)
    if linked := sorted({*links} & fields.keys() | {*_completing(text)}):
        yield (
            _("The provider refuses a link in a variable: %s. Write it as text.")
            % ", ".join(linked)
        )
    if any(not literal for literal, name in pieces_of(text)[1:] if name):
        yield _("Two variables stand side by side: put something between them.")
    if len(provider_text(text, variables)) > LONGEST:
        yield _("More than %d characters.") % LONGEST


def _mark(name: str) -> str:
    return f"{{{name}}}" if name.isdecimal() else f"${{{name}}}"


def _fields(text: str) -> Iterator[str]:
    return (name for _literal, name in pieces_of(text) if name)


def _completing(text: str) -> Iterator[str]:
    """Fields whose values would be a part of a link: "www.{a}.com", "bank.com/{b}"."""
    places, plain = _places(text)
    for link in _LINK.finditer(plain):
        yield from (
            name for at, name in places.items() if link.start() <= at < link.end()
        )


def _places(text: str) -> tuple[Mapping[int, str], str]:
    """Where each field's stand-in is in the text that has one for every field."""
    pieces = pieces_of(text)
    filled = [literal + (_ANY if name else "") for literal, name in pieces]
    ends = accumulate(map(len, filled))
    names = (name for _literal, name in pieces)
    places = {end - 1: name for end, name in zip(ends, names, strict=True) if name}
    return places, "".join(filled)
