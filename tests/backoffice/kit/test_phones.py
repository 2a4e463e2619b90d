from __future__ import annotations

import random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.kit.phones import BadPhone, prefix7, to_e164


def by_library(text: str, region: str = "CN") -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def ours(text: str, region: str = "CN") -> str | None:
    try:
        return to_e164(text, region=region)
    except BadPhone:
        return None


def test_every_beginning_of_a_chinese_mobile_agrees_with_the_library():
    tail = random.Random(7)
    for head in range(10_000, 20_000):
        number = f"{head}{tail.randrange(10**6):06}"
        assert ours(number) == by_library(number), number
        assert ours(f"+86{number}") == by_library(f"+86{number}"), number


@given(
    prefix=st.sampled_from(
        ["", "+86", "86", "0086", "0", "179", "17951", "12593", "+", "+1"]
    ),
    digits=st.text("0123456789", min_size=3, max_size=14),
    region=st.sampled_from(["CN", "CZ", "US"]),
)
def test_any_digits_agree_with_the_library(prefix: str, digits: str, region: str):
    assert ours(prefix + digits, region) == by_library(prefix + digits, region)


@given(
    head=st.sampled_from(["+86", "86", "0086", ""]),
    mobile=st.from_regex(r"\A1[3-9][0-9]{9}\Z"),
)
def test_what_comes_out_goes_in_again_unchanged(head: str, mobile: str):
    once = ours(head + mobile)
    assert once is None or to_e164(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "(+86) 138.0013.8000",
        "+86 138 0013 8000",
        "008613800138000",
        "１３８００１３８０００",
        "＋８６　１３８－００１３－８０００",
        "\u202d+86\u00a0138\u20110013\u20138000\u202c",
        "\ufeff13800138000\t",
    ],
)
def test_usual_ways_to_write_a_number(text: str):
    assert to_e164(text) == "+8613800138000"


def test_numbers_of_the_real_bank_story_are_taken():
    for client in (1, 2, 13_998):
        assert to_e164(f"+861380{client:07}") == f"+861380{client:07}"


def test_ip_call_prefix_is_no_handset():
    for text in ("17900138000", "+8617900138000"):
        with pytest.raises(BadPhone):
            to_e164(text)


def test_a_number_without_country_code_is_of_the_region():
    assert to_e164("601 123 456", region="CZ") == "+420601123456"
    assert to_e164("(650) 253-0000", region="US") == "+16502530000"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (" - ", "empty"),
        ("1380013800.0", "decimal"),
        ("1.38E+10", "other characters"),
        ("13800138000/13900139000", "other characters"),
        ("13800138000 ext 5", "other characters"),
        ("1380013800a", "other characters"),
        ("+86 138 0013", "No such|short"),
        ("+999 123456789", "country code"),
        ("1380013800013800138000", "too long"),
        ("12", "too short"),
    ],
)
def test_a_bad_number_is_told_what_is_wrong(text: str, says: str):
    with pytest.raises(BadPhone, match=says):
        to_e164(text)


def test_the_message_does_not_repeat_the_number():
    with pytest.raises(BadPhone) as caught:
        to_e164("17900138000")
    assert "1790" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("e164", "prefix"),
    [
        ("+8613800138000", "1380013"),
        ("+16502530000", "6502530"),
        ("+420601123456", "6011234"),
        ("+861062251234", "1062251"),
    ],
)
def test_prefix_is_the_first_seven_digits_after_the_country_code(
    e164: str, prefix: str
):
    assert prefix7(e164) == prefix


def test_prefix_of_something_else_is_refused():
    for text in ("13800138000", "", "+0123456789", "+8613800138000x"):
        with pytest.raises(BadPhone):
            prefix7(text)
