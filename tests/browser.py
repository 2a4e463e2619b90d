"""Chromium for tests and for looking: one page that remembers what went wrong on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError:  # a development tool: who only runs the house need not have it
    Browser = Page = sync_playwright = None

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SCREENSHOTS = Path(__file__).resolve().parent.parent / "screenshots"
WIDE, PHONE = (1280, 900), (390, 844)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
]


def why_not() -> str:
    """Why no browser test can run here; empty where they can."""
    if sync_playwright is None:
        return "playwright is not installed: requirements-dev.txt"
    return "" if Path(CHROMIUM).exists() else f"no Chromium at {CHROMIUM}"


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Eyes:
    """A window of one size and language. `wrong` collects what a person may not see:
    errors on the console, requests that failed, answers of 400 and above."""

    def __init__(
        self,
        browser: Browser,
        base: str,
        *,
        size: tuple[int, int] = WIDE,
        language: str = "en",
        dark: bool = False,
    ) -> None:
        self.base, self.wrong = base, []
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale="zh-CN" if language == "zh-hans" else "en-US",
            color_scheme="dark" if dark else "light",
            timezone_id="Asia/Shanghai",
        )
        self.context.add_cookies(
            [{"name": "django_language", "value": language, "url": base}]
        )
        self.page: Page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def go(self, path: str) -> Page:
        self.page.goto(path if "://" in path else self.base + path)
        return self.page

    def log_in(self, name: str, password: str) -> None:
        page = self.go("/admin/login/?next=/admin/")
        page.fill("#id_username", name)
        page.fill("#id_password", password)
        page.click("input[type=submit]")
        page.wait_for_selector("#user-tools")

    def keep(self, name: str, *, full: bool = True) -> Path:
        """A screenshot of the page as it is."""
        path = SCREENSHOTS / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=full)
        return path

    def look(self, name: str) -> None:
        """Keep a picture, and refuse what nobody may see: errors, boxes, sideways pages."""
        self.keep(name)
        assert not self.wrong, self.wrong
        assert not self.missing_glyphs(), (
            f"{name}: no glyph for {self.missing_glyphs()}"
        )
        assert self.wider_than_window() <= 0, f"{name}: wider than the window"

    def wider_than_window(self) -> int:
        """By how many pixels the page can be pushed sideways."""
        return int(
            self.page.evaluate(
                "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
            )
        )

    def missing_glyphs(self) -> list[str]:
        """The distinct Chinese characters of the page that are drawn as the missing glyph."""
        return list(self.page.evaluate(MISSING_GLYPHS))

    def _note(self, what: str) -> None:
        self.wrong.append(f"{self.page.url}: {what}")

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self._note(f"{message.type} on the console: {message.text}")

    def _failed(self, request: Any) -> None:
        # A page that is left while it reloads itself aborts its own request.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"{request.url} failed: {request.failure}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self._note(f"{response.url} answered {response.status}")


# Each character is drawn in the font that the page uses, and compared with code points that
# no font has: an equal picture is the box (or the nothing) drawn for a missing glyph.
MISSING_GLYPHS = r"""() => {
  const font = '32px ' + getComputedStyle(document.body).fontFamily;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 48;
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  const draw = text => {
    pen.clearRect(0, 0, 48, 48);
    pen.font = font;
    pen.fillText(text, 4, 36);
    return pen.getImageData(0, 0, 48, 48).data.join();
  };
  const missing = new Set(['\u{10FFFE}', '\u{FFFF}', '\u{E123}', '\u{2FFFF}', ' '].map(draw));
  const chinese = /[\u3400-\u9fff\uf900-\ufaff\u3000-\u303f\uff01-\uff60]/gu;
  const seen = [...new Set(document.body.innerText.match(chinese) || [])];
  return seen.filter(one => one !== '\u3000' && missing.has(draw(one)));
}"""
