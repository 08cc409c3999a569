"""What comes from a source that fell silent is grey and says so, wherever it stands; what does not looks as ever."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, text

from tests.dashboard.looking import Looking, too_wide
from tests.dashboard.test_accessibility import AXE, RUN
from tests.dashboard.views import address_of
from tests.dashboard.world import find, freshen

WHY = "gitlab.com answered 503"
PERSON = "ada"


@pytest.fixture
def silence(engine: Engine) -> Iterator[Callable[[], None]]:
    """Let GitLab's source fall silent."""

    def fall() -> None:
        with engine.begin() as connection:
            connection.execute(
                text("""
                    UPDATE sources SET last_ok_at = now() - interval '20 minutes', failures = 5, last_error = :why
                    WHERE scope = 'platform/search'
                """),
                {"why": WHY},
            )

    yield fall
    freshen(engine)


VIEWS = {
    "pipelines": ("/pipelines", "tr[data-pipeline]", "platform/search", "acme/payments"),
    "triage": ("/triage", ".triage-list li", "platform/search", "e2e"),
    "failures of a job": (
        "/triage?by=jobs&job=%3Arelevance&window=7d",
        ".triage-builds-table tbody tr",
        "platform/search",
        "",
    ),
    "what failures share": ("/triage?by=common&window=7d", ".triage-side tbody tr", "platform/search", "e2e"),
    "builds": ("/?repository=platform%2Fsearch", ".builds-row[data-build]", "platform/search", ""),
    "what is broken now": ("/", ".overview-incident", "platform/search", "e2e"),
    "my builds": ("/me", ".me-line", "platform/search", "deploy"),
    "waterfall": ("/waterfall", ".waterfall-name.own", "platform/search", "e2e"),
    "incidents": ("/alerts", ".alerts-incidents tbody tr", "platform/search", "e2e"),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_what_a_silent_source_told_is_grey_and_says_why(
    visit: Callable[..., Page], silence: Callable[[], None], view: str, theme: str
) -> None:
    address, rows, stale, fresh = VIEWS[view]
    page = visit(address, theme=theme, person=PERSON)
    expect(page.locator(rows).first).to_be_visible()
    expect(page.locator(".stale-row")).to_have_count(0)

    silence()
    page.keyboard.press("r")

    row = page.locator(rows).filter(has_text=stale).first
    mark = row.locator(".stale-mark")
    expect(mark).to_be_visible()
    expect(mark).to_contain_text("stale")
    expect(mark).to_have_attribute("title", re.compile(WHY))
    if fresh:
        expect(page.locator(rows).filter(has_text=fresh).first.locator(".stale-mark")).to_have_count(0)
    page.evaluate(AXE)
    assert "\n".join(page.evaluate(RUN)) == ""
    assert too_wide(page, 375, 1440) == ""


_OF_SEARCH = "SELECT p.id FROM pipelines p WHERE p.name = 'platform/search'"
_BUILD_OF_SEARCH = f"SELECT b.id FROM builds b WHERE b.pipeline_id = ({_OF_SEARCH}) ORDER BY b.id DESC LIMIT 1"
NOTED: dict[str, Callable[[Engine], str]] = {
    "overview": lambda _: "/",
    "pipeline": lambda engine: f"/pipelines/{find(engine, _OF_SEARCH)}",
    "alerts": lambda _: "/alerts",
}


@pytest.mark.parametrize("view", NOTED)
def test_what_depends_on_a_silent_source_names_it_and_why(
    visit: Callable[..., Page], silence: Callable[[], None], engine: Engine, view: str
) -> None:
    page = visit(NOTED[view](engine))
    note = page.locator(".stale-note")
    expect(note).to_have_count(0)

    silence()
    page.keyboard.press("r")

    expect(note).to_contain_text("platform/search")
    expect(note.locator(".tag")).to_have_attribute("title", re.compile(WHY))
    page.evaluate(AXE)
    assert "\n".join(page.evaluate(RUN)) == ""
    assert too_wide(page, 375, 1440) == ""


def test_a_build_of_a_silent_source_names_it_and_why(
    looking: Looking, silence: Callable[[], None], engine: Engine
) -> None:
    silence()
    page = looking.open()

    # Nobody has its log, so that something in it is awaited for ever.
    page.goto(f"/builds/{find(engine, _BUILD_OF_SEARCH)}")

    note = page.locator(".build-head .stale-note")
    expect(note).to_contain_text("platform/search")
    expect(note.locator(".tag")).to_have_attribute("title", re.compile(WHY))


ELSEWHERE: dict[str, Callable[[Engine], str]] = {
    "overview": lambda _: "/?provider=github",
    "pipeline": lambda engine: address_of("pipeline", engine),
}


@pytest.mark.parametrize("view", ELSEWHERE)
def test_what_does_not_depend_on_it_says_nothing(
    visit: Callable[..., Page], silence: Callable[[], None], engine: Engine, view: str
) -> None:
    silence()

    page = visit(ELSEWHERE[view](engine))

    expect(page.get_by_role("main").get_by_role("status").filter(has_text="platform/search")).to_have_count(1)
    expect(page.locator(".stale-note")).to_have_count(0)
