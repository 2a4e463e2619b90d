"""What people see: staff import, start and look, a customer signs up, in a real browser.

Chromium over real HTTP, once in English and once in Chinese. An error on the console, a
request that fails, a page wider than the window or a Chinese character drawn as the box of
a missing glyph fails the story. Pictures are kept in `screenshots/`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections

from backoffice.platform.models import Import
from campaigns import jobs as campaign_jobs
from campaigns.models import Activity, MarketingEvent, Push, SignUp
from customers.models import Customer, Label
from tests.browser import PHONE, Eyes, chromium, why_not
from tests.builders import (
    give_label,
    make_business_type,
    make_label,
    make_template,
    no_quiet_hours,
)
from tests.campaigns.sign_ups import make_activity
from tests.campaigns.world import join_group, make_event, make_event_type
from tests.simulator_process import SimulatorProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

FIRST = "+8613800000001"  # signs up
FILES = {
    "en": "customer number,mobile number,name,language,consent\n"
    "B1,138 0000 0001,Alice Brown,en,yes\n"
    "B2,138 0000 0002,James Clark,en,yes\n"
    "B3,138 0000 0003,Emma Davis,en,no\n"
    "B4,12,Oliver Evans,en,yes\n",
    "zh-hans": "客户号,手机号,姓名,语言,营销授权\n"
    "B1,138 0000 0001,欧阳静,zh-hans,是\n"
    "B2,138 0000 0002,王伟,zh-hans,是\n"
    "B3,138 0000 0003,李娜,zh-hans,否\n"
    "B4,12,张敏,zh-hans,是\n",
}
TEXTS = {
    "en": "Dear {name}, {rate}% off until spring: {link}",
    "zh-hans": "{name}您好，缴费立减{rate}%，请点击：{link}",
}
SAID = {
    "en": {"index": "What would you like to do?", "signed_up": "you have signed up"},
    "zh-hans": {"index": "导入客户", "signed_up": "报名"},
}


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # Playwright keeps an event loop in this thread; nothing of ours runs in it. Django
    # gives such a thread a connection of its own, which nobody else would close.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with chromium() as running:
        yield running
        connections.close_all()


@pytest.fixture
def workers(simulator: SimulatorProcess, queued: Any) -> Iterator[Workers]:
    with Workers(queued) as running:
        yield running


class Workers:
    """Does in a thread what worker processes and the scheduler do."""

    def __init__(self, queued: Any) -> None:
        self._queued = queued
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.problem: Exception | None = None

    def __enter__(self) -> Workers:
        self._thread.start()
        return self

    def __exit__(self, *_about: object) -> None:
        self._ended.set()
        self._thread.join()
        assert self.problem is None, self.problem

    def _work(self) -> None:
        try:
            while not self._ended.wait(0.1):
                self._queued.run_all()
                campaign_jobs.sweep_pushes()
                campaign_jobs.sweep_verifications()
        except Exception as error:
            self.problem = error
        finally:
            connections.close_all()

    def see(self, done: Callable[[], bool], *, seconds: float = 120) -> None:
        """Wait until the database says so."""
        end = time.monotonic() + seconds
        while not done():
            assert self.problem is None, self.problem
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_from_a_file_to_a_sign_up_as_people_see_it(
    language: str,
    server: Any,
    simulator: SimulatorProcess,
    workers: Workers,
    browser: Any,
    admin_user: Any,
    tmp_path: Path,
) -> None:
    event = _set_up(language, simulator, server.url)
    staff = Eyes(browser, server.url, language=language)
    staff.log_in(admin_user.username, "password")
    assert SAID[language]["index"] in staff.page.inner_text("body")
    staff.look(f"story-{language}/index-empty")

    _import(staff, tmp_path / "customers.csv", language, workers)
    _gather(event)
    _start(staff, event, language, workers)
    _find(staff, "138 0000 0001", language)

    link = _link_of(FIRST, simulator)
    customer = Eyes(browser, server.url, language=language, size=PHONE)
    _sign_up(customer, link, language)
    workers.see(lambda: SignUp.objects.filter(status="verified").exists())
    staff.go("/admin/campaigns/signup/")
    assert staff.page.locator("#result_list tbody tr").count() == 1
    staff.look(f"story-{language}/sign-ups")

    cache.clear()  # the numbers are counted every few seconds
    page = staff.go("/admin/")
    assert page.inner_text(".numbers li:first-child b") == "2"
    staff.look(f"story-{language}/index")
    staff.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    staff.look(f"story-{language}/index-phone")


def test_a_character_without_a_glyph_is_seen(browser: Any) -> None:
    eyes = Eyes(browser, "http://127.0.0.1")
    eyes.page.set_content("<body style='font-family: sans-serif'>中文，\ufaff。</body>")
    assert eyes.missing_glyphs() == ["\ufaff"]


def test_a_page_that_asks_for_what_is_not_there_is_seen(
    server: Any, browser: Any
) -> None:
    eyes = Eyes(browser, server.url)
    eyes.go("/admin/login/")
    assert eyes.wrong == []
    eyes.page.set_content(f"<img src='{server.url}/static/no-such.png'>")
    eyes.page.wait_for_load_state("networkidle")
    assert "no-such.png answered 404" in " ".join(eyes.wrong)


# --- the world before anybody looks -------------------------------------------------


def _set_up(language: str, simulator: SimulatorProcess, base: str) -> MarketingEvent:
    no_quiet_hours()
    on_the_phone = {"by": "keypad", "answers": {"digits": "4719"}}
    simulator.merge_people({FIRST: on_the_phone})
    household = make_business_type("household", name_zh="家庭缴费")
    label = make_label("vip", name="VIP", name_zh="贵宾客户")
    activity = make_activity(business_type=household, description="Win a voucher.")
    Activity.objects.filter(pk=activity.pk).update(description_zh="赢取电费券")
    kind = make_event_type(household, name="Spring offer", name_zh="春季优惠")
    template = make_template(TEXTS[language], language=language).template
    return make_event(
        event_type=kind,
        template=template,
        name={"en": "Spring cashback", "zh-hans": "春季缴费立减"}[language],
        labels=(label,),
        activity=activity,
    )


def _gather(event: MarketingEvent) -> None:
    """The imported come into the group that the event is for."""
    label, types = Label.objects.get(code="vip"), event.event_type.business_types.all()
    for customer in Customer.objects.all():
        give_label(customer, label)
        join_group(customer, types[0])


# --- what staff and customers do ------------------------------------------------------


def _import(staff: Eyes, file: Path, language: str, workers: Workers) -> None:
    """Upload, columns, check, confirm, done."""
    file.write_text(FILES[language], encoding="utf-8")
    page = staff.page
    page.click(".tasks a[href*='import/add']")
    page.set_input_files("#id_file", file)
    staff.look(f"story-{language}/import-1-upload")
    page.click(".submit-row input.default")
    assert page.input_value("#id_column_phone")  # guessed from the header
    staff.look(f"story-{language}/import-2-columns")
    page.click(".submit-row input.default")
    page.wait_for_selector("form[action$='/start/'] input.default")
    staff.look(f"story-{language}/import-3-checked")
    page.click("form[action$='/start/'] input.default")
    workers.see(lambda: Import.objects.filter(status="done").exists())
    # The page reloads by itself until the import is done, and then leads on.
    page.wait_for_selector("#content-main > p > a")
    staff.look(f"story-{language}/import-4-done")
    assert Customer.objects.count() == 3
    assert Import.objects.get().counts["bad"] == 1


def _start(staff: Eyes, event: MarketingEvent, language: str, workers: Workers) -> None:
    """From the index to the counts, to the running push, to its end."""
    page = staff.go("/admin/")
    page.click(".tasks a[href*='marketingevent']")
    staff.look(f"story-{language}/events")
    page.click(f"#result_list a[href$='/{event.pk}/start/']")
    staff.look(f"story-{language}/start")
    assert not Push.objects.exists()
    page.click(".submit-row input.default")
    page.wait_for_selector("#progress")
    workers.see(lambda: Push.objects.filter(status="done").exists())
    # The page reloads by itself until the push is done.
    page.wait_for_function("!document.querySelector('progress')")
    assert re.search(r"\D2$", page.inner_text("#progress").strip())
    staff.look(f"story-{language}/push")


def _find(staff: Eyes, phone: str, language: str) -> None:
    """The search box at the top leads to the life of the one SMS."""
    page = staff.page
    page.fill("#header .find input[name=q]", phone)
    page.press("#header .find input[name=q]", "Enter")
    page.wait_for_selector("table.timeline")
    assert phone.replace(" ", "") not in page.url
    assert page.locator("table.timeline tbody tr").count() >= 4
    assert "+86•••••••0001" in page.inner_text("body")
    staff.look(f"story-{language}/life")


def _link_of(phone: str, simulator: SimulatorProcess) -> str:
    texts = {sms["to"]: sms["text"] for sms in simulator.outbox()}
    found = re.search(r"http://\S+", texts[phone])
    assert found
    return found[0]


def _sign_up(customer: Eyes, link: str, language: str) -> None:
    page = customer.go(link)
    customer.look(f"story-{language}/sign-up")
    page.click("button[type=submit]")
    customer.look(f"story-{language}/sign-up-empty")  # it says what is missing
    assert page.locator(".problems").count() == 1
    page.fill("input[name=card]", "6222 0000 4719")
    page.click("button[type=submit]")
    page.wait_for_selector(".note")
    assert SAID[language]["signed_up"] in page.inner_text("body")
    customer.look(f"story-{language}/signed-up")
