"""What a called person said (D6): speech to text, offline, by a small grammar.

The recogniser knows the KIND of the answer (four digits, yes or no, a date said
as digits) and nothing else: it is never told what answer is expected, so it
cannot be talked into hearing it.

Confidence. PocketSphinx's own figure for the whole answer (``hyp().prob``) says
little: 0.005-0.09 for right answers, 0.01-0.17 for wrong ones. The posterior of
the WEAKEST WORD in the lattice does separate. For an answer of known length a
second pass hears the same recording with any number of digits; where the two
differ (six digits said where four were asked) the confidence is halved. From
``SURE`` on the text may be trusted; below it, ask again. Give the length where
it is known: a number of open length is rarely sure.

Measured on speech made by flite (4 voices, 4 digits, "sure" is >= 0.6):
  16 kHz         40 said: 40 right, 37 of them sure
  8 kHz mu-law   60 said: 43 right (37 sure), 7 wrong (1 sure), 10 not understood
  other speech   20 said where 4 digits were asked: 1 taken for a sure number
  yes and no     40 said: 40 right and sure; at 8 kHz 39 right and sure, 1 wrong
  other speech   48 said where yes or no was asked: 4 taken for a sure answer
The only English model that ships in a package is a wide-band one, hence the poor
telephone line: an answer that is not sure must never block anybody by itself.
"""

from __future__ import annotations

import threading
from array import array
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

from pocketsphinx import Config, Decoder, Vad, get_model_path

from messaging.voice.pcm import RATE, samples_of

ENGINE = "pocketsphinx"
SURE = 0.6
LONGEST_NUMBER = 12

_DIGITS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    )
} | {"oh": "0"}
_YESNO: tuple[str, ...] = (
    *("yes", "yeah", "yep", "yes it is", "correct", "right"),
    *("no", "nope", "no it is not", "not me", "wrong"),
)
_BY_FIRST_WORD = dict.fromkeys(("yes", "yeah", "yep", "correct", "right"), "yes")
_BY_FIRST_WORD |= dict.fromkeys(("no", "nope", "not", "wrong"), "no")
# Said by people who do not answer. Without words of their own they would be
# forced into "yes" or "no".
_NO_ANSWER = ("hello", "what", "sorry", "who is this", "i do not know", "wait a moment")
_LEAST_SPEECH_FRAMES = 4  # of 30 ms: no word is shorter
# A decoder starts from what it heard last. Everybody starts from this same hush,
# so that nobody's answer depends on who was called before.
_BETWEEN_CALLS = array("h", Random(2).choices((-2, -1, 1, 2), k=RATE // 5)).tobytes()
_MARGIN_FRAMES = 6
_FAINTEST_SPEECH = 100  # of 32767: 50 dB below the loudest

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Heard:
    """What was understood: ``text`` is "" where nothing was (D6).

    ``text`` is digits for digits and dates ("4719"), "yes" or "no" for yesno.
    ``confidence`` is 0..1 (see the module), None where there is no text.
    """

    text: str
    confidence: float | None
    engine: str


NOTHING = Heard("", None, ENGINE)


def recognise(wav: bytes, *, kind: str, length: int | None = None) -> Heard:
    """Understand a recorded answer (D6).

    wav: a mono 16-bit wave file, 8 or 16 kHz. kind: "digits", "date" (said as
    digits), "yesno" or "text"; this engine has no words for free text and answers
    nothing to it. length: how many digits are asked for (1..12), if that is fixed.

    Silence, noise, and speech that does not fit the kind give text "".
    Raises BadRecording for other audio, ValueError for an unknown kind or length.
    """
    if length is not None and not 1 <= length <= LONGEST_NUMBER:
        raise ValueError(f"length is 1 to {LONGEST_NUMBER} digits, not {length}")
    if kind not in ("digits", "date", "yesno", "text"):
        raise ValueError(f"unknown kind of answer: {kind}")
    samples = _spoken_part(samples_of(wav))
    if kind == "text" or not samples:
        return NOTHING
    if kind == "yesno":
        return _yes_or_no(samples)
    return _number(samples, length)


def _number(samples: bytes, length: int | None) -> Heard:
    open_text, open_confidence = _digits(samples, "<digit>+")
    if length is None:
        fits = 1 <= len(open_text) <= LONGEST_NUMBER
        return Heard(open_text, open_confidence, ENGINE) if fits else NOTHING
    text, confidence = _digits(samples, " ".join(["<digit>"] * length))
    if len(text) != length:
        return NOTHING
    return Heard(text, confidence if text == open_text else confidence / 2, ENGINE)


def _digits(samples: bytes, rule: str) -> tuple[str, float]:
    words, confidence = _words(samples, rule)
    return "".join(_DIGITS[word] for word in words), confidence


def _yes_or_no(samples: bytes) -> Heard:
    text, confidence = _meaning(samples, _YESNO)
    # "no" and "nope" share the posterior between them though they mean the same:
    # without the other ways to say it the plain word shows its own weight.
    plain_text, plain_confidence = _meaning(samples, ("yes", "no"))
    if not text:
        return NOTHING
    agreed = max(confidence, plain_confidence) if text == plain_text else confidence
    return Heard(text, agreed, ENGINE)


def _meaning(samples: bytes, answers: tuple[str, ...]) -> tuple[str, float]:
    words, confidence = _words(samples, " | ".join(answers + _NO_ANSWER))
    return (_BY_FIRST_WORD.get(words[0], "") if words else ""), confidence


def _words(samples: bytes, rule: str) -> tuple[list[str], float]:
    """The words of the best path, and the posterior of the weakest of them."""
    with _one_at_a_time:
        decoder = _decoder()
        decoder.activate_search(_search(rule))
        for heard in (_BETWEEN_CALLS, samples):
            decoder.start_utt()
            decoder.process_raw(heard, full_utt=True)
            decoder.end_utt()
        if decoder.hyp() is None:
            return [], 0.0
        said = [segment for segment in decoder.seg() if segment.word[0] not in "<[("]
    words = [segment.word.partition("(")[0] for segment in said]
    return words, min(1.0, min((segment.prob for segment in said), default=0.0))


@lru_cache(maxsize=1)
def _decoder() -> Decoder:
    """One decoder for the process: every grammar is a search inside it.

    lw and wip: with the defaults, an open number of digits hears one more digit
    in every second pause. hmm and dict come with the package.
    """
    model = Path(get_model_path("en-us"))
    config = Config(
        hmm=str(model / "en-us"),
        dict=str(model / "cmudict-en-us.dict"),
        lm=None,
        lw=1.0,
        wip=1e-20,
        loglevel="FATAL",
    )
    return Decoder(config)


@lru_cache(maxsize=64)
def _search(rule: str) -> str:
    """Add the grammar to the decoder, once; the rule is its name as well."""
    digit = " | ".join(_DIGITS)
    _decoder().add_jsgf_string(
        rule,
        "#JSGF V1.0;\ngrammar answer;\n"
        f"<digit> = {digit};\npublic <answer> = {rule};\n",
    )
    return rule


def _spoken_part(samples: bytes) -> bytes:
    """From the first speech to the last, with a margin; b"" where there is none.

    The front end levels a recording by its mean: the more silence stands around
    a short word, the less of the word is recognised. The detector takes faint
    even noise for speech, hence loudness is asked as well.
    """
    vad = Vad(sample_rate=RATE)
    size = vad.frame_bytes
    starts = range(0, len(samples) - size + 1, size)
    frames = ((at, samples[at : at + size]) for at in starts)
    spoken = [at for at, frame in frames if _is_loud(frame) and vad.is_speech(frame)]
    if len(spoken) < _LEAST_SPEECH_FRAMES:
        return b""
    margin = _MARGIN_FRAMES * size
    return samples[max(0, spoken[0] - margin) : spoken[-1] + size + margin]


def _is_loud(frame: bytes) -> bool:
    return max(map(abs, memoryview(frame).cast("h"))) >= _FAINTEST_SPEECH
