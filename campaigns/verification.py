"""The check of a sign-up by call, as pure decisions: question, script, verdict (D3-D6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.utils.translation import gettext as _
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from campaigns.answers import Kind, is_negated, is_no_answer, normalise_answer
from messaging.rendering import BadTemplate, compile_template, fields_of

__all__ = [
    "BadScript",
    "Kind",
    "Question",
    "QuestionField",
    "Verdict",
    "build_script",
    "extract_question",
    "match_answer",
    "normalise_answer",
]

MATCH_FROM = 90.0
REVIEW_FROM = 50.0
# Measured on telephone audio, a wrong digit is the recogniser's as often as the
# speaker's: one digit off asks again instead of marking somebody abnormal.
_DIGITS_FOR_DOUBT = 3
_HAN = re.compile(r"[\u3400-\u9fff]")


class BadScript(ValueError):
    """The call script would speak the expected answer: nobody is called with it (D4)."""


@dataclass(frozen=True, slots=True)
class QuestionField:
    """A sign-up field that can be asked about. `texts`: language code -> the question.

    `last` (digits only): ask for the last so many digits.
    """

    name: str
    kind: Kind
    texts: Mapping[str, str]
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the answer expected in its normal form, kept out of any repr."""

    text: str
    expected: str = field(repr=False)
    kind: Kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """`score` 0-100. `reason` is a word for the record, never what was said:

    exact, similar · different · no_speech, low_confidence, not_understood, negated,
    digit_count, one_digit_off, no_year, not_sure.
    """

    outcome: Literal["match", "mismatch", "unsure"]
    score: float
    reason: str


def extract_question(
    answers: Mapping[str, str], fields: Sequence[QuestionField], *, language: str
) -> Question | None:
    """The first field in order with a usable answer, as a question (D3).

    Usable: it has a normal form of its kind (for `last`, so many digits at its end)
    and a text in the language, else in English. None: there is nothing to ask.
    """
    for asked in fields:
        expected = _expected(answers.get(asked.name, ""), asked)
        text = _in_language(asked.texts, language)
        if expected and text:
            return Question(text=text, expected=expected, kind=asked.kind)
    return None


def build_script(template_text: str, question: Question, *, activity_name: str) -> str:
    """The words of the call, from {question} and {activity} (D4).

    The expected answer is never spoken: BadTemplate for any other field ({answer},
    {expected}) or a template that does not ask; BadScript where the finished words
    hold the answer by themselves.
    """
    template = compile_template(template_text, known=("question", "activity"))
    if "question" not in fields_of(template_text):
        raise BadTemplate(_("the script must hold {question}."), position=1)
    script = template.render({"question": question.text, "activity": activity_name})
    if _speaks(script, question):
        raise BadScript(_("The script says the expected answer: change the question."))
    return script


def match_answer(
    expected: str,
    heard: str,
    kind: Kind,
    *,
    confidence: float | None,
    threshold: float,
) -> Verdict:
    """Whether what was heard is the expected answer (D6).

    `confidence` (0-1) is the recogniser's, None where it gives none (keypad). Only a
    clear difference is a mismatch; whatever could be the recogniser's fault is unsure.
    """
    if not heard.strip():
        return Verdict("unsure", 0.0, "no_speech")
    if confidence is not None and confidence < threshold:
        return Verdict("unsure", 0.0, "low_confidence")
    said, wanted = normalise_answer(heard, kind), normalise_answer(expected, kind)
    if not said or not wanted:
        return Verdict("unsure", 0.0, "not_understood")
    # "Not 4719" holds the right digits; a yes or no has its negation in its form.
    if said == wanted and (kind in ("yesno", "text") or not is_negated(heard)):
        return Verdict("match", 100.0, "exact")
    return _compare(wanted, said, heard, kind)


def _expected(answer: str, asked: QuestionField) -> str:
    if asked.kind != "digits":
        return normalise_answer(answer, asked.kind)
    # Typed, not spoken: a letter in it ("...002X") is no digit, and nothing is left out.
    typed = "".join(filter(str.isalnum, normalise_answer(answer, "text")))
    wanted = typed[-asked.last :] if asked.last else typed
    long_enough = len(wanted) >= (asked.last or 1)
    return wanted if long_enough and wanted.isascii() and wanted.isdigit() else ""


def _in_language(texts: Mapping[str, str], language: str) -> str:
    return (texts.get(language) or texts.get("en") or "").strip()


def _speaks(script: str, question: Question) -> bool:
    match question.kind:
        case "yesno":
            return False  # "yes" tells nothing, and is in any sentence
        case "digits":
            return question.expected in re.findall(r"[0-9]+", script)
        case "date":
            spoken = normalise_answer(script, "date")
            return question.expected == spoken or question.expected in script
    words = normalise_answer(script, "text")
    if _HAN.search(question.expected):
        return question.expected in words
    return f" {question.expected} " in f" {words} "


def _compare(wanted: str, said: str, heard: str, kind: Kind) -> Verdict:
    if kind == "yesno":
        return Verdict("mismatch", 0.0, "different")
    if is_no_answer(heard):
        return Verdict("unsure", 0.0, "not_understood")
    if is_negated(heard):
        return Verdict("unsure", 0.0, "negated")
    compare = {"digits": _digits, "date": _date, "text": _text}[kind]
    return compare(wanted, said)


def _digits(wanted: str, said: str) -> Verdict:
    if len(said) != len(wanted):
        return Verdict("unsure", 0.0, "digit_count")
    wrong = sum(one != other for one, other in zip(wanted, said, strict=True))
    score = 100.0 * (1 - wrong / len(wanted))
    if wrong == 1 and len(wanted) >= _DIGITS_FOR_DOUBT:
        return Verdict("unsure", score, "one_digit_off")
    return Verdict("mismatch", score, "different")


def _date(wanted: str, said: str) -> Verdict:
    same_day = wanted[-5:] == said[-5:]
    if same_day and len(wanted) < len(said):
        return Verdict("match", 100.0, "exact")  # the year was not asked for
    if same_day and len(said) < len(wanted):
        return Verdict("unsure", REVIEW_FROM, "no_year")
    if Levenshtein.distance(wanted, said) == 1:
        return Verdict("unsure", REVIEW_FROM, "one_digit_off")
    return Verdict("mismatch", 0.0, "different")


def _text(wanted: str, said: str) -> Verdict:
    score = _likeness(wanted, said)
    if score >= MATCH_FROM:
        return Verdict("match", score, "similar")
    if score >= REVIEW_FROM:
        return Verdict("unsure", score, "not_sure")
    return Verdict("mismatch", score, "different")


def _likeness(wanted: str, said: str) -> float:
    """0-100, by the best place in what was said: people answer in sentences."""
    whole = fuzz.ratio(wanted.replace(" ", ""), said.replace(" ", ""))
    if _HAN.search(wanted):
        inside = fuzz.partial_ratio(wanted, said) if len(said) > len(wanted) else 0.0
        return max(whole, inside)
    words, size = said.split(), len(wanted.split())
    if len(words) <= size:
        return whole
    windows = (" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
    return max(fuzz.ratio(wanted, window) for window in windows)
