from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.characters import costly, plain
from messaging.text import is_gsm


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("“Hi”", [("“", '"'), ("”", '"')]),
        ("it’s — fine…", [("’", "'"), ("—", "-"), ("…", "...")]),
        ("Jiří Novák", [("ř", "r"), ("í", "i"), ("á", "a")]),
        ("a\u00a0b\u200bc\td", [("\u00a0", " "), ("\u200b", ""), ("\t", " ")]),
        ("Sale 🎉", [("🎉", None)]),
        ("Ｓａｌｅ", [("Ｓ", "S"), ("ａ", "a"), ("ｌ", "l"), ("ｅ", "e")]),
        ("Dear Jan, €5 {}", []),
        ("您好“Jan”", []),
        ("Привет — Jan", []),
    ],
)
def test_what_makes_a_text_ucs_2_and_what_to_write(
    text: str, found: list[tuple[str, str | None]]
):
    assert [(one.character, one.plain) for one in costly(text)] == found


@given(st.text(max_size=60))
def test_a_text_that_followed_all_advice_costs_no_more(text: str):
    for one in costly(text):
        text = text.replace(one.character, one.plain or "")
    assert costly(text) == []


@given(st.characters())
def test_what_is_offered_is_in_gsm(character: str):
    offered = plain(character)
    assert offered is None or is_gsm(offered)
