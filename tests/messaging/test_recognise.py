"""What the recogniser understands, measured on speech made at test time (D6)."""

from __future__ import annotations

import io
import math
import os
import shutil
import subprocess
import wave
from array import array
from pathlib import Path
from random import Random

import pytest

from backoffice.simulator.speech import recording_of
from messaging.voice.pcm import BadRecording
from messaging.voice.recognise import SURE, recognise

WORDS = ["zero", "one", "two", "three", "four"]
WORDS += ["five", "six", "seven", "eight", "nine"]
VOICES = ("slt", "rms", "awb", "kal16")

needs_flite = pytest.mark.skipif(
    not shutil.which("flite") and os.environ.get("CI") != "true",
    reason="flite is missing: apt-get install flite",
)


def wav(samples: array[int] | bytes, *, rate: int = 16_000, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(samples))
    return buffer.getvalue()


def spoken(text: str, folder: Path, *, voice: str = "slt", stretch: float = 1) -> bytes:
    path = folder / "spoken.wav"
    command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}"]
    subprocess.run([*command, "-t", text, "-o", str(path)], check=True)
    return path.read_bytes()


def answers(count: int) -> list[str]:
    draw = Random(20_260_115)
    return ["".join(draw.choices("0123456789", k=4)) for _ in range(count)]


def noise(loudness: int) -> bytes:
    draw = Random(4)
    values = (draw.randint(-loudness, loudness) for _ in range(48_000))
    return wav(array("h", values).tobytes())


def hum() -> bytes:
    wave_of = (3000 * math.sin(2 * math.pi * 50 * at / 16_000) for at in range(48_000))
    return wav(array("h", map(int, wave_of)).tobytes())


@needs_flite
@pytest.mark.requirement("D6")
def test_at_least_36_of_40_spoken_answers_are_exact(tmp_path: Path) -> None:
    right = 0
    for at, answer in enumerate(answers(40)):
        text = (", ", ". ")[at % 2].join(WORDS[int(digit)] for digit in answer) + "."
        stretch = (0.9, 1.0, 1.15)[at % 3]
        said = spoken(text, tmp_path, voice=VOICES[at % 4], stretch=stretch)
        right += recognise(said, kind="digits", length=4).text == answer
    assert right >= 36


@pytest.mark.requirement("D6")
def test_the_simulators_people_are_understood() -> None:
    heard = [
        (answer, recognise(recording_of(answer, voice="x"), kind="digits", length=4))
        for answer in answers(20)
    ]
    wrong = [(answer, one.text) for answer, one in heard if one.text != answer]
    unsure = [one for _, one in heard if (one.confidence or 0) < SURE]
    assert len(wrong) <= 1
    assert len(unsure) <= 2


@needs_flite
def test_who_answers_with_a_question_gives_no_sure_answer(tmp_path: Path) -> None:
    for voice in VOICES:
        said = spoken("hello, who is this please?", tmp_path, voice=voice)
        heard = recognise(said, kind="digits", length=4)
        assert (heard.confidence or 0) < SURE


def test_six_digits_where_four_were_asked_are_not_sure() -> None:
    heard = recognise(recording_of("123456", voice="x"), kind="digits", length=4)
    assert (heard.confidence or 0) < SURE


@pytest.mark.parametrize("answer", ["19900520", "04", "13800138000"])
def test_a_number_of_open_length_is_heard_whole(answer: str) -> None:
    assert recognise(recording_of(answer, voice="x"), kind="digits").text == answer


def test_a_date_is_heard_as_its_digits() -> None:
    said = recording_of("1990-05-20", voice="x")
    assert recognise(said, kind="date", length=8).text == "19900520"


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_yes_and_no_are_understood_surely(answer: str) -> None:
    heard = recognise(recording_of(answer, voice="x"), kind="yesno")
    assert heard.text == answer
    assert (heard.confidence or 0) >= SURE


@needs_flite
def test_a_question_is_neither_yes_nor_no(tmp_path: Path) -> None:
    said = spoken("hello, who is this?", tmp_path)
    assert recognise(said, kind="yesno").text == ""


@pytest.mark.parametrize("kind", ["digits", "yesno"])
@pytest.mark.parametrize(
    "recording",
    [wav(b""), wav(bytes(96_000)), noise(5), noise(1000), noise(20_000), hum()],
    ids=["empty", "zeros", "hiss", "noise", "loud noise", "hum"],
)
def test_silence_and_noise_are_no_answer(recording: bytes, kind: str) -> None:
    heard = recognise(recording, kind=kind, length=4 if kind == "digits" else None)
    assert (heard.text, heard.confidence) == ("", None)


def test_a_recording_means_the_same_whatever_was_heard_before() -> None:
    said = [
        recording_of(word, voice=str(at)) for at in range(5) for word in ("yes", "no")
    ]
    before = [recording_of("2758", voice="x"), noise(20_000), *reversed(said)]
    first = [recognise(one, kind="yesno") for one in said]
    for other in before:
        recognise(other, kind="yesno")
        recognise(other, kind="digits", length=4)
    assert [recognise(one, kind="yesno") for one in reversed(said)] == first[::-1]


def test_a_telephone_recording_of_8_khz_is_read() -> None:
    with wave.open(io.BytesIO(recording_of("4935", voice="x"))) as reader:
        wide = array("h", reader.readframes(reader.getnframes()))
    narrow = wav(wide[::2].tobytes(), rate=8_000)
    assert len(recognise(narrow, kind="digits", length=4).text) == 4


@pytest.mark.parametrize(
    "recording",
    [
        b"",
        b"RIFF",
        b"\xff\xfb mp3",
        wav(bytes(8), rate=44_100),
        wav(bytes(8), channels=2),
    ],
)
def test_other_audio_is_refused(recording: bytes) -> None:
    with pytest.raises(BadRecording):
        recognise(recording, kind="digits")


def test_free_text_is_beyond_this_engine() -> None:
    assert recognise(recording_of("4719", voice="x"), kind="text").text == ""


@pytest.mark.parametrize(("kind", "length"), [("colour", None), ("digits", 13)])
def test_an_unknown_kind_or_length_is_an_error(kind: str, length: int | None) -> None:
    with pytest.raises(ValueError):
        recognise(wav(b""), kind=kind, length=length)
