from __future__ import annotations

import pytest
from django.core.checks import run_checks

from backoffice import checks


def ids(messages):
    return [message.id for message in messages]


def test_zero_set_up_has_nothing_to_complain_of():
    assert ids(checks.keys()) + ids(checks.addresses()) == []


@pytest.mark.parametrize("ring", ["", "k1", "k1:short", "k1:!!!", ":" + "A" * 43 + "="])
def test_key_ring_that_cannot_be_used_is_named(settings, ring):
    settings.KEY_RING = ring
    assert ids(checks.keys()) == ["backoffice.E001"]


def test_index_key_that_cannot_be_used_is_named(settings):
    settings.INDEX_KEY = "secret"
    assert ids(checks.keys()) == ["backoffice.E002"]


@pytest.mark.parametrize("url", ["crm.bank.example", "ftp://x.example", "https://x/"])
def test_address_that_makes_no_links_is_named(settings, url):
    settings.PUBLIC_BASE_URL = url
    assert ids(checks.addresses()) == ["backoffice.E003"]


def test_public_address_is_https_and_served(settings):
    settings.HTTPS = False
    settings.PUBLIC_BASE_URL = "http://crm.bank.example"
    found = ids(run_checks(include_deployment_checks=True))
    assert {"backoffice.W005", "backoffice.W006"} <= set(found)


def test_crash_points_are_for_tests_alone(monkeypatch):
    assert ids(checks.crash_points()) == []
    monkeypatch.setenv("FAILPOINT", "after_send")
    assert ids(checks.crash_points()) == ["backoffice.E007"]
