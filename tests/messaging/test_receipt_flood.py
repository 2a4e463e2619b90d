"""Receipts by the thousand, in any order, any number of times: one end (E4)."""

from __future__ import annotations

import json
import threading
import time
from random import Random
from typing import NamedTuple

import pytest
from django.db import connection, transaction
from django.utils import timezone

from backoffice.kit.bulk import insert_rows
from backoffice.kit.crypto import key_ring
from messaging import inbox, parked
from messaging.callbacks import BODY
from messaging.models import (
    CallbackRequest,
    Chunk,
    FailedNumber,
    Message,
    ProviderReference,
    Receipt,
)
from tests.builders import make_account, make_chunk, make_customer, make_template

Status = Message.Status
# What a provider says of one SMS, in its order.
HISTORIES = (
    ("ACCEPTED", "DELIVERED"),
    ("ACCEPTED", "FAILED"),
    ("DELIVERED",),
    ("FAILED", "DELIVERED"),
    ("DELIVERED", "FAILED"),
    ("ACCEPTED",),
)


class Sms(NamedTuple):
    code: str
    phone: str
    phone_index: bytes
    id: object


class Line:
    """An account with SMS of all histories, none of their response codes known yet."""

    def __init__(self, size: int) -> None:
        self.account = make_account()
        people, version = [make_customer() for _n in range(100)], make_template()
        origin = f"line {self.account.pk}"
        for _chunk in range(0, size, len(people)):
            make_chunk(*people, version=version, origin=origin)
        self.messages = Message.objects.filter(
            chunk__in=Chunk.objects.filter(origin=origin)
        )
        self.messages.update(status=Status.SENT, account=self.account)
        rows = self.messages.order_by("pk").values_list("phone", "phone_index", "pk")
        self.sms = [
            Sms(f"r{n}", phone, bytes(index), pk)
            for n, (phone, index, pk) in enumerate(rows[:size])
        ]

    def learn(self, sms):
        """Commit their response codes, as the sending path does."""
        rows = [(one.code, one.phone_index, one.id) for one in sms]
        same = {"account": self.account.pk, "part": 1, "code": "OK"}
        insert_rows(
            ProviderReference,
            ["reference", "phone_index", "message"],
            rows,
            same=same,
        )

    def reports(self):
        return [
            {"reference": sms.code, "to": sms.phone, "status": word, "error": "BLOCKED"}
            for n, sms in enumerate(self.sms)
            for word in HISTORIES[n % len(HISTORIES)]
        ]

    def bring(self, reports, dice):
        """Store them as the door does, a few or a hundred a request."""
        bodies = []
        while reports:
            size = dice.choice([1, 7, 100])
            bodies.append(json.dumps(reports[:size]).encode())
            reports = reports[size:]
        CallbackRequest.objects.bulk_create(
            CallbackRequest(
                account=self.account,
                kind="receipts",
                body=key_ring().encrypt_bytes(body, BODY),
                received_at=timezone.now(),
            )
            for body in bodies
        )

    def end(self):
        """What became of every SMS, and whose numbers are listed as failed."""
        fields = ("pk", "status", "failure")
        states = {pk: rest for pk, *rest in self.messages.values_list(*fields)}
        listed = FailedNumber.objects.filter(message__in=self.messages)
        failed = dict(listed.values_list("message_id", "failure"))
        return [(*states[sms.id], failed.get(sms.id)) for sms in self.sms]


def apply_all():
    inbox.apply_waiting(timezone.now(), rounds=1000)


def in_order(size):
    line = Line(size)
    line.learn(line.sms)
    line.bring(line.reports(), Random(1))
    apply_all()
    return line


def tripled(line, dice):
    return dice.sample(line.reports() * 3, k=len(line.reports()) * 3)


@pytest.mark.django_db
@pytest.mark.requirement("E4")
def test_ten_thousand_receipts_tripled_and_shuffled_end_as_in_order():
    straight, line, dice = in_order(6_000), Line(6_000), Random(7)
    reports = tripled(line, dice)
    assert len(reports) == 30_000
    # One in ten reports comes before our own commit of its response code.
    line.learn(line.sms[600:])
    line.bring(reports[:20_000], dice)
    apply_all()
    assert Receipt.objects.filter(outcome="parked").exists()
    line.learn(line.sms[:600])
    line.bring(reports[20_000:], dice)
    apply_all()
    parked.match_young(timezone.now())
    assert line.end() == straight.end()
    kept = Receipt.objects.filter(account=line.account)
    assert kept.count() == len(reports)
    assert not kept.filter(message__isnull=True).exists()


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_neither_deadlock_nor_lose_a_receipt(monkeypatch):
    for limit in ("FIRST_REQUESTS", "MOST_REQUESTS"):
        monkeypatch.setattr(inbox, limit, 5)  # so that they meet
    straight, line, dice = in_order(300), Line(300), Random(8)
    line.learn(line.sms)
    reports = tripled(line, dice)
    line.bring(reports, dice)
    failed = []

    def work():
        try:
            for _round in range(40):
                inbox.apply_waiting(timezone.now(), rounds=1)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed
    assert line.end() == straight.end()
    assert Receipt.objects.filter(account=line.account).count() == len(reports)


def hold_slowly(first, then, holds, failed):
    """Change two messages in one transaction, the second after a while."""
    try:
        with transaction.atomic():
            Message.objects.filter(pk=first).update(parts=2)
            holds.set()
            time.sleep(0.3)
            Message.objects.filter(pk=then).update(parts=2)
    except Exception as error:
        failed.append(error)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_who_sends_has_precedence_over_receipts_where_both_want_the_same_messages():
    line, holds, failed = Line(100), threading.Event(), []
    line.learn(line.sms)
    line.bring(line.reports(), Random(9))
    # In the other order than receipts take them.
    ids = (line.sms[-1].id, line.sms[0].id)
    sender = threading.Thread(target=hold_slowly, args=(*ids, holds, failed))
    sender.start()
    holds.wait(30)
    apply_all()
    sender.join()
    assert not failed
    assert Message.objects.filter(pk__in=ids, parts=2).count() == 2
    assert not CallbackRequest.objects.filter(applied_at__isnull=True).exists()
