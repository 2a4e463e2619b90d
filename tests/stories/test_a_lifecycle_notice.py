"""A: notices come in by form, file and API, go out on their day, and fail and recover.

Three come in right: one by each door. Two are held: a text of two types, and one whose
day went by. One more waits for tomorrow. One number does not exist: staff correct it.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backoffice.platform import imports
from backoffice.platform.models import ApiClient, Import, Parameter, UploadedFile
from campaigns.jobs import send_due_notices
from campaigns.models import Notice
from messaging.models import FailedNumber, Message
from tests.builders import make_account, make_customer, make_token
from tests.simulator_process import SECRET, SimulatorProcess, running_simulator

pytestmark = pytest.mark.slow

BY_FORM, BY_FILE, BY_API = "+8613800000001", "+8613800000002", "+8613800000003"
WRONG, RIGHT = "+8613800000099", "+8613800000004"  # 99: the number does not exist
LIST = "/admin/campaigns/notice/"
FAILED = "/admin/messaging/failednumber/"


@pytest.fixture
def simulator(server: Any) -> Iterator[SimulatorProcess]:
    account = make_account(signature="示例银行")
    token = make_token(account)
    with running_simulator(
        {"receipt_url": f"{server.url}/callbacks/{token}/receipts"}
    ) as process:
        account.settings = {"url": process.url}
        account.set_secrets({"secret": SECRET})
        account.save()
        yield process


@pytest.mark.requirement("A1")
@pytest.mark.requirement("A2")
@pytest.mark.requirement("A3")
@pytest.mark.requirement("A4")
@pytest.mark.requirement("A5")
@pytest.mark.requirement("A6")
def test_notices_go_out_on_their_day_and_a_wrong_number_is_put_right(
    simulator: SimulatorProcess, server: Any, admin_client: Client, queued: Any
) -> None:
    Parameter.objects.filter(name="send_hour").update(value="00:00")
    Parameter.forget()
    today = timezone.localdate()
    gone = make_customer(phone=WRONG, external_id="C99", name="赵六")

    # Three doors.
    for door in (_by_form, _by_file, _by_api):
        door(today, admin_client, server.url)
    assert _statuses() == {
        "还款提醒": "scheduled",
        "refund failed": "scheduled",
        "放款成功，退款失败": "held",
        "还款到账": "scheduled",
        "放款失败": "held",
        "调账到账": "scheduled",
        "还款即将到期": "scheduled",
    }
    assert not simulator.outbox()

    # Its day: what is certain goes out, each text the type's own, filled.
    assert send_due_notices() == {"sent": 4, "held": 0}
    _run_until(_settled, queued)
    texts = {sms["to"]: sms["text"] for sms in simulator.outbox()}
    day = f"{today.year}年{today.month}月{today.day}日"
    assert texts == {
        BY_FORM: f"【示例银行】尊敬的张伟，您的还款1,234.50元将于{day}到期，"
        "请提前在还款账户存足款项。",
        BY_FILE: "【示例银行】Dear Jan, your refund of CNY 20.00 could not be made. "
        "Please check your account details in the app.",
        BY_API: "【示例银行】尊敬的王芳，您的还款300.00元已到账，感谢您的支持。",
        WRONG: "【示例银行】尊敬的赵六，您的调账款项8.00元已到账，请查收。",
    }
    assert _delivered() == {BY_FORM, BY_FILE, BY_API}

    # One number is wrong: listed with its reason, corrected, sent again.
    failed = FailedNumber.objects.get()
    assert (failed.phone, failed.failure) == (WRONG, "invalid_number")
    assert "number does not exist" in admin_client.get(FAILED).content.decode()
    _correct_and_send_again(admin_client, failed)
    _run_until(_settled, queued)
    assert _delivered() == {BY_FORM, BY_FILE, BY_API, RIGHT}
    gone.refresh_from_db()
    assert gone.phone == RIGHT

    # Nobody got anything twice; tomorrow's notice still waits.
    assert max(simulator.accepted(pk) for pk in _ids()) == 1
    assert _statuses()["还款即将到期"] == "scheduled"
    assert send_due_notices() == {"sent": 0, "held": 0}


def _by_form(today: date, client: Client, _url: str) -> None:
    filled = {"name": "张伟", "phone": "138 0000 0001", "amount": "1234.50"}
    for text, send_on in (("还款提醒", today), ("还款即将到期", today + timedelta(1))):
        more = {"due_on": today, "send_on": send_on, "text": text}
        assert client.post(f"{LIST}add/", filled | more).status_code == 302


def _by_file(today: date, _client: Client, _url: str) -> None:
    lines = [
        "name,phone,amount,day,text,language",
        f"Jan,13800000002,20,{today},refund failed,en",
        f"Eva,13800000005,20,{today},放款成功，退款失败,zh-hans",
    ]
    file = UploadedFile.keep("notices.csv", "\n".join(lines).encode("gb18030"))
    names = ("name", "phone", "amount", "text", "language")
    columns = {name: name for name in names} | {"send_on": "day"}
    import_ = Import.objects.create(target="notices", file=file, columns=columns)
    imports.check(import_)
    assert imports.start(import_)
    assert imports.commit(import_.pk, now=timezone.now())


def _by_api(today: date, _client: Client, url: str) -> None:
    partner = ApiClient(name="Core bank", scopes=["notices:write"])
    key = partner.issue_key()
    partner.save()
    day, yesterday = today.isoformat(), (today - timedelta(1)).isoformat()
    items = [
        {"name": "王芳", "phone": BY_API, "amount": "300", "text": "还款到账"},
        {"phone": BY_API, "name": "王芳", "amount": "1", "text": "放款失败"},
        # All but the amount is the customer's.
        {"external_id": "C99", "source": "bank", "amount": "8", "text": "调账到账"},
    ]
    days = (day, yesterday, day)
    for n, (item, send_on) in enumerate(zip(items, days, strict=True)):
        item |= {"client_reference": f"n{n}", "send_on": send_on}
    for _repeat in range(2):
        request = urllib.request.Request(
            f"{url}/api/v1/notices/",
            json.dumps({"items": items}).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert len(json.load(answer)["results"]) == 3


def _correct_and_send_again(client: Client, failed: FailedNumber) -> None:
    client.post(
        f"{FAILED}{failed.pk}/correct/", {"confirmed": "yes", "phone": "13800000004"}
    )
    chosen = {"action": "send_again", "_selected_action": [failed.pk]}
    page = client.post(FAILED, chosen)
    assert ("SMS to send", 1) in page.context["facts"]
    client.post(FAILED, {**page.context["hidden"], "confirmed": "yes"})


def _statuses() -> dict[str, str]:
    return {notice.text: notice.status for notice in Notice.objects.all()}


def _settled() -> bool:
    return not Message.objects.filter(status__lt=Message.Status.FAILED).exists()


def _delivered() -> set[str]:
    delivered = Message.objects.filter(status=Message.Status.DELIVERED)
    return {message.phone for message in delivered}


def _ids() -> list[Any]:
    return list(Message.objects.values_list("pk", flat=True))


def _run_until(done: Callable[[], bool], queued: Any, *, seconds: float = 120) -> None:
    """Do the workers' part until it is so."""
    end = time.monotonic() + seconds
    while not done():
        stands = list(Message.objects.values_list("status", "failure", "waiting"))
        assert time.monotonic() < end, stands
        queued.run_all()
        time.sleep(0.1)
