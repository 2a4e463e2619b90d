from __future__ import annotations

import pytest

from backoffice.kit.crypto import at_rest
from messaging.models import CallbackToken, ProviderAccount
from tests.builders import make_account

pytestmark = pytest.mark.django_db


def test_account_without_a_token_has_no_address():
    assert make_account().callback_url("receipts") == ""


def test_account_names_the_newest_of_its_addresses(settings):
    settings.PUBLIC_BASE_URL = "https://bank.example"
    account = make_account()
    CallbackToken.issue(account)
    newest = CallbackToken.issue(account)
    account = ProviderAccount.objects.get(pk=account.pk)
    expected = f"https://bank.example/callbacks/{newest}/receipts"
    assert account.callback_url("receipts") == expected


def test_token_rests_hashed_and_encrypted():
    account = make_account()
    token = CallbackToken.issue(account)
    rows = ProviderAccount.objects.filter(pk=account.pk)
    [stored] = rows.values_list(at_rest("callback_token"), flat=True)
    assert token.encode() not in bytes(stored)
    assert CallbackToken.objects.get().token_hash != token
