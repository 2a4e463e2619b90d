"""D: from the link in an SMS to a stopped bonus hunter, over real HTTP.

Four customers hold the designated label, one does not. Each of the four gets the link;
one loses the label before clicking. Three sign up with a card number; the simulator's
people know their own: one as signed up, one another, one never picks up.
"""

from __future__ import annotations

import http.cookiejar
import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from backoffice.platform.models import Parameter
from campaigns import jobs
from campaigns.models import Activity, SignUp, Verification
from campaigns.pushes import start
from customers.models import Customer, CustomerLabel
from messaging.models import Call, CallbackRequest, Message
from tests.builders import (
    make_account,
    make_business_type,
    make_token,
    no_quiet_hours,
)
from tests.campaigns.sign_ups import make_activity, make_guest, make_sign_up
from tests.campaigns.world import join_group, make_event
from tests.simulator_process import SECRET, SimulatorProcess, running_simulator
from tracking.models import Click, DayRollup

pytestmark = pytest.mark.slow

PEOPLE = {
    "+8613800000001": {"answers": {"digits": "4719"}},
    "+8613800000002": {"answers": {"digits": "5630"}},
    "+8613800000003": {"picks_up": "no_answer"},
}
HONEST, HUNTER, AWAY, LEFT, STRANGER = (f"+861380000000{n}" for n in range(1, 6))


@pytest.fixture
def simulator(server: Any) -> Iterator[SimulatorProcess]:
    accounts = {channel: make_account(channel=channel) for channel in ("sms", "voice")}
    doors = {name: make_token(account) for name, account in accounts.items()}
    seed = {
        "people": PEOPLE,
        "receipt_url": f"{server.url}/callbacks/{doors['sms']}/receipts",
        "call_url": f"{server.url}/callbacks/{doors['voice']}/calls",
    }
    with running_simulator(seed) as process:
        for account in accounts.values():
            account.settings = {"url": process.url}
            account.set_secrets({"secret": SECRET})
            account.save()
        yield process


@pytest.mark.requirement("D1")
@pytest.mark.requirement("D2")
@pytest.mark.requirement("D5")
@pytest.mark.requirement("D6")
@pytest.mark.requirement("D7")
@pytest.mark.requirement("X1")
def test_a_bonus_hunter_is_stopped_and_nobody_else(
    simulator: SimulatorProcess, queued: Any
) -> None:
    no_quiet_hours()
    Parameter.objects.filter(name="call_retry_seconds").update(value=0)
    business_type = make_business_type("draws")
    activity = make_activity(business_type=business_type)
    customers = {phone: _member(phone, business_type) for phone in _everybody()}

    # The link goes to the labelled only, and the label counts again at the click.
    links = _push(activity, business_type, simulator, queued)
    assert set(links) == {HONEST, HUNTER, AWAY, LEFT}
    CustomerLabel.objects.filter(customer=customers[LEFT]).update(until=timezone.now())
    pages = {phone: _visit(link) for phone, link in links.items()}
    assert "You have signed up" not in pages[LEFT]
    assert "This page is not available" in pages[LEFT]

    # Three signed up and are called; each answers what that person knows.
    assert set(_statuses()) == {HONEST, HUNTER, AWAY}
    _run_until(lambda: "pending" not in _statuses().values(), queued)
    assert _statuses() == {
        HONEST: SignUp.Status.VERIFIED,
        HUNTER: SignUp.Status.INTERCEPTED,
        AWAY: SignUp.Status.UNVERIFIED,
    }
    assert Verification.objects.get(sign_up__customer=customers[AWAY]).attempts == 3

    # The stopped one reaches the page no more; clicks and sign-ups are behaviour.
    assert "This page is not available" in _open(links[HUNTER])[1]
    assert DayRollup.objects.filter(kind="sign_up").count() == 3


@pytest.mark.requirement("D5")
def test_the_wire_carries_the_script_and_the_number_and_no_answer(
    simulator: SimulatorProcess, queued: Any
) -> None:
    activity = make_activity()
    from_link = make_guest(phone=HUNTER)
    _sign_up_directly(activity, from_link, queued)
    (request,) = simulator.calls()
    assert set(request) == {"id", "to", "script", "answer_kind", "language"}
    assert request["to"] == HUNTER
    assert "4719" not in json.dumps(request | {"id": "", "to": ""})
    assert "6222" not in json.dumps(request)
    verification = Verification.objects.get()
    assert verification.question in request["script"]


def _everybody() -> tuple[str, ...]:
    return (HONEST, HUNTER, AWAY, LEFT, STRANGER)


def _member(phone: str, business_type: Any) -> Customer:
    label = "" if phone == STRANGER else "vip"
    customer = make_guest(phone=phone, label=label)
    join_group(customer, business_type)
    return customer


def _push(
    activity: Activity, business_type: Any, simulator: SimulatorProcess, queued: Any
) -> dict[str, str]:
    """Start the event; the link each number got, as the simulator took it."""
    event = make_event(
        business_type, text="{name}: {rate}% off, see {link}", activity=activity
    )
    start(event, by=None, now=timezone.now())
    queued.run_all()
    _run_until(lambda: not Message.objects.filter(status__lt=20).exists(), queued)
    found = {}
    for sms in simulator.outbox():
        link = re.search(r"http://\S+", sms["text"])
        assert link
        found[sms["to"]] = link[0]
    return found


def _visit(link: str) -> str:
    """Click, fill in the form where there is one, send it; the last page's text."""
    browser, page, address = _browse(link)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    if not token:
        return page
    answers = {"card": "6222 0000 4719", "csrfmiddlewaretoken": token[1]}
    request = urllib.request.Request(
        address, urlencode(answers).encode(), {"Referer": address}
    )
    with browser.open(request, timeout=60) as sent:
        return str(sent.read().decode())


def _browse(link: str) -> tuple[Any, str, str]:
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(jar)
    with browser.open(link, timeout=60) as page:
        return browser, page.read().decode(), page.url


def _open(link: str) -> tuple[str, str]:
    _browser, page, address = _browse(link)
    return address, page


def _sign_up_directly(activity: Activity, customer: Customer, queued: Any) -> None:
    make_sign_up(activity, customer, now=timezone.now())
    _run_until(lambda: Call.objects.filter(ended_at__isnull=False).exists(), queued)


def _statuses() -> dict[str, str]:
    rows = SignUp.objects.select_related("customer")
    return {str(row.customer.phone): row.status for row in rows}


def _run_until(done: Callable[[], bool], queued: Any, *, seconds: float = 120) -> None:
    """Do the workers' and the scheduler's part until it is so."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, _where_it_stands()
        queued.run_all()
        jobs.sweep_verifications()
        time.sleep(0.1)


def _where_it_stands() -> str:
    calls = list(Call.objects.values_list("status", "confidence", "due_at"))
    callbacks = list(CallbackRequest.objects.values_list("kind", "problem"))
    messages = list(Message.objects.values_list("status", "failure", "waiting"))
    return f"{calls} {callbacks} {messages} {Click.objects.count()}"
