"""A real bank's records, all the way: from its files to the last delivered SMS.

Every count is compared with what `czech_bank.py` works out from the raw files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from backoffice.platform import imports
from backoffice.platform import jobs as platform_jobs
from backoffice.platform.models import Import, UploadedFile
from campaigns import jobs as campaign_jobs
from campaigns.audiences import estimate
from campaigns.explain import explain
from campaigns.models import MarketingEvent, Push, Recipient
from campaigns.pushes import start
from customers.jobs import screen_all
from customers.models import (
    BusinessTypeAlias,
    Customer,
    CustomerLabel,
    NoApplyInterval,
    ScreeningRun,
)
from messaging import jobs as messaging_jobs
from messaging.models import Chunk, Message, ProviderAccount
from tests.builders import make_business_type, make_source
from tests.campaigns.world import leaf, make_event, make_standard
from tests.simulator_process import SimulatorProcess
from tests.stories.czech_bank import FOLDER, MEANING, THE_BANKS_OWN, Bank
from tracking import jobs as tracking_jobs
from tracking.groups import user_groups
from tracking.models import BehaviourFile, BehaviourRecord, QuarantinedRow
from tracking.quarantine import add_word

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.exists(), reason=f"no data in {FOLDER}"),
]

UNHEARD_OF = "sanction interest if negative balance"
PRAGUE = ZoneInfo("Europe/Prague")
END = datetime(1998, 12, 5, 23, 59, 59, 999_999, tzinfo=PRAGUE)
PAYERS = leaf(value=2, where={"amount": [">", "1000"]}, window_days=365)
Status = Message.Status


@pytest.mark.requirement("B1")
@pytest.mark.requirement("B5")
@pytest.mark.requirement("C1")
@pytest.mark.requirement("C3")
@pytest.mark.requirement("C5")
@pytest.mark.requirement("C6")
@pytest.mark.requirement("C7")
@pytest.mark.requirement("X2")
def test_a_real_bank_reaches_its_household_payers(
    simulator: SimulatorProcess, queued: Any, tmp_path: Path
) -> None:
    bank = Bank()

    # Its clients, their consent and their credit come in as files; they are screened.
    with timed("import"):
        _import_clients_and_credit(bank, queued)
    with timed("screening"):
        _screen(bank)

    # Its standing orders and transactions become the user-group table.
    with timed("behaviour"):
        _take_behaviour(bank, tmp_path)
    with timed("a word more"):
        _learn_the_unknown_word(bank)

    # Household payers with two large payments in the year that ended on 1998-12-05.
    with timed("push"):
        event, push = _start_event(bank)
    assert _members(push, outcome="targeted") == bank.target
    assert _members(push, reason="consent") == bank.payers - bank.target
    assert _members(push, reason="standard") == bank.household - bank.payers

    # Sent one a request, so that each SMS's fate hangs on its own number only.
    with timed("sending"):
        _send(bank, queued)
    assert _outcomes() == bank.outcomes
    assert simulator.stats()["max_accepted_per_id"] == 1
    assert campaign_jobs.sweep_pushes()["done"] == 1

    # Deliveries are behaviour, too; and anybody's case is explained.
    reached = [
        who for who, (what, _why) in bank.outcomes.items() if what == "delivered"
    ]
    assert tracking_jobs.read_messaging()["deliveries"] == len(reached)
    for who, payments in bank.large_payments.items():
        if payments < 2:
            assert f"number >= 2: {payments} (no)" in _why(event, who)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Prints how long it took: `pytest -s` shows where the time goes."""
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s")


# --- customers --------------------------------------------------------------------


def _import_clients_and_credit(bank: Bank, queued: Any) -> None:
    clients = {"phone": "mobile", "name": "name", "consent": "consent"}
    done = _import("customers", bank.clients_file(), clients, queued)
    assert done == {"added": len(bank.clients), "updated": 0, "left out": 0}
    willing = Customer.objects.filter(
        consents__withdrawn_at=None, consents__purpose="marketing"
    )
    assert _numbers(willing) == {one for one in bank.clients if not one.endswith("7")}

    facts = {"blacklisted": "blacklisted", "controlled": "controlled"}
    done = _import("credit", bank.facts_file(), facts, queued)
    assert done["stored"] == len(bank.loans)

    lines = {"reference": "line_id", "kind": "kind", "amount": "amount"}
    done = _import("credit-lines", bank.lines_file(), lines, queued)
    running = [loan for loan in bank.loans if loan["status"] in "CD"]
    assert done["stored"] == len(running) + len(bank.gold_cards)


def _import(target: str, text: str, columns: dict[str, str], queued: Any) -> Any:
    """Upload, check the whole file, start; a worker stores it. What was done."""
    import_ = Import.objects.create(
        target=target,
        file=UploadedFile.keep(f"{target}.csv", text.encode()),
        columns={"external_id": "client_id"} | columns,
        options={"source": "czech"},
    )
    imports.check(import_)
    assert import_.errors == []
    assert imports.start(import_)
    platform_jobs.commit_import(import_.pk)
    queued.run_all()
    import_.refresh_from_db()
    assert import_.status == Import.Status.DONE
    return import_.counts["done"]


def _screen(bank: Bank) -> None:
    assert screen_all()["screened"] == len(bank.clients)
    held = CustomerLabel.objects.filter(until=None, is_segment=True)
    for code, people in bank.groups.items():
        in_group = held.filter(label__code=code)
        found = set(in_group.values_list("customer__external_id", flat=True))
        assert found == people, code
    marked = NoApplyInterval.objects.filter(rule__code="no_apply_controlled")
    assert set(marked.values_list("customer__external_id", flat=True)) == bank.marked
    assert screen_all()["changed"] == 0
    assert not ScreeningRun.objects.filter(result__has_key="problem").exists()


def _numbers(customers: Any) -> set[str]:
    return set(customers.values_list("external_id", flat=True))


# --- behaviour --------------------------------------------------------------------


def _take_behaviour(bank: Bank, folder: Path) -> None:
    bank.write_behaviour(folder)
    for word, code in MEANING.items():
        if word != UNHEARD_OF:
            kind = make_business_type(code)
            BusinessTypeAlias.objects.create(word=word, business_type=kind)
    common = {"external_id": "owner", "business_type": "k_symbol", "amount": "amount"}
    shared = {"url": f"file://{folder}", "customer_source": "czech"}
    make_source(
        name="orders",
        pattern="order.asc",
        columns=common | {"record_key": "order_id"},
        **shared,
    )
    make_source(
        name="transactions",
        pattern="trans.csv",
        columns=common | {"record_key": "trans_id", "at": "date"},
        date_format="%y%m%d",
        time_zone="Europe/Prague",
        ignored_words=list(THE_BANKS_OWN),
        **shared,
    )
    tracking_jobs.scan_sources()

    none = ("", *THE_BANKS_OWN)
    unheard = bank.rows_saying(bank.payments, UNHEARD_OF)
    assert unheard
    ignored = bank.rows_saying(bank.orders, *none)
    assert _ledger("orders") == (len(bank.orders), ignored, 0)
    ignored = bank.rows_saying(bank.payments, *none)
    assert _ledger("transactions") == (len(bank.payments), ignored, unheard)
    assert _user_groups() == bank.user_groups(without="overdraft")
    _read_nothing_twice()


def _ledger(name: str) -> tuple[int, int, int]:
    """Rows of the source's file, those kept out, those set aside; the rest is recorded."""
    file = BehaviourFile.objects.get(source__name=name)
    assert file.status == BehaviourFile.Status.DONE
    left_out = file.ignored_count + file.quarantined_count
    records = BehaviourRecord.objects.filter(source__name=name)
    assert file.record_count == records.count() == file.position - left_out
    return file.position, file.ignored_count, file.quarantined_count


def _user_groups() -> dict[str, tuple[int, int]]:
    return {
        line.business_type.code: (line.members, line.records)
        for line in user_groups()
        if line.members
    }


def _read_nothing_twice() -> None:
    before = BehaviourRecord.objects.count()
    assert not BehaviourRecord.objects.filter(customer=None).exists()
    for file in BehaviourFile.objects.all():
        assert tracking_jobs.scan_source(file.source_id)["known"] == 1
    assert BehaviourRecord.objects.count() == before


def _learn_the_unknown_word(bank: Bank) -> None:
    """Staff say what the word means; the rows that it held back come in."""
    held_back = QuarantinedRow.objects.filter(word=UNHEARD_OF)
    assert held_back.count() == QuarantinedRow.objects.count()
    fed = add_word(
        held_back[0],
        make_business_type("overdraft"),
        any_source=False,
        now=timezone.now(),
    )
    assert fed.resolved == bank.rows_saying(bank.payments, UNHEARD_OF)
    assert _user_groups() == bank.user_groups()


# --- the event --------------------------------------------------------------------


def _start_event(bank: Bank) -> tuple[MarketingEvent, Push]:
    event = make_event(
        make_business_type("household"),
        text="Dear {name}, {rate}% back on household payments.",
        standard=make_standard(PAYERS),
        as_of=END,
    )
    expected = estimate(event, now=timezone.now())
    assert (expected.initial, expected.target) == (
        len(bank.household),
        len(bank.target),
    )
    assert expected.excluded == {
        "standard": len(bank.household - bank.payers),
        "consent": len(bank.payers - bank.target),
    }
    event.standard = make_standard(PAYERS | {"value": 1})
    assert estimate(event, now=timezone.now()).excluded["standard"] == len(
        bank.household - set(bank.large_payments)
    )
    assert not Message.objects.exists()

    event.refresh_from_db()
    push = start(event, by=None, now=timezone.now())
    counts = (push.initial_count, push.target_count, push.excluded)
    assert counts == (expected.initial, expected.target, expected.excluded)
    return event, push


def _members(push: Push, **which: str) -> set[str]:
    rows = Recipient.objects.filter(push=push, **which)
    return set(rows.values_list("customer__external_id", flat=True))


def _why(event: MarketingEvent, who: str) -> str:
    customer = Customer.objects.get(external_id=who)
    return " ".join(explain(customer, event, timezone.now()).sentences)


# --- sending ----------------------------------------------------------------------


def _send(bank: Bank, queued: Any) -> None:
    account = ProviderAccount.objects.get(channel="sms")
    account.settings |= {"batch": 1}
    account.save()
    ends = sum(status != "sent" for status, _reason in bank.outcomes.values())
    settled = Message.objects.filter(status__gte=Status.FAILED)
    _run_until(lambda: settled.count() == ends, queued)


def _outcomes() -> dict[str, tuple[str, str]]:
    rows = Message.objects.values_list("customer__external_id", "status", "failure")
    return {who: (Status(status).name.lower(), why) for who, status, why in rows}


def _run_until(done: Callable[[], bool], queued: Any, *, seconds: float = 120) -> None:
    """Do the workers' part until it is so."""
    end = time.monotonic() + seconds
    while not done():
        stands = list(Message.objects.values_list("status", "failure", "waiting"))
        assert time.monotonic() < end, stands
        _skip_the_wait()
        messaging_jobs.sweep()
        queued.run_all()
        time.sleep(0.1)


def _skip_the_wait() -> None:
    """What the provider throttled is due in ten seconds: let it be now."""
    now = datetime.now(UTC)
    throttled = Message.objects.filter(waiting="throttled", due_at__gt=now)
    chunks = list(throttled.values_list("chunk_id", flat=True))
    if chunks:
        throttled.update(due_at=now)
        Chunk.objects.filter(pk__in=chunks).update(next_at=now)
