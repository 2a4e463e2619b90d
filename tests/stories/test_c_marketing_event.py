"""C: from a behaviour file to delivered SMS, all of it configured in the admin.

A file of payments is scanned; its users fall into the groups "household" and "loans".
Staff declare a kind of event, a push standard and an event for household payers with at
least two payments over 1,000. Of seven payers three get the SMS; one number is dead.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import jobs as campaign_jobs
from campaigns.models import EventType, MarketingEvent, Push, PushStandard
from customers.models import Suppression
from messaging.models import Message, Template
from tests.builders import (
    make_business_type,
    make_customer,
    make_message_type,
    make_source,
    make_template,
    no_quiet_hours,
)
from tests.campaigns.world import leaf
from tests.simulator_process import SimulatorProcess
from tracking import jobs as tracking_jobs
from tracking.models import DayRollup, TrackingRecord, UserGroup

pytestmark = pytest.mark.slow

BUYER, OTHER, DEAD = "+8613800000001", "+8613800000002", "+8613800000099"
SAVER, SILENT, GONE = "+8613800000003", "+8613800000004", "+8613800000005"
PAYERS = {"BUYER", "OTHER", "DEAD", "SAVER", "SILENT", "GONE", "TWIN"}
EXPLAINED = {
    "SAVER": "number >= 2: 1 (no)",
    "BORROWER": "no behaviour in Household",
    "DEAD": "number does not exist",
    "BUYER": "delivered",
}
CAMPAIGNS = "/admin/campaigns"
TREE = [
    {
        "name": "channel",
        "value": "sms",
        "children": [{"name": "spot", "value": "autumn"}],
    }
]


@pytest.mark.requirement("C1")
@pytest.mark.requirement("C2")
@pytest.mark.requirement("C3")
@pytest.mark.requirement("C4")
@pytest.mark.requirement("C5")
@pytest.mark.requirement("C6")
@pytest.mark.requirement("C7")
@pytest.mark.requirement("E7")
@pytest.mark.requirement("X1")
@pytest.mark.requirement("X2")
def test_payers_in_a_file_become_the_target_group_of_an_event(
    simulator: SimulatorProcess, staff_client: Client, queued: Any, tmp_path: Path
) -> None:
    _customers()

    # A file of behaviour becomes the user-group table.
    _scan_payments(tmp_path)
    assert _group("household") == PAYERS
    assert _group("loans") == {"BORROWER", "BUYER"}

    # Staff configure a kind of event, a standard and an event of that kind.
    _add_event_type(staff_client)
    _add_standard(staff_client)
    event = _add_event(staff_client)
    assert event.parameters == {"rate": "5", "until": "2026-12-01"}

    # Estimated, with each exclusion and a masked sample; started once.
    push = _estimate_and_start(staff_client, event)
    left_out = {"standard": 1, "consent": 1, "suppressed": 1, "same_phone": 1}
    assert push.excluded == left_out

    # The workers do the rest; receipts come back over the callback door.
    _run_until(_settled, queued)
    texts = {sms["to"]: sms["text"] for sms in simulator.outbox()}
    assert set(texts) == {BUYER, OTHER, DEAD}
    text = "Dear Li Lei, 5% off until 1 Dec 2026. Reply STOP to opt out"
    assert texts[BUYER] == text
    ids = Message.objects.values_list("pk", flat=True)
    assert [simulator.accepted(pk) for pk in ids] == [1, 1, 1]
    assert [one.parameters.tree for one in TrackingRecord.objects.all()] == [TREE] * 3

    # The push page shows what came of it; a delivery is behaviour, too.
    assert campaign_jobs.sweep_pushes()["done"] == 1
    page: Any = staff_client.get(f"{CAMPAIGNS}/push/{push.pk}/change/")
    assert page.context["progress_rows"] == [("failed", 1), ("delivered", 2)]
    tracking_jobs.read_messaging()
    assert DayRollup.objects.filter(kind="delivery").count() == 2

    # Anybody's case is explained.
    for number, words in EXPLAINED.items():
        assert words in _why(staff_client, event, number)


def _customers() -> None:
    """And no quiet hours, whatever the time of the test."""
    no_quiet_hours()
    for code in ("household", "loans"):
        make_business_type(code)
    people = {"BUYER": BUYER, "OTHER": OTHER, "DEAD": DEAD, "SAVER": SAVER}
    people |= {"SILENT": SILENT, "GONE": GONE, "TWIN": BUYER}
    for number, phone in people.items():
        make_customer(external_id=number, phone=phone, consent=number != "SILENT")
    make_customer(external_id="BORROWER")
    Suppression.add(GONE, scope="marketing", reason="TD", now=timezone.now())


def _scan_payments(folder: Path) -> None:
    """Two payments of 1,500 for each payer; SAVER has one. One row names two users."""
    day = timezone.now().date() - timedelta(days=10)
    payers = sorted(PAYERS - {"SAVER"})
    lines = [f"{user};household;1500.00;{day}" for user in payers * 2]
    lines += [f"SAVER;household;1500.00;{day}", f"BORROWER,BUYER;loans;9000;{day}"]
    path = folder / "payments.csv"
    path.write_text("\n".join(["user;type;sum;day", *lines]))
    os.utime(path, (time.time() - 3600,) * 2)  # nobody is writing it any more
    columns = {"external_id": "user", "business_type": "type", "amount": "sum"}
    make_source(url=f"file://{folder}", columns=columns | {"at": "day"})
    assert tracking_jobs.scan_sources()["records"] == 15


def _estimate_and_start(client: Client, event: MarketingEvent) -> Push:
    address = f"{CAMPAIGNS}/marketingevent/{event.pk}/start/"
    page: Any = client.get(address)
    facts = dict(page.context["facts"])
    assert (facts["Initial group"], facts["Target group"]) == (7, 3)
    assert facts["– does not meet the push standard"] == 1
    assert "L• L••" in page.context["sample"]
    assert not Message.objects.exists()
    for _click in range(2):
        client.post(address, {"confirmed": "yes", **page.context["hidden"]})
    return Push.objects.get()


def _group(code: str) -> set[str]:
    members = UserGroup.objects.filter(business_type__code=code)
    return set(members.values_list("customer__external_id", flat=True))


def _add_event_type(client: Client) -> None:
    household = make_business_type("household")
    form: dict[str, Any] = {
        "code": "cashback",
        "name": "Cashback",
        "business_types": [household.pk],
        "message_type": make_message_type("offer").pk,
        "parameters-TOTAL_FORMS": "2",
        "parameters-INITIAL_FORMS": "0",
    }
    for n, (name, kind) in enumerate((("rate", "number"), ("until", "date"))):
        row = {"name": name, "label": name.title(), "kind": kind, "choices": "[]"}
        row |= {"is_required": "on", "position": str(n)}
        form |= {f"parameters-{n}-{key}": value for key, value in row.items()}
    _post(client, "eventtype/add/", form)


def _add_standard(client: Client) -> None:
    criteria = leaf(value=2, where={"amount": [">", "1000"]})
    form = {"name": "Payers", "criteria": json.dumps(criteria)}
    _post(client, "pushstandard/add/", form)


def _add_event(client: Client) -> MarketingEvent:
    make_template("Dear {name}, {rate}% off until {until}.")
    form = {
        "name": "Autumn cashback",
        "requested_by": "cards",
        "holdout_percent": "0",
        "template": Template.objects.get(message_type__code="offer").pk,
        "standard": PushStandard.objects.get().pk,
        "parameter_rate": "5",
        "parameter_until": "2026-12-01",
        "tracking": "channel=sms\n  spot=autumn",
    }
    kind = EventType.objects.get(code="cashback")
    _post(client, f"marketingevent/add/?event_type={kind.pk}", form)
    return MarketingEvent.objects.get()


def _post(client: Client, address: str, form: dict[str, Any]) -> None:
    answer: Any = client.post(f"{CAMPAIGNS}/{address}", form)
    assert answer.status_code == 302, answer.context["errors"]


def _why(client: Client, event: MarketingEvent, number: str) -> str:
    address = f"{CAMPAIGNS}/marketingevent/{event.pk}/explain/"
    page: Any = client.post(address, {"customer": number})
    return " ".join(str(sentence) for _who, sentence in page.context["facts"])


def _settled() -> bool:
    open_ones = Message.objects.filter(status__lt=Message.Status.FAILED)
    return Message.objects.exists() and not open_ones.exists()


def _run_until(done: Callable[[], bool], queued: Any, *, seconds: float = 120) -> None:
    """Do the workers' part until it is so."""
    end = time.monotonic() + seconds
    while not done():
        stands = list(Message.objects.values_list("status", "failure", "waiting"))
        assert time.monotonic() < end, stands
        queued.run_all()
        time.sleep(0.1)
