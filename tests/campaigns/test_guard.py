from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.guard import ActivityFacts, admit

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
SPRING = ActivityFacts(labels=frozenset({"vip", "gold"}), starts_at=START, ends_at=END)


def page(*held: str, at: datetime = START, **over: bool) -> str:
    facts = {"blocked": False, "signed_up": False} | over
    return admit(SPRING, held, now=at, **facts)


@pytest.mark.requirement("D2")
def test_one_designated_label_of_several_opens_the_sign_up() -> None:
    assert page("gold", "household") == "sign_up"


@pytest.mark.requirement("D2")
@pytest.mark.parametrize("held", [(), ("household",), ("VIP",)])
def test_without_a_designated_label_it_is_the_other_page(held: tuple[str, ...]) -> None:
    assert page(*held) == "other"


@pytest.mark.requirement("D2")
def test_an_activity_without_labels_is_open_to_nobody() -> None:
    nobody = ActivityFacts(frozenset(), START, END)
    admitted = admit(nobody, {"vip"}, blocked=False, signed_up=False, now=START)
    assert admitted == "other"


@pytest.mark.requirement("D7")
def test_a_stopped_person_sees_what_a_stranger_sees() -> None:
    assert page("vip", blocked=True, signed_up=True) == page()


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (START - timedelta(seconds=1), "closed"),
        (START, "sign_up"),
        (END - timedelta(seconds=1), "sign_up"),
        (END, "closed"),
    ],
)
def test_it_is_open_from_its_start_until_its_end(at: datetime, expected: str) -> None:
    assert page("vip", at=at) == expected


def test_a_second_visit_after_signing_up_is_done() -> None:
    assert page("vip", signed_up=True, at=END) == "done"


def test_who_lost_the_label_is_not_told_of_the_sign_up() -> None:
    assert page(signed_up=True) == "other"
