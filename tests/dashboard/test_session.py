"""What changes something asks for a key once; it is traded for a session, and what was wished for goes on."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.keys import Scope, create_key
from tests.api.stand import running_api
from tests.dashboard.looking import Looking, settle

ENDS_SECONDS = 8
SOON_MS = 5_000

_KEPT = "caches.open('answers').then((cache) => cache.keys()).then((kept) => kept.map(({ url }) => url))"


def asked_for(engine: Engine) -> int:
    """How many sources somebody asked for."""
    with engine.connect() as connection:
        statement = "SELECT count(*) FROM sources WHERE requested_at IS NOT NULL"
        return int(connection.execute(text(statement)).scalar_one())


def test_polling_now_asks_for_a_key_once_and_goes_on(
    visit: Callable[..., Page], looking: Looking, engine: Engine
) -> None:
    looking.forgive("401|403")
    with Session(engine) as session, session.begin():
        key = create_key(session, "ada", [Scope.COLLECT], utc_now())
    page = visit("/sources")
    buttons = page.get_by_role("button", name="Poll now")

    buttons.nth(0).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Key").fill("bo_live_nonsense")
    dialog.get_by_role("button", name="Sign in and go on").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not valid")
    dialog.get_by_label("Key").fill(key)
    dialog.get_by_role("button", name="Sign in and go on").click()
    expect(dialog).to_have_count(0)
    first = asked_for(engine)
    buttons.nth(1).click()
    expect(dialog).to_have_count(0)

    assert first == 1
    assert key not in page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    expect(page.get_by_role("banner").get_by_role("button", name="ada")).to_be_visible()


@pytest.fixture
def locked(browser: Browser, stand_url: str, engine: Engine) -> Iterator[tuple[Looking, str]]:
    """A server that shows builds only to those who have a key, and such a key."""
    with Session(engine) as session, session.begin():
        key = create_key(session, "grace", [Scope.READ], utc_now())
    with running_api(stand_url, {"server__host": "0.0.0.0"}) as api:
        looking = Looking(browser, f"http://127.0.0.1:{api.address.rpartition(':')[2]}")
        looking.forgive("401|WebSocket")
        yield looking, key
        looking.close()
    assert looking.wrongs == []


def test_what_a_session_was_needed_for_goes_when_it_ends(locked: tuple[Looking, str], engine: Engine) -> None:
    looking, key = locked
    page = looking.open(keeps_offline=True)
    page.goto("/")
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    page.get_by_role("main").get_by_role("button", name="Sign in").first.click()
    page.get_by_role("dialog").get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in and go on").click()
    builds = page.get_by_role("grid", name="Builds").locator("[data-build]")
    expect(builds.first).to_be_visible()

    with engine.begin() as connection:
        ends = text("UPDATE keys SET expires_at = now() + make_interval(secs => :s) WHERE parent_id IS NOT NULL")
        connection.execute(ends, {"s": ENDS_SECONDS})
    page.reload()
    settle(page)
    expect(page.get_by_role("banner").get_by_role("button", name="grace")).to_be_visible()
    assert any("/api/builds" in url for url in page.evaluate(_KEPT))

    expect(builds).to_have_count(0, timeout=ENDS_SECONDS * 1000 + SOON_MS)
    expect(page.get_by_role("main")).to_contain_text("A key is needed to read here")
    expect(page.get_by_role("banner").get_by_role("button", name="grace")).to_have_count(0)
    assert page.evaluate(_KEPT) == []


def test_a_session_is_known_again_when_the_page_is_opened_anew(
    visit: Callable[..., Page], looking: Looking, engine: Engine
) -> None:
    with Session(engine) as session, session.begin():
        key = create_key(session, "linus", [Scope.READ, Scope.COLLECT], utc_now())
    page = visit("/")
    page.evaluate(
        """(key) => fetch("/api/session", {
            method: "POST", body: JSON.stringify({ key }), headers: { "Content-Type": "application/json" } })""",
        key,
    )
    named = page.get_by_role("banner").get_by_role("button", name="linus")

    page.goto("/sources")
    expect(named).to_be_visible()
    named.click()
    page.get_by_role("button", name="Sign out").click()
    expect(named).to_have_count(0)
    page.reload()
    settle(page)

    expect(named).to_have_count(0)
