"""Characters that make an SMS cost more than it says: what they are, what to write instead."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from messaging.text import is_gsm

# What no rule of Unicode makes plain.
_PLAIN = {
    **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f", ""),
    **dict.fromkeys("\t\u00a0\u2009\u202f\u3000", " "),
    **dict(zip("ŁłĐđıŒœ•·×…", ["L", "l", "D", "d", "i", "OE", "oe", "-", ".", "x", "..."], strict=True)),
    **dict(zip("，。：；！？（）、《》", [", ", ". ", ": ", "; ", "! ", "? ", " (", ") ", ", ", '"', '"'], strict=True)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Costly:
    """A character outside GSM-7; `plain` stands for it, None where nothing does."""

    character: str
    plain: str | None

    @property
    def words(self) -> str:
        """What it is, for people: "this dash “—”"."""
        return _kind(self.character) % {"character": self.character}


def costly(text: str) -> list[Costly]:
    """The distinct characters that make a text UCS-2, in order; none of a text that must be.

    A text in another script (Chinese, Cyrillic) is UCS-2 whatever its punctuation.
    """
    outside = [one for one in dict.fromkeys(text) if not is_gsm(one)]
    found = [Costly(one, plain(one)) for one in outside]
    if any(one.plain is None and one.character.isalpha() for one in found):
        return []
    return found


def plain(character: str) -> str | None:
    """What GSM-7 has for a character: "š" -> "s", "“" -> a straight mark; None for "您"."""
    if (known := _PLAIN.get(character)) is not None:
        return known
    bare = "".join(_bare(unicodedata.normalize("NFKD", character)))
    return bare if bare and is_gsm(bare) else None


def _bare(decomposed: str) -> Iterator[str]:
    return (one for one in decomposed if not unicodedata.combining(one))


def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if character in "‘’‚‛“”„‟«»":
        return _("this quotation mark %(character)s")
    if category == "Pd":
        return _("this dash “%(character)s”")
    if category in ("Zs", "Cf", "Cc"):
        return _("an invisible character")
    if category.startswith("L"):
        return _("the letter “%(character)s”")
    return _("the character “%(character)s”")
