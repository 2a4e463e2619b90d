"""A partner system, over real HTTP: customers, behaviour, a notice, read to the end.

Nobody logs in: a key is all it has. Its two customers come first, then what they did,
then a notice to each by customer number alone. One is delivered; one number does not
exist, and the partner reads that too.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from backoffice.platform.models import Parameter
from campaigns.jobs import send_due_notices
from messaging.models import FailedNumber
from tests.builders import make_business_type
from tests.partner import make_api_client
from tests.simulator_process import SimulatorProcess
from tracking.models import TrackingRecord, UserGroup

pytestmark = pytest.mark.slow

REACHED, WRONG = "+8613800000001", "+8613800000099"  # 99: the number does not exist
SCOPES = ("customers:write", "notices:write", "behaviour:write", "messages:read")


class System:
    """The partner's side: JSON over HTTP, with its key."""

    def __init__(self, base: str) -> None:
        client, self._key = make_api_client(*SCOPES, name="Core Bank")
        self._base = f"{base}/api/v1/"

    def post(self, path: str, *items: dict[str, Any]) -> list[dict[str, Any]]:
        body = json.dumps({"items": items}).encode()
        found: list[dict[str, Any]] = self._ask(path, body)["results"]
        return found

    def get(self, path: str) -> Any:
        return self._ask(path, None)

    def _ask(self, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}"}
        if body:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self._base + path, body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@pytest.mark.requirement("A1")
@pytest.mark.requirement("A5")
@pytest.mark.requirement("A6")
@pytest.mark.requirement("C3")
@pytest.mark.requirement("E8")
def test_a_partner_sends_a_notice_and_reads_it_delivered(
    simulator: SimulatorProcess, server: Any, queued: Any
) -> None:
    Parameter.objects.filter(name="send_hour").update(value="00:00")
    make_business_type("household")
    partner = System(server.url)

    created = partner.post("customers/", _person("1", REACHED), _person("2", WRONG))
    assert [one["status"] for one in created] == ["created", "created"]

    did = partner.post("behaviour/", _payment("1", "2"))
    assert did == [{"index": 0, "status": "recorded"}]
    assert UserGroup.objects.filter(business_type__code="household").count() == 2

    notices = [_notice(number) for number in "12"]
    taken = partner.post("notices/", *notices)
    assert [one["status"] for one in taken] == ["scheduled", "scheduled"]
    again = partner.post("notices/", *notices)
    assert [one["id"] for one in again] == [one["id"] for one in taken]

    # The house's part: the day's notices go out, receipts come back.
    assert send_due_notices() == {"sent": 2, "held": 0}
    _run_until(
        lambda: _outcomes(partner) == {"n1": "delivered", "n2": "failed"}, queued
    )
    assert sorted(sms["to"] for sms in simulator.outbox()) == [REACHED, WRONG]

    # The partner reads each SMS: what happened, why, to whom, and no number.
    row = partner.get("notices/?client_reference=n2")["results"][0]
    sms = partner.get(f"messages/{row['message']}/")
    assert (sms["status"], sms["failure"]) == ("failed", "invalid_number")
    assert sms["customer"] == {"source": "core-bank", "external_id": "2"}
    assert sms["phone"] == "+86•••••••0099"
    assert [str(one.message_id) for one in FailedNumber.objects.all()] == [sms["id"]]
    assert partner.get("messages/?status=delivered&customer=1")["results"]

    # Who ordered an SMS stands with it.
    ordered = TrackingRecord.objects.values_list("requested_by", flat=True)
    assert list(ordered) == ["Core Bank", "Core Bank"]


def _person(number: str, phone: str) -> dict[str, Any]:
    return {"external_id": number, "phone": phone, "name": "Li Lei", "language": "en"}


def _payment(*numbers: str) -> dict[str, Any]:
    """One record that names several users (C2)."""
    now = timezone.now().isoformat()
    return {"record_key": "p1", "external_ids": numbers, "at": now} | {
        "business_type": "household",
        "amount": "1500.00",
    }


def _notice(number: str) -> dict[str, Any]:
    who = {"external_id": number, "source": "core-bank"}
    return who | {
        "client_reference": f"n{number}",
        "amount": "1200.50",
        "due_on": timezone.localdate().isoformat(),
        "text": "refund failed",
    }


def _outcomes(partner: System) -> dict[str, str]:
    rows = partner.get("notices/")["results"]
    return {row["client_reference"]: row["message_status"] for row in rows}


def _run_until(done: Callable[[], bool], queued: Any, *, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        queued.run_all()
        time.sleep(0.1)
