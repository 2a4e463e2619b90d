"""The keywords of a text decide its SMS type (A2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word or phrase that staff set for an SMS type."""

    word: str
    type_code: str


@dataclass(frozen=True, slots=True)
class Classification:
    """`type_code` only where the outcome is "match"; `hits` are what counted, in order."""

    outcome: Literal["match", "none", "ambiguous"]
    type_code: str | None
    hits: tuple[tuple[str, str], ...]


class _Hit(NamedTuple):
    start: int
    end: int
    keyword: Keyword


def classify(text: str, keywords: Iterable[Keyword]) -> Classification:
    """The type that the text's keywords name; never a guess (A2).

    Width, case and runs of blanks do not matter. Latin words match whole ("fund" is
    not in "refund"). A word inside a longer matched word of another type does not
    count ("还款" inside "提前还款提醒"); words of two types left are "ambiguous".
    """
    hits = _counting(_find(text, keywords))
    named = tuple(
        dict.fromkeys((hit.keyword.word, hit.keyword.type_code) for hit in hits)
    )
    codes = {code for _word, code in named}
    if len(codes) == 1:
        return Classification("match", codes.pop(), named)
    return Classification("ambiguous" if codes else "none", None, named)


def words_in(text: str, words: Iterable[str]) -> tuple[str, ...]:
    """Those of the words that stand in the text, found as keywords are."""
    hits = _find(text, (Keyword(word, "") for word in words))
    return tuple(dict.fromkeys(hit.keyword.word for hit in hits))


def _find(text: str, keywords: Iterable[Keyword]) -> list[_Hit]:
    plain = _fold(text)
    found = (hit for keyword in keywords for hit in _occurrences(plain, keyword))
    return sorted(found, key=lambda hit: (hit.start, hit.end))


def _occurrences(plain: str, keyword: Keyword) -> Iterator[_Hit]:
    word = _fold(keyword.word)
    # The plain search first: most keywords of the list are not in the text at all.
    if not word or word not in plain:
        return
    # Looking ahead finds words that overlap themselves; only a Latin edge needs a gap.
    before = r"(?<![a-z0-9])" if _is_latin(word[0]) else ""
    after = r"(?![a-z0-9])" if _is_latin(word[-1]) else ""
    for found in re.finditer(f"{before}(?={re.escape(word)}{after})", plain):
        yield _Hit(found.start(), found.start() + len(word), keyword)


def _counting(hits: list[_Hit]) -> list[_Hit]:
    return [hit for hit in hits if not any(_swallows(other, hit) for other in hits)]


def _swallows(longer: _Hit, hit: _Hit) -> bool:
    return (
        longer.start <= hit.start
        and hit.end <= longer.end
        and longer.end - longer.start > hit.end - hit.start
        and longer.keyword.type_code != hit.keyword.type_code
    )


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Folding may undo the normal form: once more makes it settle.
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
