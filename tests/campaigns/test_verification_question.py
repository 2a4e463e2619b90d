from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.verification import (
    BadScript,
    Question,
    QuestionField,
    build_script,
    extract_question,
)
from messaging.rendering import BadTemplate

ID_NUMBER = QuestionField(
    name="id_number",
    kind="digits",
    texts={"en": "What are the last four digits?", "zh-hans": "请说后四位。"},
    last=4,
)
BORN = QuestionField(name="born", kind="date", texts={"en": "When were you born?"})
CITY = QuestionField(name="city", kind="text", texts={"en": "Which city?"})
CLIENT = QuestionField(name="client", kind="yesno", texts={"en": "Are you a client?"})
ALL = [ID_NUMBER, BORN, CITY, CLIENT]


def asked(answers: dict[str, str], *, language: str = "en") -> Question | None:
    return extract_question(answers, ALL, language=language)


@pytest.mark.requirement("D3")
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"id_number": "110105194912310021", "city": "Brno"}, "0021"),
        ({"id_number": "1101 0519 4912 3100-21"}, "0021"),
        ({"id_number": "１１０１０５１９４９１２３１００２１"}, "0021"),
        ({"born": "1990-05-20", "city": "Brno"}, "1990-05-20"),
        ({"born": "1990年5月20日"}, "1990-05-20"),
        ({"city": " Brno! "}, "brno"),
        ({"client": "Yes"}, "yes"),
    ],
)
def test_the_first_field_with_an_answer_is_asked(answers: dict, expected: str):
    question = asked(answers)
    assert question is not None
    assert question.expected == expected


@pytest.mark.requirement("D3")
@pytest.mark.parametrize(
    "unusable",
    ["", "  ", "021", "11010519491231002X", "one two three four", "一二三四"],
)
def test_a_field_without_a_usable_answer_is_passed_over(unusable: str):
    question = asked({"id_number": unusable, "born": "30 February", "city": "Brno"})
    assert question == Question(text="Which city?", expected="brno", kind="text")


def test_no_answer_is_no_question():
    assert asked({}) is None
    assert asked({"city": "?!", "other": "Brno"}) is None


def test_whole_digits_are_asked_where_no_last_is_set():
    whole = QuestionField(name="code", kind="digits", texts={"en": "Code?"})
    question = extract_question({"code": "12 34"}, [whole], language="en")
    assert question is not None
    assert question.expected == "1234"
    assert extract_question({"code": "12A4"}, [whole], language="en") is None


def test_the_question_is_in_the_customers_language():
    chinese = asked({"id_number": "123456"}, language="zh-hans")
    assert chinese is not None
    assert chinese.text == "请说后四位。"
    fallback = asked({"city": "Brno"}, language="zh-hans")
    assert fallback is not None
    assert fallback.text == "Which city?"


def test_the_expected_answer_is_not_in_a_repr():
    assert "0021" not in repr(asked({"id_number": "0021"}))


QUESTION = Question(
    text="What are the last four digits?", expected="4719", kind="digits"
)


@pytest.mark.requirement("D4")
def test_the_script_is_made_of_template_and_question():
    script = build_script(
        "This is {activity}. {question}", QUESTION, activity_name="Autumn {100%}"
    )
    assert script == "This is Autumn {100%}. What are the last four digits?"


@pytest.mark.requirement("D4")
@pytest.mark.parametrize("forbidden", ["answer", "expected", "name", "phone"])
def test_a_script_that_would_say_the_answer_is_refused(forbidden: str):
    with pytest.raises(BadTemplate, match=forbidden):
        build_script(
            f"{{question}} Is it {{{forbidden}}}?", QUESTION, activity_name="A"
        )


@pytest.mark.requirement("D4")
def test_a_script_that_does_not_ask_is_refused():
    with pytest.raises(BadTemplate, match="question"):
        build_script("Hello from {activity}", QUESTION, activity_name="A")


@pytest.mark.requirement("D4")
@pytest.mark.parametrize(
    ("text", "expected", "kind"),
    [
        ("Is it 4719?", "4719", "digits"),
        ("Were you born on 20 May 1990?", "1990-05-20", "date"),
        ("您是1990年5月20日出生吗？", "1990-05-20", "date"),
        ("Do you live in BRNO?", "brno", "text"),
        ("您住在北京吗？", "北京", "text"),
    ],
)
def test_a_question_that_says_the_answer_by_itself_is_refused(
    text: str, expected: str, kind: str
):
    question = Question(text=text, expected=expected, kind=kind)  # type: ignore[arg-type]
    with pytest.raises(BadScript):
        build_script("{question}", question, activity_name="A")


def test_a_part_of_another_word_is_not_the_answer():
    question = Question(
        text="Please say your family name.", expected="lea", kind="text"
    )
    assert build_script("{question}", question, activity_name="A") == question.text


@given(st.from_regex(r"\A[0-9]{4}\Z"))
def test_no_script_holds_the_expected_digits(expected: str):
    question = extract_question({"id_number": expected}, ALL, language="en")
    assert question is not None
    script = build_script("{activity}: {question}", question, activity_name="Autumn")
    assert expected not in script
