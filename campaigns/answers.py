"""What somebody said or typed, in a form that can be compared (D6)."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from campaigns import hanzi, spoken_dates, spoken_digits

Kind = Literal["digits", "date", "yesno", "text"]

_PUNCTUATION = re.compile(r"[^\w\s]+|_+")
_BETWEEN_HAN = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])")
_NO_ANSWER = re.compile(
    r"\b(?:know|remember|pardon|sorry|repeat|again|what|who|why|maybe|perhaps|not sure)\b"
    r"|不知道|不清楚|不记得|忘了|忘记|听不|没听|再说|什么|谁|哪|对不起|不好意思|也许|可能"
    r"|是不是|对不对"
)
_NEGATION = re.compile(
    r"\b(?:no|not|nope|never|wrong|incorrect|false|cannot|aint"
    r"|(?:is|are|was|were|do|does|did|have|has|had|ca|could|wo|would)nt)\b"
    r"|[不没否未非错]|别人"
)
# Read as yes before the words of refusal in them are seen.
_AGREEING = re.compile(r"\b(?:no problem|not wrong)\b|没错|没有错|不错|没问题")
_GREETING = re.compile(r"[你您]好")
_YES = re.compile(
    r"\b(?:yes|yeah|yep|yup|yea|right|correct|sure|ok|okay|true|indeed|speaking"
    r"|(?:it is|i am|i did)(?! not))\b|[是对嗯]|好的|有的|正确|本人"
)
# A yes inside these is part of the refusal.
_REFUSAL = re.compile(
    r"\b(?:not|isnt|wasnt) (?:right|correct|true|ok|okay|speaking)\b|不是|不对|不正确"
)
# Answers by keypad: the call says "press 1 for yes, 2 for no".
_KEYS = {"1": "yes", "2": "no"}


def normalise_answer(text: str, kind: Kind) -> str:
    """The answer's normal form, "" where there is none; the same again if repeated (D6).

    digits: "0123"; date: "1990-05-20", without a year "05-20"; yesno: "yes", "no";
    text: simplified, lower case, no punctuation. Both languages, digits also by keypad.
    """
    plain = _plain(text)
    match kind:
        case "digits":
            return spoken_digits.digits(plain)
        case "date":
            return spoken_dates.iso_date(plain)
        case "yesno":
            return _yes_or_no(plain)
        case "text":
            return _bare(plain)
    raise ValueError(f"no such kind of answer: {kind}")


def is_no_answer(text: str) -> bool:
    """Whether it is a question back or "I don't know" rather than an answer."""
    return bool(_NO_ANSWER.search(_without_apostrophes(_plain(text))))


def is_negated(text: str) -> bool:
    """Whether it says what is *not* so: "not 4719", "不是张伟"."""
    plain = _without_apostrophes(_plain(text))
    return bool(_NEGATION.search(_AGREEING.sub("", plain)))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return hanzi.simplified(unicodedata.normalize("NFKC", folded)).strip()


def _without_apostrophes(plain: str) -> str:
    return re.sub("['’]", "", plain)


def _bare(plain: str) -> str:
    words = " ".join(_PUNCTUATION.sub(" ", _without_apostrophes(plain)).split())
    return _BETWEEN_HAN.sub("", words)


def _yes_or_no(plain: str) -> str:
    bare = _GREETING.sub(" ", _bare(plain)).strip()
    if bare in _KEYS:
        return _KEYS[bare]
    if _NO_ANSWER.search(bare):
        return ""
    bare = _AGREEING.sub(" yes ", bare)
    agrees = _YES.search(_REFUSAL.sub(" ", bare))
    if not _NEGATION.search(bare):
        return "yes" if agrees else ""
    # "Yes, no, ..." and "对的，不，..." are nobody's answer.
    return "" if agrees else "no"
