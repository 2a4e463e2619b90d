from __future__ import annotations

import math

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from messaging.text import Parts, count_parts, needless, split_parts

GSM_WITH_PAIRS = st.text("abc @£$_é\n^{}\\[~]|€", max_size=700)
UCS2_WITH_PAIRS = st.text("您好a€😀𠀀", max_size=300)
WITHOUT_ESC = st.text(st.characters(exclude_characters="\x1b"), max_size=400)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 153, 3),
        ("您" * 70, 1),
        ("您" * 71, 2),
        ("您" * 134, 2),
        ("您" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("您" * 66 + "😀" + "您" * 66, 3),
        ("a" * 159 + "您", 3),
        ("`" * 71, 2),
        ("ç" * 71, 2),
        ("Ç" * 71, 1),
    ],
)
def test_gsm_rule(text: str, parts: int):
    assert count_parts(text, rule="gsm").parts == parts


@given(GSM_WITH_PAIRS | UCS2_WITH_PAIRS | WITHOUT_ESC)
def test_gsm_rule_agrees_with_smsutil(text: str):
    expected = len(smsutil.split(text).parts) if text else 0
    assert count_parts(text, rule="gsm").parts == expected


# ESC alone is no character of the table, only the first half of a pair; smsutil lets
# it through as GSM-7, where a handset shows a blank.
@pytest.mark.parametrize("code", sorted(set(range(128)) - {27}))
def test_every_ascii_character_has_the_encoding_that_smsutil_gives_it(code: int):
    counted = count_parts(chr(code) + "a", rule="gsm")
    assert (counted.encoding == "GSM-7") == smsutil.is_valid_gsm(chr(code))


@pytest.mark.parametrize(
    ("text", "rule", "counted"),
    [
        ("a" * 100, "gsm", Parts("GSM-7", 1, 100, 60)),
        ("a" * 200, "gsm", Parts("GSM-7", 2, 200, 106)),
        ("[a]", "gsm", Parts("GSM-7", 1, 5, 155)),
        ("a" * 152 + "€" + "a" * 10, "gsm", Parts("GSM-7", 2, 164, 141)),
        ("您a", "gsm", Parts("UCS-2", 1, 2, 68)),
        ("😀您", "gsm", Parts("UCS-2", 1, 3, 67)),
        ("您" * 71, "gsm", Parts("UCS-2", 2, 71, 63)),
        ("", "gsm", Parts("GSM-7", 0, 0, 160)),
        ("abc", "china", Parts("UCS-2", 1, 3, 67)),
    ],
)
def test_units_and_room_left(text: str, rule: str, counted: Parts):
    assert count_parts(text, rule=rule) == counted  # type: ignore[arg-type]


@given(GSM_WITH_PAIRS | UCS2_WITH_PAIRS)
def test_room_left_is_exactly_what_still_fits(text: str):
    counted = count_parts(text, rule="gsm")
    # A blank takes one unit in both encodings and is never part of a pair. Text of one
    # part becomes two sizes at once when it overflows, so only "fits" is asked there.
    assert count_parts(text + " " * counted.room_left, rule="gsm").parts == max(
        counted.parts, 1
    )
    assert (
        count_parts(text + " " * (counted.room_left + 1), rule="gsm").parts
        > counted.parts
    )


def test_china_counts_every_character_and_the_signature():
    signed = "【某某金融】"
    assert [
        count_parts(signed + "a" * rest, rule="china").parts
        for rest in (64, 65, 128, 129)
    ] == [1, 2, 2, 3]
    assert count_parts("a" * 160, rule="china").parts == 3


@given(st.text(max_size=500))
def test_china_rule_is_its_formula(text: str):
    length = len(text)
    expected = math.ceil(length / 67) if length > 70 else min(length, 1)
    assert count_parts(text, rule="china").parts == expected


def test_another_rule_is_refused():
    with pytest.raises(ValueError, match="no such rule"):
        count_parts("a", rule="mars")  # type: ignore[arg-type]


# --- where parts end -----------------------------------------------------------------


@given(GSM_WITH_PAIRS | UCS2_WITH_PAIRS | WITHOUT_ESC)
def test_parts_end_where_smsutil_ends_them(text: str):
    expected = [part.content for part in smsutil.split(text).parts] if text else []
    assert split_parts(text, rule="gsm") == expected


@given(st.text("您a😀€", max_size=300), st.sampled_from(["gsm", "china"]))
def test_parts_are_the_text_and_as_many_as_counted(text: str, rule: str):
    parts = split_parts(text, rule=rule)
    assert "".join(parts) == text
    assert len(parts) == count_parts(text, rule=rule).parts


@given(GSM_WITH_PAIRS | UCS2_WITH_PAIRS, st.sampled_from(["gsm", "china"]))
def test_needless_characters_are_just_those_that_save_a_part(text: str, rule: str):
    over, parts = needless(text, rule=rule), count_parts(text, rule=rule).parts
    if parts <= 1:
        assert over == 0
        return
    assert count_parts(text[:-over], rule=rule).parts < parts
    kept = text if over == 1 else text[: 1 - over]
    assert count_parts(kept, rule=rule).parts == parts
