from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.kit.masking import mask_name, mask_phone, mask_text


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+8613800138000", "+86•••••••8000"),
        ("+16502530000", "+1••••••0000"),
        ("+420601123456", "+420•••••3456"),
        ("+3221234", "+32•••••"),
        ("13800138000", "••••••"),
        ("", ""),
    ],
)
def test_phone_keeps_country_code_and_last_four(phone: str, masked: str):
    assert mask_phone(phone) == masked


@given(st.integers(10**9, 10**10 - 1))
def test_a_masked_phone_holds_no_more_than_its_last_four(tail: int):
    masked = mask_phone(f"+861{tail}")
    assert [one for one in masked if one.isdigit()] == list("86" + str(tail)[-4:])


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张伟", "张•"),
        ("欧阳娜娜", "欧•••"),
        ("Jan Novák", "J•• N••••"),
        ("张", "•"),
        ("", ""),
    ],
)
def test_name_keeps_the_first_character_of_a_word(name: str, masked: str):
    assert mask_name(name) == masked


def test_text_is_hidden_with_its_length():
    assert mask_text("a") == mask_text("Dear 张伟, 1,234.50") == "••••••"
    assert mask_text(" ") == ""
