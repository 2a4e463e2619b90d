from __future__ import annotations

from itertools import product

import pytest
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from messaging import audience
from messaging.audience import Audience, Person
from messaging.proof import worst
from messaging.rendering import compile_template
from messaging.text import count_parts
from tests.builders import make_customer

# Plain, escaped, outside GSM-7 and outside UTF-16's first plane.
VALUES = st.text("ab{€您😀", min_size=1, max_size=40)
PEOPLE = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4)


class Named(Person):
    """A person whose name needs no key ring."""

    @property
    def name(self) -> str:  # type: ignore[override]
        return str(self.attributes["name"])  # type: ignore[index]


def people(rows: list[tuple[str, str]]) -> Audience:
    return Audience(
        [
            Named(n, str(n), "en", {"name": name, "city": city}, b"")
            for n, (name, city) in enumerate(rows)
        ]
    )


@given(PEOPLE, st.sampled_from(["", "x" * 50, "x" * 130, "您" * 40]))
def test_no_mixture_of_values_makes_more_parts(
    rows: list[tuple[str, str]], literal: str
):
    fields = ["name", "attribute_city"]
    compiled = compile_template(literal + "{name}{attribute_city}")
    for rule in ("gsm", "china"):
        most = worst(compiled, {}, people(rows), fields, rule)
        for name, city in product(*zip(*rows, strict=True)):
            text = compiled.render({"name": name, "attribute_city": city})
            assert count_parts(text, rule=rule).parts <= most.parts


@pytest.mark.django_db
def test_customers_are_read_by_one_bounded_statement(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: CaptureQueriesContext
):
    monkeypatch.setattr(audience, "SAMPLE", 3)
    made = [make_customer(language="en", name=f"N{n}") for n in range(5)]
    with django_assert_num_queries(1):
        found = Audience.speaking("en")
    assert [one.pk for one in found.people] == [one.pk for one in made[:1:-1]]
    assert found.people[0].name == "N4"


@pytest.mark.django_db
def test_of_the_newest_those_who_speak_the_language_are_looked_at():
    english, chinese = make_customer(language="en"), make_customer(language="zh-hans")
    assert [one.pk for one in Audience.speaking("en").people] == [english.pk]
    assert [one.pk for one in Audience.speaking("zh-hans").people] == [chinese.pk]
    assert len(Audience.speaking("cs").people) == 2
