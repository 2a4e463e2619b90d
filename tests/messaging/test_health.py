"""Errors and slow delivery move an account's weight (reliability.md 1, P8)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from backoffice.kit.ids import first_id, uuid7
from messaging.health import Counted, Move, Seen, breaks, decide, is_slow
from messaging.models import (
    AccountHealth,
    Message,
    ProviderAccount,
    Submission,
    WeightChange,
)
from messaging.watching import _move, set_weight, watch
from tests.builders import make_account, make_customer, make_message

NOW = timezone.now()
BAD, SLOW = Counted(60, 100, 60), Counted(30, 100, 900)
LIMITS = [
    {"errors": 50, "share": 0.05, "seconds": 60},
    {"errors": 3, "share": 0.5, "seconds": 900},
]
SLOWNESS = {"share": 0.15, "slower_than": 300, "seconds": 900, "least": 20}


# --- the decision -----------------------------------------------------------------------


def seen(**over: Any) -> Seen:
    values: dict[str, Any] = {"account": 1, "lowered": 0, "room": 50, **over}
    ago = values.pop("ago", None)
    moved = NOW - timedelta(seconds=ago) if ago is not None else None
    return Seen(**values, moved_at=moved)


WELL = seen(account=2)


def moves(*accounts: Seen) -> list[tuple[int, int, str]]:
    made = decide(accounts, step=10, back=timedelta(minutes=15), now=NOW)
    return [(move.account, move.lowered, move.why.value) for move in made]


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        pytest.param([seen(), WELL], [], id="all well"),
        pytest.param([seen(errors=BAD), WELL], [(1, 10, "errors")], id="errors"),
        pytest.param(
            [seen(errors=BAD, lowered=10, ago=59), WELL], [], id="once a minute"
        ),
        pytest.param(
            [seen(errors=BAD, lowered=10, ago=60), WELL],
            [(1, 20, "errors")],
            id="again after a minute",
        ),
        pytest.param([seen(slow=SLOW), WELL], [(1, 10, "slow")], id="slow"),
        pytest.param(
            [seen(slow=SLOW, lowered=10, ago=299), WELL], [], id="once in five minutes"
        ),
        pytest.param([seen(slow=SLOW)], [], id="nobody else"),
        pytest.param(
            [seen(slow=SLOW), seen(account=2, slow=SLOW)], [], id="all are slow"
        ),
        pytest.param(
            [seen(errors=BAD), seen(account=2, errors=BAD)], [], id="all have errors"
        ),
        pytest.param(
            [seen(errors=BAD), seen(account=2, slow=SLOW)],
            [(1, 10, "errors")],
            id="slow is better than errors",
        ),
        pytest.param(
            [seen(errors=BAD, lowered=45, room=5), WELL],
            [(1, 50, "errors")],
            id="not below nothing",
        ),
        pytest.param(
            [seen(errors=BAD, lowered=50, room=0, ago=3600), WELL],
            [],
            id="nothing left to take",
        ),
        pytest.param(
            [seen(lowered=30, ago=900), WELL], [(1, 20, "back")], id="drifts back"
        ),
        pytest.param([seen(lowered=30, ago=899), WELL], [], id="not yet"),
        pytest.param(
            [seen(lowered=5, ago=900), WELL], [(1, 0, "back")], id="back to its weight"
        ),
        pytest.param(
            [seen(lowered=30, ago=900, errors=BAD)], [], id="not back while it errs"
        ),
        pytest.param([seen(errors=BAD, is_pinned=True), WELL], [], id="held by staff"),
        pytest.param(
            [seen(errors=BAD), seen(account=2, is_pinned=True)],
            [(1, 10, "errors")],
            id="one held can take over",
        ),
    ],
)
def test_decision(accounts: list[Seen], expected: list[tuple[int, int, str]]) -> None:
    assert moves(*accounts) == expected


@pytest.mark.parametrize(
    ("minute", "quarter", "broken"),
    [
        pytest.param((51, 60), (51, 60), 0, id="many at once"),
        pytest.param((50, 60), (50, 200), None, id="not more than the limit"),
        pytest.param((51, 100_000), (51, 100_000), None, id="few of very many"),
        pytest.param((0, 0), (4, 6), 1, id="most of a trickle"),
        pytest.param((0, 0), (3, 3), None, id="too few to tell"),
        pytest.param((0, 0), (0, 0), None, id="nothing was sent"),
    ],
)
def test_limits_of_errors(
    minute: tuple[int, int], quarter: tuple[int, int], broken: int | None
) -> None:
    counted = [Counted(*minute, 60), Counted(*quarter, 900)]
    expected = None if broken is None else counted[broken]
    assert breaks(counted, LIMITS) == expected


@pytest.mark.parametrize(
    ("wrong", "of", "slow"),
    [(15, 100, True), (14, 100, False), (19, 19, False), (20, 20, True), (0, 0, False)],
)
def test_limit_of_slowness(wrong: int, of: int, slow: bool) -> None:
    assert (is_slow(Counted(wrong, of, 900), SLOWNESS) is not None) is slow


# --- what is counted ----------------------------------------------------------------------


def request(account: ProviderAccount, at: datetime, count: int, **over: Any) -> None:
    values = {"http_status": 200, "chunk_id": 1, "problem": "", **over}
    key = first_id(at).int | (uuid7().int & (1 << 80) - 1)
    Submission.objects.create(
        id=UUID(int=key), account=account, at=at, message_count=count, **values
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("over", "lowered"),
    [
        pytest.param({"http_status": 500}, 10, id="an error of the server"),
        pytest.param({"problem": "ServerTimeoutError"}, 10, id="no answer"),
        pytest.param({"http_status": 401}, 10, id="not let in"),
        pytest.param({"unknown_count": 51}, 10, id="an answer nobody understands"),
        pytest.param({"http_status": 429}, 0, id="a throttle"),
        pytest.param({"http_status": 400}, 0, id="a refused number"),
        pytest.param({}, 0, id="all is well"),
    ],
)
def test_what_counts_as_an_error(over: dict[str, Any], lowered: int) -> None:
    account, other = make_account(), make_account()
    request(account, NOW - timedelta(seconds=30), 60, **over)
    request(other, NOW - timedelta(seconds=30), 60)
    watch(NOW)
    account.refresh_from_db()
    other.refresh_from_db()
    assert (account.lowered, other.lowered) == (lowered, 0)


@pytest.mark.django_db
def test_a_move_is_written_down_with_what_was_counted() -> None:
    account, _other = make_account(), make_account()
    request(account, NOW - timedelta(seconds=30), 60, http_status=500)
    assert watch(NOW) == 1
    change = WeightChange.objects.get()
    assert (change.account, change.was, change.now) == (account, 50, 40)
    assert (change.why, change.by) == ("errors", None)
    assert change.counted == {"wrong": 60, "of": 60, "seconds": 60}


@pytest.mark.django_db
def test_errors_of_an_hour_ago_are_forgotten() -> None:
    account, _other = make_account(), make_account()
    request(account, NOW - timedelta(hours=1), 60, http_status=500)
    assert watch(NOW) == 0


@pytest.mark.django_db
def test_the_last_error_is_kept_for_staff() -> None:
    account = make_account()
    request(account, NOW - timedelta(seconds=50), 1, http_status=503)
    request(account, NOW - timedelta(seconds=20), 1)
    watch(NOW)
    health = AccountHealth.objects.get(account=account)
    assert (health.last_error, health.submitted, health.errors) == ("HTTP 503", 2, 1)


def deliveries(account: ProviderAccount, *, quick: int, late: int, silent: int) -> None:
    """SMS of ten minutes ago: delivered at once, after six minutes, or not yet."""
    sent = NOW - timedelta(minutes=10)
    kinds = [
        (quick, Message.Status.DELIVERED, sent + timedelta(seconds=9)),
        (late, Message.Status.DELIVERED, sent + timedelta(minutes=6)),
        (silent, Message.Status.SENT, None),
    ]
    for count, status, settled in kinds:
        for _n in range(count):
            message = make_message(
                make_customer(),
                account=account,
                status=status,
                sent_at=sent,
                settled_at=settled,
            )
            request(account, sent, 1, chunk_id=message.chunk_id)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "lowered"),
    [
        pytest.param({"quick": 18, "late": 4, "silent": 0}, 10, id="late"),
        pytest.param({"quick": 18, "late": 0, "silent": 4}, 10, id="silent"),
        pytest.param({"quick": 21, "late": 1, "silent": 1}, 0, id="quick enough"),
        pytest.param({"quick": 0, "late": 0, "silent": 22}, 0, id="never reports"),
        pytest.param({"quick": 3, "late": 9, "silent": 0}, 0, id="too few"),
    ],
)
def test_slow_delivery_lowers(given: dict[str, int], lowered: int) -> None:
    account, _other = make_account(), make_account()
    deliveries(account, **given)
    watch(NOW)
    account.refresh_from_db()
    assert account.lowered == lowered


@pytest.mark.django_db
def test_an_account_that_used_to_report_and_is_silent_is_slow() -> None:
    account, _other = make_account(), make_account()
    AccountHealth.objects.create(
        account=account, looked_at=NOW, delivered_at=NOW - timedelta(hours=1)
    )
    deliveries(account, quick=0, late=0, silent=22)
    assert watch(NOW) == 1


@pytest.mark.django_db
def test_looking_costs_the_same_for_many_requests(
    django_assert_max_num_queries: Any,
) -> None:
    account, other = make_account(), make_account()
    for n in range(50):
        request(account, NOW - timedelta(seconds=n), 100, http_status=500)
        request(other, NOW - timedelta(seconds=n), 100)
    with django_assert_max_num_queries(20):
        watch(NOW)


@pytest.mark.django_db
def test_a_weight_set_by_hand_holds_and_says_who_and_why(admin_user: Any) -> None:
    account = make_account(lowered=30)
    _other = make_account()
    set_weight(account, 80, is_pinned=True, by=admin_user, reason="contract")
    request(account, NOW, 60, http_status=500)
    assert watch(NOW + timedelta(seconds=30)) == 0
    account.refresh_from_db()
    change = WeightChange.objects.get()
    assert account.weight_now == 80
    assert (change.was, change.now, change.why) == (20, 80, "hand")
    assert (change.by, change.reason) == (admin_user, "contract")


@pytest.mark.django_db
def test_staff_who_were_quicker_win() -> None:
    account = make_account()
    stale = ProviderAccount.objects.get(pk=account.pk)
    ProviderAccount.objects.update(weight=90)
    move = Move(account.pk, 10, WeightChange.Why.ERRORS, BAD)
    assert (_move(stale, move, NOW), WeightChange.objects.count()) == (0, 0)
