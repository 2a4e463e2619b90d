"""Looks at every page of a running instance and keeps a picture of each.

    python -m tests.browser_pages http://127.0.0.1:8000 [--only WORD] [--dark]

Walks the admin (index, every list, add form, one row, its buttons) and the public pages in
English and Chinese, 1280 and 390 pixels wide. Pictures go to `screenshots/pages/`; what a
machine can see to be wrong is printed: errors, overflow, "None", JSON where words belong.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from playwright.sync_api import Page

from tests.browser import PHONE, WIDE, Eyes, chromium

LANGUAGES = ("en", "zh-hans")
# Addresses that change something on a GET, leave the admin, or lead nowhere new.
SKIP = re.compile(r"logout|jsi18n|/password/|/history/|/delete/|#|password_change")
ELSEWHERE = (
    "campaigns/",
    "campaigns/marketingevent/add/?event_type=1",
    "campaigns/nothing/",
    "campaigns/recipient/?push__id__exact=1",
    "messaging/failednumber/1/correct/",
    "messaging/provideraccount/1/callbacks/",
    "messaging/provideraccount/1/test/",
    "messaging/provideraccount/1/weight/",
    "messaging/provideraccount/add/?provider=sms:smpp",
    "messaging/template/1/new-version/",
    "tracking/quarantinedrow/1/word/",
    "tracking/usergroup/?business_type__id__exact=1",
)
# Actions that ask before they do anything.
ACTIONS = (
    ("campaigns/notice", "set_type_and_release"),
    ("campaigns/notice", "send_now"),
    ("campaigns/notice", "cancel_notices"),
    ("customers/consent", "withdraw"),
    ("customers/noapplyinterval", "end_early"),
    ("customers/label", "delete_selected"),
    ("messaging/failednumber", "send_again"),
    ("messaging/failednumber", "suppress_numbers"),
    ("messaging/failednumber", "export"),
    ("messaging/failednumber", "allow_numbers"),
)
SUSPICIOUS = {
    "None": r"(?<![\w'’])None(?! available)(?![\w'’])",
    "an object's repr": r"\w+ object \(",
    "JSON": r"[{\[]\s*['\"]\w+['\"]\s*[:,]|\{\}",
    "a lazy string": r"__proxy__|gettext",
    "a traceback": r"Traceback|TemplateSyntaxError",
    "a bare phone number": r"\+\d{10,}",
}


def main() -> None:
    arguments = _arguments()
    with chromium() as browser:
        for language in arguments.languages:
            for size in (WIDE, PHONE):
                eyes = Eyes(
                    browser,
                    arguments.base,
                    size=size,
                    language=language,
                    dark=arguments.dark,
                )
                folder = f"pages/{language}-{size[0]}{'-dark' * arguments.dark}"
                walk(eyes, folder, only=arguments.only)
                eyes.context.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("--only", default="")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--languages", nargs="+", default=LANGUAGES)
    return parser.parse_args()


def walk(eyes: Eyes, folder: str, *, only: str = "") -> None:
    eyes.go("/admin/login/")
    _look(eyes, folder, "login")
    eyes.log_in("demo", "demo-password")
    _look(eyes, folder, "index")
    for name, path in addresses(eyes):
        if only in name:
            eyes.go(path)
            _look(eyes, folder, name)
    for name in questions(eyes) if not only else ():
        _look(eyes, folder, name)


def addresses(eyes: Eyes) -> Iterator[tuple[str, str]]:
    """A name for each page, and its address: found by following what staff would click."""
    seen: set[str] = set()
    lists = _links(eyes.go("/admin/"), "#content-main .module th a[href]")
    for address in lists:
        name = address.strip("/").removeprefix("admin/").replace("/", "-")
        yield name, address
        page = eyes.go(address)
        tools = _links(page, ".object-tools a")
        rows = _links(page, "#result_list tbody th a, #result_list tbody td a")
        mine = [a for a in rows if a.startswith(address)]
        for tool in tools:
            if tool not in seen and not SKIP.search(tool):
                seen.add(tool)
                yield f"{name}-{_last(tool)}", tool
        for row in mine[:1]:
            yield f"{name}-change", row
            for tool in _links(eyes.go(row), ".object-tools a"):
                if tool.startswith("/admin/") and not SKIP.search(tool):
                    yield f"{name}-change-{_last(tool)}", tool
    yield from _special(eyes)


def _special(eyes: Eyes) -> Iterator[tuple[str, str]]:
    """Pages that no list leads to: a customer's life, questions, the public pages."""
    page = eyes.go("/admin/tracking/trackingrecord/")
    life = _links(page, "#result_list a[href*='/trackingrecord/']")[:1]
    for address in life:
        text = eyes.go(address).inner_text("body")
        for other in _links(eyes.page, "table.facts a[href*='/customer/']"):
            yield f"life-{_last(other)}", other
        for short in re.findall(r"http://\S+/l/\w+", text)[:1]:
            yield "public-sign-up", short
    for path in ELSEWHERE:
        yield f"elsewhere-{_name(path)}", f"/admin/{path}"
    for slug in _slugs(eyes):
        yield f"public-other-{slug}", f"/a/{slug}/"


def questions(eyes: Eyes) -> Iterator[str]:
    """The confirmation pages of actions: the name of each, once it is open."""
    for path, action in ACTIONS:
        page = eyes.go(f"/admin/{path}/")
        if page.locator("input.action-select").count():
            page.check("input.action-select >> nth=0")
            page.select_option("select[name=action]", action)
            page.click(".actions button[name=index]")
            yield f"action-{action}"


def _slugs(eyes: Eyes) -> list[str]:
    page = eyes.go("/admin/campaigns/activity/")
    found = []
    for row in _links(page, "#result_list th a")[:1]:
        found += re.findall(r"/a/([\w-]+)/", eyes.go(row).inner_text("body"))
    return found


def _links(page: Page, selector: str) -> list[str]:
    found = page.eval_on_selector_all(
        selector,
        "all => all.map(a => new URL(a.href).pathname + new URL(a.href).search)",
    )
    return list(dict.fromkeys(found))


def _last(address: str) -> str:
    return re.sub(r"\W+", "-", address.strip("/").rpartition("/")[2])[:40]


def _name(path: str) -> str:
    return re.sub(r"\W+", "-", path).strip("-")


def _look(eyes: Eyes, folder: str, name: str) -> None:
    eyes.keep(f"{folder}/{name}")
    text = eyes.page.inner_text("body")
    for what, pattern in SUSPICIOUS.items():
        for match in list(re.finditer(pattern, text))[:2]:
            around = text[max(0, match.start() - 30) : match.end() + 40]
            print(f"{folder}/{name}: {what}: …{around!r}…")
    if (wide := eyes.wider_than_window()) > 0:
        print(f"{folder}/{name}: {wide} px wider than the window")
    for missing in eyes.missing_glyphs():
        print(f"{folder}/{name}: no glyph for {missing}")
    for problem in eyes.wrong:
        print(f"{folder}/{name}: {problem}")
    eyes.wrong.clear()


if __name__ == "__main__":
    main()
