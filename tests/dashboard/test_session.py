"""What changes something asks for a key once; it is traded for a session, and what was wished for goes on."""

from collections.abc import Callable

from playwright.sync_api import Page, expect
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.keys import Scope, create_key
from tests.dashboard.looking import Looking


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
