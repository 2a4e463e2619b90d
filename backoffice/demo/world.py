"""The demo world: made once, and given a fresh simulator address at every start."""

from __future__ import annotations

import json
import os
import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from customers.models import (
    BusinessType,
    BusinessTypeAlias,
    Consent,
    CreditFacts,
    CreditLine,
    CreditSource,
    Customer,
    CustomerLabel,
    Label,
)
from messaging.models import CallbackToken, ProviderAccount, QuietHours

from . import offers, payments
from .people import Person, everybody

SOURCE = "demo"
LOGIN, PASSWORD = "demo", "demo-password"  # only where nothing is set up
SMS, VOICE = "Simulator SMS", "Simulator voice"
BUREAU = "Simulator credit bureau"


def may_live_here() -> bool:
    """Whether the demo world may go into this database: it is empty, or it is there."""
    if os.environ.get("DEMO") == "0":
        return False
    return is_there() or not Customer.objects.exists()


def is_there() -> bool:
    return Customer.objects.filter(source=SOURCE).exists()


@transaction.atomic
def prepare(*, simulator_url: str, seed: Path) -> None:
    """Make the world where it is missing, and wire it to the simulator at `simulator_url`.

    Writes the simulator's seed file, readable by its owner only: it holds the secret and
    the callback tokens, which the database knows by their hash.
    """
    now = timezone.now()
    if not is_there():
        _make(now)
    if settings.EMBEDDED:
        _make_login()
    secret = secrets.token_urlsafe(24)
    accounts = _wire(simulator_url, secret)
    _write_seed(seed, secret, _callback_urls(*accounts))


def _make(now: datetime) -> None:
    types = _make_business_types()
    labels = _make_labels()
    for person in everybody():
        _make_customer(person, labels[person.language], now)
    payments.write_file(Path(settings.VAR_DIR) / "demo" / "in", now)
    payments.make_source(Path(settings.VAR_DIR) / "demo" / "in", SOURCE)
    offers.make(types["household"], labels, now)
    # The campaign is to be seen at any hour; a bank sets its own in the admin.
    QuietHours.objects.all().delete()


def _make_business_types() -> dict[str, BusinessType]:
    rows = [
        ("household", "Household payments", "家庭缴费", False, "水电费 UTILITY 物业费"),
        ("consumer_loan", "Consumer loan", "消费贷款", True, "消费贷 LOAN"),
        ("credit_card", "Credit card", "信用卡", True, "信用卡 CARD"),
    ]
    made = {}
    for code, name, chinese, applies, words in rows:
        values = {"name": name, "name_zh": chinese, "offers_application": applies}
        made[code], _new = BusinessType.objects.get_or_create(
            code=code, defaults=values
        )
        for word in words.split():
            BusinessTypeAlias.objects.get_or_create(
                source="", word=word, defaults={"business_type": made[code]}
            )
    return made


def _make_labels() -> dict[str, Label]:
    rows = [
        ("zh-hans", "reads-chinese", "Reads Chinese", "阅读中文"),
        ("en", "reads-english", "Reads English", "阅读英文"),
    ]
    return {
        language: Label.objects.get_or_create(
            code=code, defaults={"name": name, "name_zh": chinese}
        )[0]
        for language, code, name, chinese in rows
    }


def _make_customer(person: Person, label: Label, now: datetime) -> None:
    customer = Customer(
        source=SOURCE,
        external_id=person.number,
        language=person.language,
        attributes={"city": "Shanghai"},
    )
    customer.set_phone(person.phone)
    customer.set_name(person.name)
    customer.save()
    CreditFacts.objects.create(customer=customer, as_of=now, source=SOURCE)
    for kind in person.lines:
        reference = f"{person.number}-{kind}"
        CreditLine.objects.create(customer=customer, reference=reference, kind=kind)
    CustomerLabel.objects.create(customer=customer, label=label, since=now)
    if person.consents:
        given = now - timedelta(days=90)
        Consent.objects.create(customer=customer, source="branch form", given_at=given)


def _make_login() -> None:
    people = get_user_model()
    if not people.objects.filter(username=LOGIN).exists():
        people.objects.create_superuser(LOGIN, password=PASSWORD)


# --- the simulator ------------------------------------------------------------------


def _wire(url: str, secret: str) -> tuple[ProviderAccount, ProviderAccount]:
    """The accounts at this address with this secret; and the credit bureau."""
    CreditSource.objects.update_or_create(
        name=BUREAU,
        defaults={"customer_source": SOURCE, "url": f"{url}/credit", "secret": secret},
    )
    sms, voice = (
        _account(name, channel, url, secret)
        for name, channel in ((SMS, "sms"), (VOICE, "voice"))
    )
    return sms, voice


def _account(name: str, channel: str, url: str, secret: str) -> ProviderAccount:
    values: dict[str, Any] = {"channel": channel, "transport": "simulator"}
    # A Chinese line as it is billed: 70 or 67 characters a part.
    values |= {"signature": "示例银行", "parts_rule": "china", "cost": Decimal("0.045")}
    account, _new = ProviderAccount.objects.get_or_create(name=name, defaults=values)
    account.settings = {**account.settings, "url": url}
    account.set_secrets({"secret": secret})
    account.save()
    return account


def _callback_urls(sms: ProviderAccount, voice: ProviderAccount) -> dict[str, str]:
    """Fresh addresses; those of the start before are retired: nobody calls them any more."""
    old = CallbackToken.objects.filter(account__in=[sms, voice], retired_at=None)
    old.update(retired_at=timezone.now())
    base = f"http://127.0.0.1:{settings.PORT}/callbacks"
    sms_base = f"{base}/{CallbackToken.issue(sms)}"
    return {
        "receipt_url": f"{sms_base}/receipts",
        "reply_url": f"{sms_base}/replies",
        "call_url": f"{base}/{CallbackToken.issue(voice)}/calls",
    }


def _write_seed(path: Path, secret: str, urls: dict[str, str]) -> None:
    content: dict[str, Any] = {"secret": secret, "delay": 0.3, **urls}
    content["people"] = {one.phone: one.on_the_phone for one in everybody()}
    content["credit"] = {one.number: one.facts for one in everybody() if one.facts}
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1))
