from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from messaging.gate import Passed
from messaging.models import ProviderAccount, ProviderTemplate, Route, Stop
from messaging.models.route import prefixes_of
from messaging.routing import SLICE, Network, Way, assign, network
from tests.builders import make_account, make_template

NOW = timezone.now()
OFFER, NOTICE = 1, 2  # versions
TYPES = {OFFER: 10, NOTICE: 20}
MOBILE, UNICOM = "+8613400000000", "+8613000000000"


def way(name: str, **over: Any) -> Way:
    """An account with weight 50 and no routes."""
    kept = {key: over.pop(key) for key in ("routes", "versions") if key in over}
    values = {"pk": name, "weight": 50, "cost": None, "slow_until": None, **over}
    values["weight_now"] = max(0, values["weight"] - values.pop("lowered", 0))
    return Way(SimpleNamespace(**values), **kept)  # type: ignore[arg-type]


def message(phone: str = MOBILE, version: int = OFFER, **over: Any) -> Passed:
    return Passed(None, phone, b"", "{}", version, 0, True, **over)


def routed(*ways: Way, sms: Passed | None = None, count: int = 100 * SLICE) -> Any:
    net = Network(ways, TYPES)
    return assign([sms or message()] * count, net, now=NOW, dice=random.Random(7))


def names(*ways: Way, sms: Passed | None = None) -> set[str]:
    return {str(one.pk) for one, _passed in routed(*ways, sms=sms).ways}


def shares(*ways: Way, sms: Passed | None = None) -> dict[str, int]:
    """Per cent of many messages, rounded to tens."""
    count = 400 * SLICE
    found: Counter[str] = Counter()
    for one, passed in routed(*ways, sms=sms, count=count).ways:
        found[str(one.pk)] += len(passed)
    return {name: round(n * 10 / count) * 10 for name, n in found.items()}


# --- weights, health, prices ------------------------------------------------------------


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        pytest.param([way("a")], {"a": 100}, id="alone"),
        pytest.param([way("a"), way("b")], {"a": 50, "b": 50}, id="equals"),
        pytest.param(
            [way("a", weight=80), way("b", weight=20)], {"a": 80, "b": 20}, id="weights"
        ),
        pytest.param(
            [way("a", lowered=40), way("b", lowered=0)],
            {"a": 20, "b": 80},
            id="lowered by its health",
        ),
        pytest.param(
            [way("a", lowered=50), way("b")], {"b": 100}, id="lowered to nothing"
        ),
        pytest.param([way("a", lowered=50)], {"a": 100}, id="nobody else is there"),
        pytest.param(
            [way("dear", cost=Decimal("0.05")), way("cheap", cost=Decimal("0.04"))],
            {"cheap": 100},
            id="the cheaper of equals",
        ),
        pytest.param(
            [
                way("dear", cost=Decimal("0.05")),
                way("cheap", cost=Decimal("0.04"), lowered=20),
            ],
            {"cheap": 60, "dear": 40},
            id="what the cheaper lost goes to the next",
        ),
        pytest.param(
            [
                way("dear", cost=Decimal("0.05"), weight=80),
                way("cheap", cost=Decimal("0.04"), weight=20),
            ],
            {"dear": 80, "cheap": 20},
            id="weights that differ are meant",
        ),
        pytest.param(
            [way("a", cost=Decimal("0.05")), way("b", cost=None)],
            {"a": 50, "b": 50},
            id="a price that is not known says nothing",
        ),
    ],
)
def test_shares(ways: list[Way], expected: dict[str, int]) -> None:
    assert shares(*ways) == expected


# --- routes -------------------------------------------------------------------------------

CHINA_MOBILE = [(None, "+86134"), (None, "+86135")]


@pytest.mark.parametrize(
    ("sms", "expected"),
    [
        pytest.param(message(MOBILE), {"mobile"}, id="in the range"),
        pytest.param(message(UNICOM), {"china"}, id="in the wider range"),
        pytest.param(message("+85260000000"), {"general"}, id="in no range"),
        pytest.param(
            message("+85260000000", NOTICE), {"notices"}, id="by type before general"
        ),
        pytest.param(message(MOBILE, NOTICE), {"mobile"}, id="range before type"),
    ],
)
def test_most_specific_route_comes_first(sms: Passed, expected: set[str]) -> None:
    ways = [
        way("general"),
        way("mobile", routes=CHINA_MOBILE),
        way("china", routes=[(None, "+86")]),
        way("notices", routes=[(TYPES[NOTICE], "")]),
    ]
    assert names(*ways, sms=sms) == expected


def test_account_with_routes_takes_nothing_else() -> None:
    done = routed(way("hongkong", routes=[(None, "+852")]), count=3)
    assert (done.ways, len(done.unrouted)) == ([], 3)


def test_what_the_health_of_a_route_lost_goes_to_the_less_specific() -> None:
    ways = [way("mobile", routes=CHINA_MOBILE, lowered=30), way("general")]
    assert shares(*ways) == {"mobile": 40, "general": 60}


def test_a_chunk_is_divided_by_ranges() -> None:
    net = Network([way("mobile", routes=CHINA_MOBILE), way("general")], TYPES)
    done = assign([message(MOBILE), message(UNICOM)] * 10, net, now=NOW)
    assert {str(one.pk): {sms.phone for sms in some} for one, some in done.ways} == {
        "mobile": {MOBILE},
        "general": {UNICOM},
    }


def test_every_message_goes_exactly_once() -> None:
    ways = [way("a"), way("b"), way("c", routes=CHINA_MOBILE, lowered=20)]
    sms = [message(MOBILE, tried=n) for n in range(3)] * 700
    done = assign(sms, Network(ways, TYPES), now=NOW)
    assert sum(len(some) for _one, some in done.ways) == len(sms)


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("+852", ("+852",)),
        ("+86134-136", ("+86134", "+86135", "+86136")),
        ("+8619-21, +44；+1", ("+8619", "+8620", "+8621", "+44", "+1")),
        ("", ()),
    ],
)
def test_ranges_are_written_short(text: str, prefixes: tuple[str, ...]) -> None:
    assert prefixes_of(text) == prefixes


@pytest.mark.parametrize(
    "text", ["86134", "+86139-134", "+86a", "+1-9999", "+0", "+1-1"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        prefixes_of(text)


# --- what was tried before -------------------------------------------------------------------


def test_what_was_not_taken_goes_over_another() -> None:
    assert names(way("a"), way("b"), sms=message(tried="a")) == {"b"}


def test_what_was_not_taken_goes_there_again_where_nobody_else_is() -> None:
    assert names(way("a"), sms=message(tried="a")) == {"a"}


def test_what_is_bound_stays_whatever_the_health() -> None:
    ways = [way("a", lowered=50), way("b")]
    assert names(*ways, sms=message(tried="a", is_bound=True)) == {"a"}


def test_what_is_bound_waits_for_its_account() -> None:
    done = routed(way("b"), sms=message(tried="a", is_bound=True), count=1)
    assert len(done.unrouted) == 1


def test_account_that_took_nothing_a_moment_ago_is_left_alone() -> None:
    assert names(way("a", slow_until=NOW + timedelta(seconds=2)), way("b")) == {"b"}


def test_where_all_are_left_alone_the_first_to_wake_is_waited_for() -> None:
    soon, later = NOW + timedelta(seconds=2), NOW + timedelta(seconds=9)
    done = routed(way("a", slow_until=later), way("b", slow_until=soon))
    assert (done.resting_until, done.ways, done.unrouted) == (soon, [], [])


# --- read from the rows ------------------------------------------------------------------------


def usable(version_id: int) -> set[str]:
    net = network({version_id})
    done = assign([message(version=version_id)] * 2000, net, now=NOW)
    return {account.name for account, _some in done.ways}


@pytest.mark.django_db
def test_template_channel_takes_only_what_its_provider_approved() -> None:
    version, other = make_template(), make_template()
    cloud = make_account(name="cloud", transport="aliyun")
    ProviderTemplate.objects.create(
        version=version, account=cloud, sign_name="Bank", code="S1", state="approved"
    )
    assert usable(version.pk) == {"cloud"}
    assert usable(other.pk) == set()


@pytest.mark.django_db
def test_routes_of_types_are_read() -> None:
    version = make_template()
    make_account(name="general")
    own = make_account(name="own")
    Route.objects.create(account=own, message_type=version.template.message_type)
    assert usable(version.pk) == {"own"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"is_enabled": False}, {"weight": 0}, {"channel": "voice"}]
)
def test_account_that_is_not_to_be_used_is_not(change: dict[str, Any]) -> None:
    make_account(name="a", **change)
    assert usable(make_template().pk) == set()


@pytest.mark.django_db
def test_stopped_account_is_not_used() -> None:
    account = make_account(name="a")
    Stop.objects.create(target=f"account:{account.pk}", since=NOW, reason="test")
    assert usable(make_template().pk) == set()


@pytest.mark.django_db
def test_without_routes_one_statement_is_enough(django_assert_num_queries: Any) -> None:
    make_account()
    make_account()
    with django_assert_num_queries(1):
        network({1})
    assert ProviderAccount.objects.count() == 2
