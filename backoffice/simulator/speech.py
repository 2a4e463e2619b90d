"""What a called person says: short clips joined to a recording, as after "hello?".

The clips are made by make_clips.sh. The pauses are those of a person who reads
digits from a card; they depend on the number called only, so that a demonstration
sounds the same every time.
"""

from __future__ import annotations

import io
import wave
from functools import cache
from pathlib import Path
from random import Random

RATE = 16_000
SILENT_SECONDS = 2.0  # the recording of somebody who says nothing

_CLIPS = Path(__file__).with_name("clips")
_DIGITS = ["zero", "one", "two", "three", "four"] + [
    "five",
    "six",
    "seven",
    "eight",
    "nine",
]
_KEYS = {"yes": "1", "no": "2"}


def words_of(answer: str) -> list[str]:
    """The clips to play: digits one by one ("1990-05-20": eight), or yes or no."""
    if answer.lower() in _KEYS:
        return [answer.lower()]
    return [_DIGITS[int(digit)] for digit in _digits(answer)]


def keys_of(answer: str) -> str:
    """The keys to press: the answer's digits; 1 for yes, 2 for no."""
    return _KEYS.get(answer.lower()) or _digits(answer)


def recording_of(answer: str, *, voice: str) -> bytes:
    """A 16 kHz mono 16-bit wave file of the answer; `voice` fixes the pauses."""
    pauses = Random(f"{voice} {answer}")
    spoken = words_of(answer)
    if not spoken:
        return _wave(_silence(SILENT_SECONDS))
    parts = [_silence(pauses.uniform(0.3, 0.7))]
    for word in spoken:
        parts += [_clip(word), _silence(pauses.uniform(0.15, 0.3))]
    return _wave(b"".join([*parts, _silence(0.3)]))


def _digits(answer: str) -> str:
    return "".join(sign for sign in answer if sign in "0123456789")


def _silence(seconds: float) -> bytes:
    return bytes(2 * int(RATE * seconds))


@cache
def _clip(word: str) -> bytes:
    with wave.open(str(_CLIPS / f"{word}.wav")) as reader:
        samples: bytes = reader.readframes(reader.getnframes())
    return samples


def _wave(samples: bytes) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(samples)
    return buffer.getvalue()
