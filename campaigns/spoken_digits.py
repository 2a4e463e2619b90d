"""Digits as people say them, in English and Chinese."""

from __future__ import annotations

import re

from campaigns import hanzi

UNITS = {
    "zero": 0,
    "oh": 0,
    "o": 0,
    "nought": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
}
TEENS = {
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
}
TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
_TIMES = {"double": 2, "triple": 3, "treble": 3}
# A sum in words, a fraction or a sign: not digits one after the other. Better no answer
# than digits that were not said.
_ARITHMETIC = frozenset({"hundred", "thousand", "million", "point", "minus", "half"})
_TOKEN = re.compile(r"[a-z]+|[0-9]+")


def digits(plain: str) -> str:
    """The digits of an answer in order, "" where none are sure.

    `plain` is folded and simplified. "double five" is 55, "twenty three" 23,
    "一千零二十三" 1023; words that are no numbers are passed over.
    """
    text = hanzi.with_digits(plain)
    tokens = _TOKEN.findall(text)
    if hanzi.has_place_words(text) or _ARITHMETIC.intersection(tokens):
        return ""
    return "".join(_spoken(tokens))


def _spoken(tokens: list[str]) -> list[str]:
    said: list[str] = []
    previous = ""
    for token in tokens:
        if previous in TENS and UNITS.get(token):
            said[-1] = str(TENS[previous] + UNITS[token])
        else:
            said.append(_value(token) * _TIMES.get(previous, 1))
        previous = token
    return said


def _value(token: str) -> str:
    if token.isdigit():
        return token
    number = UNITS.get(token, TEENS.get(token, TENS.get(token)))
    return "" if number is None else str(number)
