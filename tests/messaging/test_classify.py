from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.classify import Keyword, classify

WORDS = [
    Keyword("提前还款提醒", "reminder"),
    Keyword("repayment reminder", "reminder"),
    Keyword("调账到账", "adjustment"),
    Keyword("还款", "repaid"),
    Keyword("还款到账", "repaid"),
    Keyword("Repayment", "repaid"),
    Keyword("退款失败", "refund_failed"),
    Keyword("refund failed", "refund_failed"),
    Keyword("放款成功", "disbursed"),
    Keyword("放款失败", "disbursement_failed"),
    Keyword("fund", "fund"),
]


@pytest.mark.requirement("A2")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("提前还款提醒：您的账单将至", "reminder"),
        ("您的还款到账", "repaid"),
        ("放款失败，请联系客服", "disbursement_failed"),
        ("ＲＥＦＵＮＤ　ＦＡＩＬＥＤ", "refund_failed"),
        ("Your Refund\n failed.", "refund_failed"),
    ],
)
def test_keywords_decide_the_type(text: str, code: str):
    found = classify(text, WORDS)
    assert (found.outcome, found.type_code) == ("match", code)


@pytest.mark.requirement("A2")
def test_longest_word_wins_at_its_place():
    found = classify("提前还款提醒", WORDS)
    assert found.hits == (("提前还款提醒", "reminder"),)


@pytest.mark.requirement("A2")
def test_the_short_word_counts_again_elsewhere():
    found = classify("提前还款提醒，请还款", WORDS)
    assert (found.outcome, found.type_code) == ("ambiguous", None)
    assert found.hits == (("提前还款提醒", "reminder"), ("还款", "repaid"))


@pytest.mark.requirement("A2")
def test_words_of_two_types_are_never_a_guess():
    found = classify("退款失败；放款成功", WORDS)
    assert (found.outcome, found.type_code) == ("ambiguous", None)
    assert found.hits == (("退款失败", "refund_failed"), ("放款成功", "disbursed"))


@pytest.mark.requirement("A2")
def test_no_word_is_a_visible_outcome():
    found = classify("节日快乐", WORDS)
    assert (found.outcome, found.type_code, found.hits) == ("none", None, ())


def test_one_word_set_for_two_types_is_ambiguous():
    words = [Keyword("还款", "a"), Keyword("还款", "b")]
    assert classify("还款", words).outcome == "ambiguous"


def test_words_that_only_overlap_both_count():
    words = [Keyword("放款成功", "a"), Keyword("成功到账", "b")]
    assert classify("放款成功到账", words).outcome == "ambiguous"


def test_two_words_of_one_type_are_one_match():
    found = classify("还款到账", WORDS)
    assert (found.outcome, found.type_code) == ("match", "repaid")
    assert found.hits == (("还款", "repaid"), ("还款到账", "repaid"))


def test_a_latin_word_matches_whole():
    assert classify("refunded", WORDS).outcome == "none"
    assert classify("your fund, please", WORDS).type_code == "fund"
    assert classify("您的fund到账", WORDS).type_code == "fund"


def test_a_blank_keyword_matches_nothing():
    assert classify("还款", [Keyword(" ", "x")]).outcome == "none"


@given(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=4))
def test_a_type_is_named_exactly_when_all_hits_agree(noise: str, chosen: list[Keyword]):
    found = classify(noise.join(word.word for word in chosen), WORDS)
    codes = {code for _word, code in found.hits}
    assert found.type_code == (codes.pop() if len(codes) == 1 else None)
    assert (found.outcome == "match") == (found.type_code is not None)


@given(st.sampled_from(WORDS), st.permutations(WORDS))
def test_the_order_of_keywords_does_not_matter(word: Keyword, shuffled: list[Keyword]):
    text = f"{word.word}，{WORDS[0].word}"
    assert classify(text, shuffled).type_code == classify(text, WORDS).type_code
