"""How many SMS a text is: the GSM rule (3GPP 23.038, 23.040) and China's billing rule."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Rule = Literal["gsm", "china"]
Encoding = Literal["GSM-7", "UCS-2"]

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"
_GSM_ONLY = re.compile(f"[{re.escape(BASIC + EXTENSION)}]*").fullmatch
_ESCAPED = re.compile(f"[{re.escape(EXTENSION)}]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_ASCII_BASIC = bytes(ord(one) for one in BASIC if one.isascii())
_GSM_SIZES = (160, 153)
_UCS2_SIZES = (70, 67)


@dataclass(frozen=True, slots=True)
class Parts:
    """`units`: septets (GSM-7), UTF-16 units (UCS-2) or characters (China).

    `room_left`: units that still fit before another part begins. No text is no part.
    """

    encoding: Encoding
    parts: int
    units: int
    room_left: int


def count_parts(text: str, *, rule: Rule) -> Parts:
    """Parts of a text as it reaches the handset: signature, values and footer filled in.

    "gsm": 160/153 septets, an extension character takes two; any other character
    makes it UCS-2, 70/67 units. A pair is never cut in two. "china": every character
    is one, 70/67. Raises ValueError for another rule.
    """
    if rule == "china":
        return _even("UCS-2", len(text), _UCS2_SIZES)
    if rule != "gsm":
        raise ValueError(f"no such rule: {rule}")
    # Nearly every text is one of two kinds that need no look at single characters:
    # plain ASCII (nothing is left of it without the basic table), or no GSM-7 and
    # nothing beyond UTF-16's first plane. Deleting and encoding are three times as
    # fast as a regular expression here.
    if text.isascii() and not text.encode().translate(None, _ASCII_BASIC):
        return _even("GSM-7", len(text), _GSM_SIZES)
    if _GSM_ONLY(text):
        return _count("GSM-7", text, _ESCAPED, _GSM_SIZES)
    if len(text.encode("utf-16-le", "surrogatepass")) == 2 * len(text):
        return _even("UCS-2", len(text), _UCS2_SIZES)
    return _count("UCS-2", text, _ASTRAL, _UCS2_SIZES)


def split_parts(text: str, *, rule: Rule) -> list[str]:
    """The text as it is cut into parts; a pair is never cut in two."""
    counted = count_parts(text, rule=rule)
    if counted.parts <= 1:
        return [text] if text else []
    size = (_GSM_SIZES if counted.encoding == "GSM-7" else _UCS2_SIZES)[1]
    parts, room = [""], size
    for character in text:
        units = 1 if rule == "china" else _units(character, counted.encoding)
        if units > room:
            parts.append("")
            room = size
        parts[-1] += character
        room -= units
    return parts


def needless(text: str, *, rule: Rule) -> int:
    """By how many characters at its end the text is too long for a part less; 0 if none.

    A text that is cut further never has more parts, so the place is found by halving.
    """
    parts = count_parts(text, rule=rule).parts
    if parts <= 1:
        return 0
    lengths = range(len(text))
    kept = bisect_left(
        lengths, parts, key=lambda length: count_parts(text[:length], rule=rule).parts
    )
    return len(text) - kept + 1


def is_gsm(text: str) -> bool:
    """Whether GSM-7 has every character of the text."""
    return bool(_GSM_ONLY(text))


def _units(character: str, encoding: Encoding) -> int:
    doubles = _ESCAPED if encoding == "GSM-7" else _ASTRAL
    return 2 if doubles.match(character) else 1


def _count(
    encoding: Encoding, text: str, doubles: re.Pattern[str], sizes: tuple[int, int]
) -> Parts:
    """Count where the characters that `doubles` finds take two units."""
    if not doubles.search(text):
        return _even(encoding, len(text), sizes)
    pairs = [found.start() for found in doubles.finditer(text)]
    units = len(text) + len(pairs)
    if units <= sizes[0]:
        return _even(encoding, units, sizes)
    filled = units + _gaps(pairs, sizes[1])
    parts = -(-filled // sizes[1])
    return Parts(encoding, parts, units, parts * sizes[1] - filled)


def _gaps(pairs: Iterable[int], size: int) -> int:
    """Units left empty at the ends of parts because a pair would have been cut."""
    gaps = 0
    for before, place in enumerate(pairs):
        # Each pair before took one unit more than its character.
        if (place + before + gaps) % size == size - 1:
            gaps += 1
    return gaps


@lru_cache(maxsize=4096)
def _even(encoding: Encoding, units: int, sizes: tuple[int, int]) -> Parts:
    single, several = sizes
    if units <= single:
        return Parts(encoding, 1 if units else 0, units, single - units)
    parts = -(-units // several)
    return Parts(encoding, parts, units, parts * several - units)
