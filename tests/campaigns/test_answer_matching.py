from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.verification import Verdict, match_answer, normalise_answer

DIGITS = st.text("0123456789", min_size=4, max_size=8)
ENGLISH = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
]


def verdict(
    kind, expected: str, heard: str, confidence: float | None = None
) -> Verdict:
    return match_answer(expected, heard, kind, confidence=confidence, threshold=0.5)


@pytest.mark.requirement("D6")
@pytest.mark.parametrize(
    ("expected", "heard", "outcome"),
    [
        ("5260", "五二六零", "match"),
        ("5260", "五 2 六〇。", "match"),
        ("1366", "幺三六六", "match"),
        ("2210", "两两幺零", "match"),
        ("0790", "洞拐勾洞", "match"),
        ("1234", "壹贰叁肆", "match"),
        ("4719", "Four, seven. One nine", "match"),
        ("1023", "一千零二十三", "match"),
        ("1023", "ten twenty-three", "match"),
        ("0055", "double oh double five", "match"),
        ("4719", "４７１９#", "match"),
        ("4719", "my number is four seven one nine", "match"),
        ("9083", "九零八山", "unsure"),
        ("4719", "four seven one", "unsure"),
        ("4719", "four seven one nine nine", "unsure"),
        ("4719", "four seven one eight", "unsure"),
        ("4719", "not 4719", "unsure"),
        ("102", "一百二", "unsure"),
        ("123", "one hundred twenty three", "unsure"),
        ("4719", "I don't know", "unsure"),
        ("4719", "one two three four", "mismatch"),
        ("5260", "九八七六", "mismatch"),
        ("71", "72", "mismatch"),
    ],
)
def test_digits(expected: str, heard: str, outcome: str):
    assert verdict("digits", expected, heard).outcome == outcome


@pytest.mark.requirement("D6")
@pytest.mark.parametrize(
    ("expected", "heard", "outcome"),
    [
        ("1990-05-20", "一九九零年五月二十日", "match"),
        ("1990-05-20", "1990年5月20號", "match"),
        ("10-01", "十月一号", "match"),
        ("2026-10-01", "两千零二十六年十月一号", "match"),
        ("1990-05-20", "the twentieth of May, nineteen ninety", "match"),
        ("1990-05-20", "nineteen ninety, May twenty", "match"),
        ("1990-05-20", "May 20th 1990", "match"),
        ("2006-05-21", "May twenty first, two thousand and six", "match"),
        ("2026-11-21", "21 Nov twenty twenty six", "match"),
        ("1905-11-21", "November twenty-first nineteen oh five", "match"),
        ("1990-05-20", "one nine nine zero zero five two zero", "match"),
        ("1990-05-20", "19900520", "match"),
        ("1990-05-20", "20/05/1990", "match"),
        ("05-20", "May twenty, nineteen ninety", "match"),
        ("1990-05-20", "May twenty", "unsure"),
        ("1990-05-20", "五月二十日", "unsure"),
        ("1990-05-06", "05/06/1990", "unsure"),
        ("1990-05-20", "30 February 1990", "unsure"),
        ("1990-05-20", "1991-05-20", "unsure"),
        ("1990-05-20", "1 June 1985", "mismatch"),
        ("1990-05-20", "八月一号", "mismatch"),
    ],
)
def test_dates(expected: str, heard: str, outcome: str):
    assert verdict("date", expected, heard).outcome == outcome


YES = "是我本人|没错|沒錯|Yes, that is me.|嗯|对|好的|that's right|No problem|OK|1"
NO = "不是我|你打错了|No, not me|没有|我没有报名|wrong number|that's not correct|No, I am not|2"
NEITHER = (
    "你好|喂|hello|I don't know|我不知道|是不是？|yes no|对不起，没听清|who is speaking"
)


@pytest.mark.requirement("D6")
@pytest.mark.parametrize(
    ("heard", "normal"),
    [
        (heard, normal)
        for words, normal in ((YES, "yes"), (NO, "no"), (NEITHER, ""))
        for heard in words.split("|")
    ],
)
def test_yes_and_no(heard: str, normal: str):
    assert normalise_answer(heard, "yesno") == normal
    expected = {"yes": "match", "no": "mismatch", "": "unsure"}[normal]
    assert verdict("yesno", "yes", heard).outcome == expected


@pytest.mark.requirement("D6")
@pytest.mark.parametrize(
    ("expected", "heard", "outcome"),
    [
        ("张伟", "張偉", "match"),
        ("北京大学", "我是北京大学毕业的", "match"),
        ("London", "I was born in london.", "match"),
        ("New York", "newyork", "match"),
        ("student", "Student!", "match"),
        ("Novák", "NOVÁK", "match"),
        ("光明小学", "公民小學", "unsure"),
        ("王芳", "王峰", "unsure"),
        ("北京大学", "我不是北京大学毕业的", "unsure"),
        ("London", "not London", "unsure"),
        ("London", "I don't know", "unsure"),
        ("London", "请再说一遍", "unsure"),
        ("黄丽", "皇帝", "mismatch"),
        ("陈静", "全球", "mismatch"),
        ("London", "Paris", "mismatch"),
    ],
)
def test_text(expected: str, heard: str, outcome: str):
    assert verdict("text", expected, heard).outcome == outcome


@pytest.mark.requirement("D6")
@pytest.mark.parametrize(
    ("score", "heard", "outcome"),
    [
        (90, "abcdefghiX", "match"),
        (80, "abcdefghXX", "unsure"),
        (50, "abcdeXXXXX", "unsure"),
        (40, "abcdXXXXXX", "mismatch"),
    ],
)
def test_bands_of_likeness(score: int, heard: str, outcome: str):
    found = verdict("text", "abcdefghij", heard)
    assert (round(found.score), found.outcome) == (score, outcome)


@pytest.mark.requirement("D6")
@pytest.mark.parametrize("kind", ["digits", "date", "yesno", "text"])
def test_nothing_heard_or_heard_badly_is_never_a_mismatch(kind: str):
    expected = {"digits": "4719", "date": "1990-05-20", "yesno": "yes", "text": "brno"}[
        kind
    ]
    for heard in (expected, "no 1 2 3 4", "8888", "否"):
        found = verdict(kind, expected, heard, confidence=0.49)
        assert (found.outcome, found.reason) == ("unsure", "low_confidence")
    for silence in ("", "  ", "\n"):
        found = verdict(kind, expected, silence, confidence=0.99)
        assert (found.outcome, found.reason) == ("unsure", "no_speech")
    assert verdict(kind, expected, "...").outcome == "unsure"


@pytest.mark.requirement("D6")
def test_confidence_at_the_threshold_is_enough():
    assert verdict("digits", "4719", "4719", confidence=0.5).outcome == "match"


def test_the_reason_never_holds_what_was_said():
    for heard in ("1234", "4718", "471", "", "not 4719", "4719"):
        reason = verdict("digits", "4719", heard).reason
        assert reason.replace("_", "").isalpha()


@given(DIGITS)
def test_digits_said_one_by_one_are_heard_in_both_languages(number: str):
    chinese = "".join("零一二三四五六七八九"[int(one)] for one in number)
    english = " ".join(ENGLISH[int(one)] for one in number)
    assert normalise_answer(chinese, "digits") == number
    assert normalise_answer(english, "digits") == number


@given(st.integers(1, 99_999_999))
def test_a_chinese_number_is_its_digits(number: int):
    assert normalise_answer(in_chinese(number), "digits") == str(number)


def in_chinese(number: int) -> str:
    """Written the school way: 10200 is 一万零二百."""
    high, low = divmod(number, 10_000)
    if not high:
        return _below_ten_thousand(low)
    nought = "零" if 0 < low < 1000 else ""
    return (
        _below_ten_thousand(high)
        + "万"
        + nought
        + (_below_ten_thousand(low) if low else "")
    )


def _below_ten_thousand(number: int) -> str:
    written, gap = "", False
    for place, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // place % 10
        if digit:
            written += (
                ("零" if gap and written else "") + "零一二三四五六七八九"[digit] + name
            )
        gap = not digit
    return written


@given(st.dates())
def test_every_written_form_of_a_date_is_the_same_date(day):
    if day.year >= 1000:
        month = day.strftime("%B")
        for text in (
            day.isoformat(),
            f"{day.year}年{day.month}月{day.day}日",
            f"{day.year}/{day.month}/{day.day}",
            f"{day.day} {month} {day.year}",
            f"{month} {day.day}, {day.year}",
            f"{day:%Y%m%d}",
        ):
            assert normalise_answer(text, "date") == day.isoformat(), text


@given(st.sampled_from(["digits", "date", "yesno", "text"]), st.text(max_size=30))
def test_a_normal_form_is_its_own_normal_form(kind, text: str):
    once = normalise_answer(text, kind)
    assert normalise_answer(once, kind) == once


@given(DIGITS, DIGITS)
def test_other_digits_never_match(expected: str, said: str):
    outcome = verdict("digits", expected, said).outcome
    assert (outcome == "match") == (expected == said)
    if len(expected) != len(said):
        assert outcome == "unsure"


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="no such kind"):
        normalise_answer("x", "smell")  # type: ignore[arg-type]
