"""The template editor as staff use it: while they type, and by buttons without a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from messaging.models import MessageType, Template
from tests.browser import PHONE, WIDE, Eyes, chromium, why_not
from tests.builders import make_account, make_customer, make_template
from tests.web_server import WebServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

expect = pytest.importorskip("playwright.sync_api").expect

COSTLY = "Thank you, {name} – “see you”"


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # Playwright keeps an event loop in this thread; nothing of ours runs in it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with chromium() as running:
        yield running
        connections.close_all()


@pytest.fixture
def editor(server: WebServer, browser: Any, admin_user: Any) -> Callable[..., Any]:
    """Opens the editor of a notice's template in a window; returns its page."""
    make_account()
    make_customer(name="Ana Novak", language="en")
    kind = MessageType.objects.get(code="loan_disbursed")
    template = make_template("Hi", message_type=kind).template

    def opened(**window: Any) -> tuple[Eyes, Any]:
        eyes = Eyes(browser, server.url, **window)
        eyes.log_in("admin", "password")
        return eyes, eyes.go(f"/admin/messaging/template/{template.pk}/new-version/")

    return opened


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_phone_follows_what_is_typed(
    editor: Any, size: tuple[int, int], dark: bool
):
    eyes, page = editor(size=size, dark=dark)
    page.fill("textarea", COSTLY)
    expect(page.locator(".bubble")).to_have_text("Thank you, A•• N•••• – “see you”")
    page.click(".advice button")
    expect(page.locator("textarea")).to_have_value('Thank you, {name} - "see you"')
    expect(page.locator(".bubble")).to_have_text('Thank you, A•• N•••• - "see you"')
    page.click("[data-insert='{amount}']")
    expect(page.locator(".bubble")).to_contain_text("12,345.60")
    eyes.look(f"editor-{size[0]}{'-dark' * dark}")


def test_a_text_that_was_typed_is_published(editor: Any):
    _eyes, page = editor()
    page.fill("textarea", "Thank you")
    page.click("input[name=publish]")
    expect(page.locator(".success")).to_contain_text("Published as version 2.")
    assert Template.objects.get(versions__text="Thank you").current.version == 2


def test_without_a_script_the_buttons_do_the_same(
    server: WebServer, editor: Any, browser: Any
):
    _eyes, page = editor()
    address = page.url
    context = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    page = context.new_page()
    page.goto(address)
    page.fill("textarea", COSTLY)
    page.click("input[name=preview]")
    expect(page.locator(".bubble")).to_have_text("Thank you, A•• N•••• – “see you”")
    page.click(".advice button")
    expect(page.locator("textarea")).to_have_value('Thank you, {name} - "see you"')
    context.close()
