"""Customers of the demo who open their link and sign up, over HTTP as a browser does."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.request
from urllib.error import URLError
from urllib.parse import urlencode

from campaigns.models import Push
from tracking.links import short_url
from tracking.models import TrackingRecord

from .people import Person, card_digits, everybody

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
SIGNERS = 6


def sign_up(push: Push) -> int:
    """Some of the push's receivers sign up; the last with somebody else's card number."""
    people = {one.number: one for one in everybody()}
    links = TrackingRecord.objects.filter(
        message__chunk__origin=push.origin, message__replied_at=None
    )
    rows = links.order_by("customer_id").values_list("customer__external_id", "code")
    chosen = [(people[number], code) for number, code in rows if number in people]
    cards = {chosen[-1][0].number: "4000"} if chosen else {}
    signers = [*chosen[: SIGNERS - 1], *chosen[-1:]]
    return sum(_visit(person, str(code), cards) for person, code in signers)


def _visit(person: Person, code: str, cards: dict[str, str]) -> bool:
    """Whether the sign-up page took it."""
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(jar)
    digits = cards.get(person.number, card_digits(person))
    try:
        with browser.open(short_url(code), timeout=10) as page:
            address, text = page.url, page.read().decode()
        token = TOKEN.search(text)
        if not token:
            return False
        answers = {"card": f"6222020200{digits}", "csrfmiddlewaretoken": token[1]}
        request = urllib.request.Request(  # noqa: S310  our own page
            address, urlencode(answers).encode(), {"Referer": address}
        )
        with browser.open(request, timeout=10) as page:
            return bool(page.status == 200)
    except URLError:
        return False
