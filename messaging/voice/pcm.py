"""A call's recording as the samples a recogniser wants: 16 kHz, mono, 16 bit."""

from __future__ import annotations

import io
import sys
import wave
from array import array
from itertools import cycle
from random import Random

RATE = 16_000
LONGEST_SECONDS = 60

# Half-band interpolation filter (windowed sinc): weights of the neighbours at
# distance 1/2, 3/2, 5/2 and 7/2 samples from the sample to be made.
_WEIGHTS = (0.6203, -0.1688, 0.0614, -0.0129)

# A recogniser's front end takes logarithms: runs of exact zeros (what a switch
# sends for silence) wreck it, and "two" becomes "oh". Faint noise instead.
_FAINT_NOISE = array("h", Random(1).choices((-3, -2, -1, 1, 2, 3), k=4001))


class BadRecording(ValueError):
    """The recording is no mono 16-bit PCM wave file at 8 or 16 kHz."""


def samples_of(wav: bytes) -> bytes:
    """Read a wave file into raw 16 kHz mono 16-bit samples, at most 60 seconds.

    8 kHz telephone recordings are interpolated (nothing above 4 kHz appears);
    exact zeros become noise of at most 3 units out of 32767.

    Raises BadRecording for anything that is not mono 16-bit PCM at 8 or 16 kHz.
    """
    rate, samples = _read(wav)
    if rate * 2 == RATE:
        samples = _doubled(samples)
    audible = array(
        "h",
        [s or noise for s, noise in zip(samples, cycle(_FAINT_NOISE), strict=False)],
    )
    if sys.byteorder == "big":
        audible.byteswap()
    return audible.tobytes()


def _read(wav: bytes) -> tuple[int, array[int]]:
    try:
        with wave.open(io.BytesIO(wav)) as reader:
            rate = reader.getframerate()
            if reader.getnchannels() != 1 or reader.getsampwidth() != 2:
                raise BadRecording("The recording is not mono with 16-bit samples.")
            frames = reader.readframes(LONGEST_SECONDS * rate)
    except (wave.Error, EOFError) as error:
        raise BadRecording(f"The recording is no PCM wave file: {error}") from error
    if rate not in (RATE, RATE // 2):
        raise BadRecording(f"The recording has {rate} samples a second, not 8 or 16 k.")
    samples = array("h")
    samples.frombytes(frames[: len(frames) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return rate, samples


def _doubled(samples: array[int]) -> array[int]:
    """Twice the rate: each sample kept, and one interpolated after it."""
    reach = len(_WEIGHTS)
    padded = [0] * (reach - 1) + samples.tolist() + [0] * reach
    near, second, third, far = _WEIGHTS
    between = (
        near * (d + e) + second * (c + f) + third * (b + g) + far * (a + h)
        for a, b, c, d, e, f, g, h in zip(
            *(padded[shift:] for shift in range(2 * reach)), strict=False
        )
    )
    doubled = array("h", bytes(4 * len(samples)))
    doubled[0::2] = samples
    doubled[1::2] = array("h", [max(-32768, min(32767, round(v))) for v in between])
    return doubled
