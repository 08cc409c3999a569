"""Chromium, and pages in it of which everything that goes wrong is kept."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

Theme = Literal["light", "dark"]

# The browser says in its console what the policy forbade; this says it where the console would not.
_TELL = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
_STICKING_OUT = """
() => {
  const { scrollWidth, clientWidth } = document.scrollingElement;
  if (scrollWidth <= clientWidth) return "";
  const sticksOut = (one) => one.getBoundingClientRect().right > clientWidth + 1;
  const out = [...document.body.querySelectorAll("*")].filter(sticksOut);
  return [`${scrollWidth} of ${clientWidth}`, ...out.slice(0, 8).map((one) => one.outerHTML.slice(0, 120))].join("\\n");
}
"""
_SETTLED_MS = 15_000
_LOOKS = 10


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's own Chromium without a window."""
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("install chromium; the dashboard is tested in a real browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Looking:
    """Pages of one address, each in a browser profile of its own."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser = browser
        self.address = address
        self.wrongs: list[str] = []
        self._forgiven: re.Pattern[str] | None = None
        self._contexts: list[BrowserContext] = []

    def forgive(self, words: str) -> None:
        """What a test causes on purpose is not wrong."""
        self._forgiven = re.compile(words)

    def visit(self, path: str = "/", **profile: Any) -> Page:
        """Open a view in a new profile (see `open`) and wait until it stands."""
        page = self.open(**profile)
        page.goto(path)
        settle(page)
        return page

    def open(
        self,
        *,
        width: int = 1440,
        height: int = 900,
        theme: Theme = "light",
        keeps_offline: bool = False,
        person: str | None = None,
    ) -> Page:
        """An empty page in a new profile: nothing is kept from before, but for who is looking."""
        context = self.browser.new_context(
            base_url=self.address,
            viewport={"width": width, "height": height},
            color_scheme=theme,
            locale="en-GB",
            timezone_id="UTC",
            service_workers="allow" if keeps_offline else "block",
            reduced_motion="reduce",
        )
        context.set_default_timeout(_SETTLED_MS)
        context.add_init_script(_TELL)
        if person is not None:
            context.add_init_script(f"localStorage.setItem('observatory.me', {json.dumps(json.dumps([person]))})")
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._wrong(f"uncaught: {error}"))
        page.on("request", self._asked)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._wrong(f"{message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.address).netloc:
            self._wrong(f"asked another host: {request.url}")

    def _wrong(self, words: str) -> None:
        if self._forgiven is None or not self._forgiven.search(words):
            self.wrongs.append(words)


def settle(page: Page) -> None:
    """Wait until the view has its data: nothing in it is awaited any more."""
    expect(page.get_by_role("main").get_by_role("heading", level=1).first).to_be_attached(timeout=_SETTLED_MS)
    expect(page.locator("main :is(.skeleton, [data-loading], [aria-busy=true])")).to_have_count(0, timeout=_SETTLED_MS)


def too_wide(page: Page, *widths: int) -> str:
    """What sticks out where the page can be pushed sideways in a window of one of these widths, once it stands."""
    return "\n".join(filter(None, (_sticking_out(page, width) for width in widths)))


def _sticking_out(page: Page, width: int) -> str:
    page.set_viewport_size({"width": width, "height": 900})
    for _ in range(_LOOKS):
        page.wait_for_timeout(100)
        found = str(page.evaluate(_STICKING_OUT))
        if not found:
            break
    return found
