"""E: one SMS with a link, from its id to the reply, found again by whatever is known of it."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from messaging.models import InboundMessage, Message, ProviderReference
from messaging.outbox import Order, enqueue
from tests.builders import (
    make_account,
    make_business_type,
    make_customer,
    make_draft,
    make_template,
    make_token,
)
from tests.simulator_process import SECRET, SimulatorProcess, running_simulator
from tracking.clicks import take_clicks
from tracking.codes import new_codes
from tracking.links import short_url
from tracking.models import Click, DayRollup, TrackingRecord
from tracking.records import Track, Tracking, record

pytestmark = pytest.mark.slow

ANSWERS, SILENT = "+8613800000076", "+8613800000001"  # 76: this person replies
TREE = [
    {
        "name": "channel",
        "value": "autumn",
        "children": [{"name": "spot", "value": "sms-1", "children": []}],
    },
    {"name": "team", "value": "cards", "children": []},
]


@pytest.fixture
def simulator(server: Any) -> Iterator[SimulatorProcess]:
    account = make_account(signature="Bank")
    base = f"{server.url}/callbacks/{make_token(account)}"
    seed = {"receipt_url": f"{base}/receipts", "reply_url": f"{base}/replies"}
    with running_simulator(seed) as process:
        account.settings = {"url": process.url}
        account.set_secrets({"secret": SECRET})
        account.save()
        yield process


@pytest.mark.requirement("E1")
@pytest.mark.requirement("E2")
@pytest.mark.requirement("E3")
@pytest.mark.requirement("E4")
@pytest.mark.requirement("E5")
@pytest.mark.requirement("E6")
@pytest.mark.requirement("E7")
@pytest.mark.requirement("E8")
@pytest.mark.requirement("E9")
@pytest.mark.requirement("X1")
def test_an_sms_is_followed_to_its_end_and_found_by_everything_known_of_it(
    simulator: SimulatorProcess, server: Any, admin_client: Client, queued: Any
) -> None:
    business_type = make_business_type("cards")
    message, other = _order(business_type)
    code = message.tracking.code
    assert len({message.pk, other.pk, code, other.tracking.code}) == 4

    # Sent: the short link is in the text, the response code is kept against the SMS id.
    queued.run_all()
    texts = {sms["to"]: sms["text"] for sms in simulator.outbox()}
    assert texts[ANSWERS] == f"【Bank】Li Lei, look: {short_url(code)}"
    reference = ProviderReference.objects.get(message=message).reference

    # Delivered, replied, clicked; each finds its own SMS.
    _run_until(lambda: InboundMessage.objects.exists() and _all_delivered(), queued)
    _click(short_url(code))
    assert take_clicks() == 1
    message.refresh_from_db()
    assert (message.status, str(message.state)) == (50, "replied")
    assert InboundMessage.objects.get().message == message
    assert Click.objects.get().message == message
    assert Click.objects.get().parameters.tree == TREE
    assert DayRollup.objects.filter(kind="click", business_type=business_type).exists()

    # Found by whatever is known of it, and by the number as people write it.
    page = _page_of(admin_client, str(message.pk))
    known = (message.pk.hex, "138 0000 0076", reference, code, short_url(code))
    assert all(_page_of(admin_client, word) == page for word in known)
    assert _listed(admin_client, "spot=sms-1") == {message.pk, other.pk}
    _check_page(admin_client.get(page), code, reference)


def _check_page(response: Any, code: str, reference: str) -> None:
    """The whole life on one page, in the order of time, without the number."""
    told = [moment.what for moment in response.context["life"].moments]
    assert told[:2] == ["SMS made", "Passed our rules, handed over"]
    assert set(told[2:4]) == {"Provider answered", "Sent: response code"}
    assert set(told[4:6]) == {"Receipt", "Reply"}
    assert told[6:] == ["Link opened"]
    shown = response.content.decode()
    words = ("Operations desk", code, reference, "autumn", "thanks", "Cards")
    assert [word for word in words if word not in shown] == []
    assert "13800000076" not in shown


def _listed(client: Client, word: str) -> set[Any]:
    response = client.post("/admin/tracking/trackingrecord/life/", {"q": word})
    return {row.pk for row, _url in response.context["found"]}


def _order(business_type: Any) -> list[Message]:
    """Two SMS with a link code each, ordered by the operations desk."""
    now = timezone.now()
    people = [make_customer(phone=phone) for phone in (ANSWERS, SILENT)]
    codes = new_codes(2)
    drafts = [
        make_draft(person, link=short_url(code))
        for person, code in zip(people, codes, strict=True)
    ]
    version = make_template("{name}, look: {link}", type_code="repayment_reminder")
    order = Order(version, "test", now, now + timedelta(days=1), business_type.pk)
    tracking = Tracking(
        "Operations desk",
        target=f"{short_url('')}nowhere",
        tree=TREE,
        business_type_id=business_type.pk,
    )
    tracks = [
        Track(draft.id, draft.customer_id, code)
        for draft, code in zip(drafts, codes, strict=True)
    ]
    enqueue(drafts, order, now=now)
    record(tracks, tracking, now=now)
    records = TrackingRecord.objects.select_related("message")
    return [records.get(code=code).message for code in codes]


def _all_delivered() -> bool:
    return not Message.objects.exclude(status=Message.Status.DELIVERED).exists()


def _click(url: str) -> None:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_args: Any) -> None:
            return None

    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.build_opener(Stay).open(url, timeout=60)
    assert answer.value.code == 302


def _page_of(client: Client, word: str) -> str:
    response = client.post("/admin/tracking/trackingrecord/life/", {"q": word})
    assert response.status_code == 302, word
    return str(response.headers["Location"])


def _run_until(done: Callable[[], bool], queued: Any, *, seconds: float = 120) -> None:
    """Do the workers' part until it is so."""
    end = time.monotonic() + seconds
    while not done():
        stands = list(Message.objects.values_list("status", "failure", "waiting"))
        assert time.monotonic() < end, stands
        queued.run_all()
        time.sleep(0.1)
