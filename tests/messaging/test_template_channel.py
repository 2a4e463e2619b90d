from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.template_channel import (
    carries_link,
    default_variables,
    problems,
    provider_text,
)


@pytest.mark.parametrize(
    "value",
    [
        "https://bank.example/a",
        "HTTP://BANK.CN",
        "www.bank",
        "bank.com",
        "go to bank.com.cn now",
        "s.example/Ab3dEf9h",
        "ｂａｎｋ．ｃｏｍ",
        "见t.cn/Ab3",
        "bank.vip",
    ],
)
def test_a_link_is_seen_in_every_dress(value: str):
    assert carries_link(value)


@pytest.mark.parametrize(
    "value",
    [
        "12,345.60",
        "2026.11.21",
        "J.R. Smith",
        "Mr.Smith",
        "jan@bank.com",
        "王小明",
        "3.5%",
        "and/or",
        "1/12",
        "10:30",
        "v1.2",
        "Co. Ltd.",
    ],
)
def test_what_is_no_link_is_let_through(value: str):
    assert not carries_link(value)


@given(st.integers(0, 10**12), st.sampled_from([",", ".", "-", "/", ""]))
def test_no_number_is_a_link(number: int, between: str):
    assert not carries_link(f"{number:,}".replace(",", between))


def said(text: str, **more: object) -> list[str]:
    variables = more.pop("variables", None) or default_variables(text)
    return list(problems(text, variables, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "尊敬的{name}，您的还款{amount}元将于{due_on}到期。",
        "Dear {name}, see https://bank.example/offers now, {amount}",
        "No fields at all",
        "{{braces}} {a}",
    ],
)
def test_a_text_that_the_provider_takes_has_no_problem(text: str):
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("www.{name}.com", "link in a variable: name"),
        ("见https://{host}/a", "link in a variable: host"),
        ("https://bank.example/{code}", "link in a variable: code"),
        ("bank.com/{code}吧", "link in a variable: code"),
        ("{a}.cn {b}", "link in a variable: a"),
        ("看{link}", "link in a variable: link"),
        ("{a}{b}", "side by side"),
        ("x" * 501, "More than 500"),
    ],
)
def test_a_text_that_the_provider_refuses_says_why(text: str, words: str):
    assert words in " ".join(said(text, links=["link"]))


def test_variables_and_fields_must_be_the_same():
    pairs = [("1", "name"), ("2", "amuont")]
    found = " ".join(said("{name} {amount}", variables=pairs))
    assert "No variable is filled with: amount." in found
    assert "The text has no such field: amuont." in found


def test_the_text_is_handed_in_with_the_providers_own_variables():
    text = "Dear {name}, {amount} {{x}}"
    assert provider_text(text, default_variables(text)) == "Dear ${name}, ${amount} {x}"
    counted = [("1", "name"), ("2", "amount")]
    assert provider_text(text, counted) == "Dear {1}, {2} {x}"
