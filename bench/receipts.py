"""`receipts_100`, `receipts_1`: receipts stored before the answer and applied, by the
hundred and one a request.

From the first request to the last message settled, over the real web server and workers;
each receipt names its SMS by the response code and the number (E4), one in twenty says
that it failed. Beside them the bare door of bench/limits/receipts.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone

from backoffice.kit.bulk import chunks, insert_rows
from backoffice.kit.crypto import blind_index, encrypt
from backoffice.kit.ids import uuid7
from bench import campaign, ground, world
from bench.results import Result
from messaging.models import (
    CallbackRequest,
    CallbackToken,
    Message,
    ProviderReference,
    Receipt,
)
from messaging.outbox import Draft, Order, enqueue

BATCHED, SINGLE = 400_000, 60_000
CONNECTIONS = 16
FILLED = "messaging_callbackrequest, messaging_failednumber, customers_suppression"


def run():
    return [
        _measured("receipts_100", BATCHED, 100),
        _measured("receipts_1", SINGLE, 1),
    ]


def _measured(name, count, each):
    bodies = Path(os.environ["VAR_DIR"]) / "receipts.jsonl"
    forget()
    reports = send(count)
    with bodies.open("w") as out:
        out.writelines(json.dumps(some) + "\n" for some in chunks(reports, each))
    bare = bare_rate(bodies)
    seconds = post(bodies)
    settled = Message.objects.filter(status__in=(40, 50)).count()
    assert settled == count, f"{settled} of {count} settled"
    assert Receipt.objects.filter(outcome="applied").count() == count
    bodies.unlink()
    return Result(name, count / seconds, "receipts/s", bare)


def bare_rate(bodies):
    os.environ["BARE_DSN"] = ground.DSN
    command = [sys.executable, "-m", "bench.limits.receipts", ground.DSN]
    with ground.web("bench.limits.receipts:application") as port:
        options = [str(port), str(bodies), str(CONNECTIONS)]
        return float(subprocess.check_output([*command, *options]))


def post(bodies):
    """Seconds from the first request until all of them are applied."""
    account = world.account()
    account.set_secrets({"secret": "bench"})
    account.save()
    path = f"/callbacks/{CallbackToken.issue(account)}/receipts"
    campaign.settle()
    with ground.web() as port, ground.workers(campaign.WORKERS):
        time.sleep(4)
        post = [
            "-m", "bench.postman", str(port), path, "bench", str(bodies), str(CONNECTIONS)
        ]  # fmt: skip
        began = float(subprocess.check_output([sys.executable, *post]))
        waiting = CallbackRequest.objects.filter(applied_at__isnull=True)
        ground.until(lambda: not waiting.exists(), seconds=300, every=0.02)
        return time.time() - began


def forget():
    campaign.forget_messages()
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {FILLED} CASCADE")


def send(count):
    """`count` SMS handed to the account; the reports that its provider will make."""
    reports = []
    for numbers in chunks(range(count), 5_000):
        reports += _chunk(numbers)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE messaging_message, messaging_providerreference")
    return reports


@transaction.atomic
def _chunk(numbers):
    now, account = timezone.now(), world.account()
    phones = [f"+8613{n:09d}" for n in numbers]
    drafts = [
        Draft(uuid7(), None, encrypt(phone, "phone"), blind_index(phone), {"name": "Customer"})
        for phone in phones
    ]  # fmt: skip
    order = Order(world.template().current, "bench", now, now + timedelta(days=1), wakes=False)  # fmt: skip
    chunk = enqueue(drafts, order, now=now)
    chunk.messages.update(
        status=20, account=account, attempts=1, parts=1, due_at=None, fenced_at=now, sent_at=now
    )  # fmt: skip
    codes = [f"s-{draft.id}" for draft in drafts]
    insert_rows(
        ProviderReference,
        ["reference", "phone_index", "message"],
        [(code, draft.phone_index, draft.id) for code, draft in zip(codes, drafts, strict=True)],
        same={"account": account.pk, "part": 1, "code": "OK"},
    )  # fmt: skip
    return [_report(*one) for one in zip(numbers, codes, phones, strict=True)]


def _report(n, code, phone):
    said = {"reference": code, "to": phone, "at": "2026-11-22T02:00:00+00:00"}
    if n % 20:
        return {**said, "status": "DELIVERED"}
    return {**said, "status": "FAILED", "error": "UNREACHABLE"}
