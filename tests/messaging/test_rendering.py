from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rendering import (
    RENDERER_VERSION,
    BadTemplate,
    MissingFields,
    compile_template,
    fields_of,
    format_values,
)

NAMES = st.sampled_from(["name", "amount", "还款日", "_x1"])
FILLED = st.text(min_size=1, max_size=12).filter(str.strip)


def test_version_one_renders_these_very_bytes():
    """A message's text is worked out again years later: these bytes may never change."""
    assert RENDERER_VERSION == 1
    chinese = compile_template(
        "尊敬的{name}，您的还款{amount}元将于{day}到期，100%{{安全}}。详情 {link}",
        signature="某某金融",
        footer="拒收请回复R",
    ).render(
        {"link": "s.example/Ab3", "name": "张伟"}
        | format_values(
            {"amount": Decimal("1234.5"), "day": date(2026, 11, 21)}, language="zh-hans"
        )
    )
    assert (
        chinese.encode()
        == (
            "【某某金融】尊敬的张伟，您的还款1,234.50元将于2026年11月21日到期，100%{安全}。"
            "详情 s.example/Ab3 拒收请回复R"
        ).encode()
    )
    english = compile_template(
        "Dear {name}, {amount} is due on {day}.",
        signature="Bank",
        footer="Reply R to stop",
    ).render(
        format_values(
            {"name": "Jan", "amount": 1234.5, "day": date(2026, 11, 21)}, language="en"
        )
    )
    assert (
        english.encode()
        == (
            "【Bank】Dear Jan, 1,234.50 is due on 21 Nov 2026. Reply R to stop"
        ).encode()
    )


def test_fields_come_in_order_each_once():
    text = "{b} {{no}} {a} {b} {还款日}"
    assert fields_of(text) == compile_template(text).fields == ("b", "a", "还款日")


def test_a_field_may_stand_twice():
    assert compile_template("{a}{b}{a}").render({"a": "1", "b": "2"}) == "121"


def test_text_without_fields_is_itself():
    assert compile_template("100% %s {{x}}").render({}) == "100% %s {x}"


@pytest.mark.requirement("A4")
@pytest.mark.parametrize("values", [{}, {"b": ""}, {"b": " \n"}, {"b": None}])
def test_a_missing_or_blank_field_stops_the_text_and_is_named(values: dict):
    for template in ("{a} {b}", "{b}"):
        with pytest.raises(MissingFields, match="Missing: b$") as caught:
            compile_template(template).render({"a": "1"} | values)
        assert caught.value.names == ("b",)


@pytest.mark.requirement("A4")
def test_all_missing_fields_are_named_at_once():
    with pytest.raises(MissingFields) as caught:
        compile_template("{a} {b} {c} {a}").render({"b": "x"})
    assert caught.value.names == ("a", "c")


def test_a_value_that_is_no_text_is_a_mistake_of_ours():
    with pytest.raises(TypeError, match="a: values are text"):
        compile_template("{a}").render({"a": 5})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("abc {name", 5),
        ("{", 1),
        ("a } b", 3),
        ("{{{name}", None),
        ("{{name}", 7),
        ("x{}", 2),
        ("{ name }", 1),
        ("{name.first}", 1),
        ("{name[0]}", 1),
        ("{name!r}", 1),
        ("{name:>9}", 1),
        ("{0}", 1),
        ("{a{b}}", 1),
        (" ", 1),
    ],
)
def test_a_bad_template_names_its_place(text: str, position: int | None):
    if position is None:
        assert compile_template(text).render({"name": "x"}) == "{x"
        return
    with pytest.raises(BadTemplate, match=f"Character {position}:") as caught:
        compile_template(text)
    assert caught.value.position == position


def test_a_field_that_nobody_fills_is_refused():
    with pytest.raises(BadTemplate, match="Character 8: there is no field “amuont”"):
        compile_template("{name} {amuont}", known={"name", "amount"})


def test_signature_and_footer_are_literal():
    compiled = compile_template("好", signature="{a}%s", footer="{b}%d")
    assert compiled.render({}) == "【{a}%s】好{b}%d"
    with pytest.raises(BadTemplate, match="signature"):
        compile_template("好", signature="【银行】")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("好。", "好。R"),
        ("ok", "ok R"),
        ("ok ", "ok R"),
        ("{a}", "x R"),
        ("ok\n", "ok\nR"),
    ],
)
def test_a_footer_is_set_off_from_latin_text(text: str, whole: str):
    assert compile_template(text, footer="R").render({"a": "x"}) == whole


@given(
    st.lists(st.tuples(st.text(max_size=12), NAMES), max_size=6), st.text(min_size=1)
)
def test_rendering_puts_each_value_at_its_place_and_nothing_else(
    pieces: list[tuple[str, str]], end: str
):
    values = {name: f"<{name}%s{{}}>" for _literal, name in pieces}
    doubled = [
        (text.replace("{", "{{").replace("}", "}}"), name) for text, name in pieces
    ]
    tail = end.replace("{", "{{").replace("}", "}}") + "."
    template = "".join(f"{text}{{{name}}}" for text, name in doubled) + tail
    expected = "".join(text + values[name] for text, name in pieces) + end + "."
    assert compile_template(template).render(values) == expected


@given(st.dictionaries(NAMES, FILLED, min_size=4))
def test_values_are_never_read_as_a_template(values: dict[str, str]):
    text = "".join(f"[{{{name}}}]" for name in values)
    expected = "".join(f"[{value}]" for value in values.values())
    assert compile_template(text).render(values) == expected


@given(st.text("{}a% ", max_size=12))
def test_any_text_compiles_or_is_refused_with_a_place(text: str):
    place = None
    try:
        compile_template(f"-{text}-")
    except BadTemplate as error:
        place = error.position
    if place is None:
        assert all(set(name) == {"a"} for name in fields_of(text))
    else:
        assert text[place - 2] in "{}"


@pytest.mark.parametrize(
    ("value", "english", "chinese"),
    [
        (Decimal("1234.5"), "1,234.50", "1,234.50"),
        (1234.5, "1,234.50", "1,234.50"),
        (0.285, "0.29", "0.29"),
        (Decimal("-1000000"), "-1,000,000.00", "-1,000,000.00"),
        (Decimal("1E+6"), "1,000,000.00", "1,000,000.00"),
        (30, "30", "30"),
        (1234, "1234", "1234"),
        (date(2026, 1, 5), "5 Jan 2026", "2026年1月5日"),
        (
            datetime(2026, 11, 21, 9, 5, tzinfo=UTC),
            "21 Nov 2026 09:05",
            "2026年11月21日 09:05",
        ),
        (" as given ", " as given ", " as given "),
        (None, "", ""),
    ],
)
def test_values_are_written_by_type(value: object, english: str, chinese: str):
    assert format_values({"v": value}, language="en") == {"v": english}
    assert format_values({"v": value}, language="zh-hans") == {"v": chinese}


def test_values_that_have_no_form_are_refused():
    for value in (True, [1], json.loads("{}")):
        with pytest.raises(TypeError):
            format_values({"v": value}, language="en")
    for value in (float("nan"), Decimal("Infinity")):
        with pytest.raises(ValueError, match="must be a number"):
            format_values({"v": value}, language="en")
