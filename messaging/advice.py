"""What to say about a text while it is written: what stops it, what to mind, what saves.

Pure: the text, what is known of its type and account, and the words to keep out are given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from messaging.characters import Costly, costly
from messaging.classify import words_in
from messaging.rendering import pieces_of
from messaging.text import Rule, count_parts, is_gsm, needless

# More than this many characters over, nobody shortens a text for a part.
WORTH_CUTTING = 20
LONG = 4
# How people write that one may refuse, at the end of a text.
_OPT_OUT = re.compile(
    r"[\s,，(（【\[]*(?:(?:拒收|退订)(?:请)?(?:回复?|回)?\s?[A-Za-z]{0,2}|回复?\s?[A-Z]{1,2}\s?(?:拒收|退订)"
    r"|(?:reply|text|send)\s+\"?\w+\"?\s+to\s+(?:stop|opt.?out|unsubscribe|end)"
    r"|(?:to (?:opt.?out|unsubscribe|stop)[, ]+)(?:reply|text|send)\s+\w+)[\s。.)）】\]]*$",
    re.IGNORECASE,
)

Level = Literal["stop", "warn", "hint"]


@dataclass(frozen=True, slots=True)
class Advice:
    """One sentence. `swaps` (what stands there, what to write) are made by one click."""

    level: Level
    words: str
    swaps: tuple[tuple[str, str], ...] = ()

    def followed(self, text: str) -> str:
        for old, new in self.swaps:
            text = text.replace(old, new)
        return text

    @property
    def button(self) -> str:
        """What the click is called."""
        news = {new for _old, new in self.swaps}
        if news == {""}:
            return _("Leave it out")
        if len(self.swaps) > 1:
            return _("Replace them all")
        return _("Write a blank") if news == {" "} else _("Write %s") % news.pop()


@dataclass(frozen=True, slots=True)
class Word:
    """A word to keep out of texts, and why; `is_refused`: the text is not published."""

    word: str
    why: str
    is_refused: bool


def on_words(text: str, words: Iterable[Word]) -> Iterator[Advice]:
    """Forbidden words that stand in the text itself, whatever its fields are called."""
    by_word = {one.word: one for one in words}
    plain = " ".join(literal for literal, _name in pieces_of(text))
    for word in words_in(plain, by_word):
        why = f" ({by_word[word].why})" if by_word[word].why else ""
        if by_word[word].is_refused:
            said = _("“%(word)s” must not stand in a text%(why)s.")
        else:
            said = _("Mind “%(word)s”%(why)s.")
        level: Level = "stop" if by_word[word].is_refused else "warn"
        yield Advice(level, said % {"word": word, "why": why})


def on_footer(text: str, footer: str, *, is_marketing: bool) -> Iterator[Advice]:
    """Marketing ends with how to refuse, set by itself; a notice never has it."""
    own = _OPT_OUT.search(text)
    if is_marketing and not footer:
        yield Advice(
            "stop",
            _(
                "Marketing must say how to refuse: set the footer of this language under Parameters."
            ),
        )
    if own and is_marketing:
        said = _("The footer “%s” is set by itself: leave it out here.")
        yield Advice("warn", said % footer, ((own[0], ""),))
    elif own:
        said = _("A service notice may not carry opt-out words: providers refuse it.")
        yield Advice("warn", said, ((own[0], ""),))


def on_signature(signature: str, rule: Rule) -> Iterator[Advice]:
    if rule == "china" and not signature:
        said = _("The account has no signature: operators in China drop the SMS.")
        yield Advice("warn", said)


def on_length(filled: str, rule: Rule) -> Iterator[Advice]:
    """A part that a few characters less would save."""
    over = needless(filled, rule=rule)
    if 0 < over <= WORTH_CUTTING:
        said = ngettext(
            "Remove %d character to save a part.",
            "Remove %d characters to save a part.",
            over,
        )
        yield Advice("hint", said % over)
    if (parts := count_parts(filled, rule=rule).parts) > LONG:
        yield Advice("warn", _("%d parts: some handsets show them apart.") % parts)


def on_characters(
    text: str, unsigned: str, signature: str, rule: Rule
) -> Iterator[Advice]:
    """What makes a text UCS-2 by the GSM rule that need not be, and what to write instead.

    `unsigned` is the filled text without its signature, whose 【】 alone make it UCS-2.
    """
    found = costly(unsigned)
    if rule != "gsm" or not (found or is_gsm(unsigned)):
        return
    if signature:
        said = _("The signature 【%s】 makes it UCS-2: 70 characters a part, not 160.")
        yield Advice("hint", said % signature)
        return
    if any(one.character not in text for one in found):
        # Which one is not said: it is a letter of somebody's name.
        said = _("A value has a character that makes it UCS-2: 70 characters a part.")
        yield Advice("hint", said)
    yield from _on_costly([one for one in found if one.character in text])


def _on_costly(found: list[Costly]) -> Iterator[Advice]:
    if not found:
        return
    swaps = tuple((one.character, one.plain or "") for one in found)
    if len(found) == 1:
        said = _("%s makes it UCS-2: 70 characters a part, not 160.")
        words = said % found[0].words
        yield Advice("hint", words[:1].upper() + words[1:], swaps)
        return
    said = _("These make it UCS-2, 70 characters a part, not 160: %s")
    shown = " ".join(one.character for one in found if one.character.isprintable())
    yield Advice("hint", said % shown, swaps)
