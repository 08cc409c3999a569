"""The waterfall while builds go on: an event changes its cell in place, and nobody asks for everything again."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Request, Route, WebSocketRoute, expect
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.recorder import record
from tests.dashboard.looking import Looking, settle
from tests.factories import a_build, a_job, minutes

SHA = "5ca1ab1e" * 5
SOON_MS = 5_000
QUESTIONS = "**/api/waterfall?*"
FIGURES = re.compile(r"/api/metrics/overview\?")


def commit(engine: Engine, status: str, job: str) -> None:
    queued_at = utc_now() - minutes(1)
    build = a_build(
        status,
        external_id="9100",
        number=9100,
        queued_at=queued_at,
        commit_sha=SHA,
        commit_message="A commit to follow",
        branch="followed",
        jobs=(a_job(job, name="followed"),),
    )
    with Session(engine) as session, session.begin():
        record(session, [build], instance_id=1, source_id=1, is_backfill=False)


class Stream:
    """The stream of events to a page, which hears of nothing until it is let go."""

    def __init__(self, page: Page) -> None:
        self._is_held = True
        self._held: list[str | bytes] = []
        page.route_web_socket(re.compile("/ws$"), self._open)

    def _open(self, to_page: WebSocketRoute) -> None:
        self._to_page = to_page
        to_page.connect_to_server().on_message(self._hear)

    def _hear(self, message: str | bytes) -> None:
        if self._is_held:
            self._held.append(message)
        else:
            self._to_page.send(message)

    def let_go(self) -> None:
        self._is_held = False
        for message in self._held:
            self._to_page.send(message)


def asked(request: Request) -> dict[str, list[str]] | None:
    """What the waterfall is asked for; None: the question is another."""
    url = urlsplit(request.url)
    return parse_qs(url.query) if url.path == "/api/waterfall" else None


def is_whole(request: Request) -> bool:
    query = asked(request)
    return query is not None and "commit_sha" not in query


def test_an_event_changes_its_cell_and_only_its_commit_is_asked_for(looking: Looking, engine: Engine) -> None:
    commit(engine, "running", "running")
    page = looking.open()
    stream = Stream(page)
    page.goto("/waterfall?repository=acme%2Fweb&branch=followed")
    settle(page)
    row = page.locator("tr[data-row]").filter(has_text="A commit to follow")
    # Once it hears of events, the page asks for everything a last time.
    with page.expect_request_finished(is_whole):
        stream.let_go()
    row.locator("td.running").first.evaluate("cell => { cell.isMarked = true }")
    # What is asked from here on waits for its answer: the change is told by the event alone.
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(QUESTIONS, hold)

    with page.expect_request(lambda request: asked(request) is not None):
        commit(engine, "failed", "failed")

    cell = row.locator("td.failed").first
    expect(cell).to_be_visible(timeout=SOON_MS)
    assert cell.evaluate("cell => cell.isMarked") is True
    expect(row.locator("td.running")).to_have_count(1)
    held[0].continue_()
    expect(row.locator("td.running")).to_have_count(0, timeout=SOON_MS)
    assert [(asked(route.request) or {}).get("commit_sha") for route in held] == [[SHA]]


def test_what_is_wrong_with_older_commits_is_said_below_them(looking: Looking) -> None:
    looking.forgive("400")
    page = looking.visit("/waterfall?repository=acme%2Fstorefront")
    grid = page.get_by_role("grid", name="Commits by pipelines and jobs")
    expect(grid).to_have_attribute("aria-rowcount", "52")
    problem = {"title": "Bad Request", "status": 400, "detail": "That is too old."}
    page.route("**/api/waterfall?*cursor=*", lambda route: route.fulfill(status=400, json=problem))

    page.get_by_role("button", name="Older commits").click()

    alert = page.get_by_role("main").get_by_role("alert").filter(has_text="That is too old.")
    expect(alert).to_be_visible()
    expect(grid).to_have_attribute("aria-rowcount", "52")
    page.unroute_all()
    alert.get_by_role("button", name="Try again").click()
    expect(alert).to_have_count(0)
    expect(grid).not_to_have_attribute("aria-rowcount", "52")


def test_figures_that_are_refused_say_so(looking: Looking) -> None:
    looking.forgive("400")
    page = looking.open()
    problem = {"title": "Bad Request", "status": 400, "detail": "No figures today."}
    page.route("**/api/metrics/overview?*", lambda route: route.fulfill(status=400, json=problem))
    page.goto("/waterfall?repository=acme%2Fstorefront")

    settle(page)

    expect(page.get_by_role("main").get_by_role("alert").filter(has_text="No figures today.")).to_be_visible()


def builds_of(engine: Engine, repository: str, since: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(_BUILDS, {"repository": repository, "since": since}).scalar_one())


_BUILDS = text("""
    SELECT count(*) FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN repositories r ON r.id = p.repository_id
    WHERE r.name = :repository AND b.queued_at >= CAST(:since AS timestamptz)
""")
_DRAWN = "table => [...table.querySelectorAll('td')].reduce((sum, { textContent }) => sum + Number(textContent), 0)"


def test_the_charts_follow_the_filter_and_share_the_question_of_the_figures(looking: Looking, engine: Engine) -> None:
    page = looking.open(width=1280, height=800)
    questions: list[str] = []
    page.on("request", lambda request: questions.append(request.url) if FIGURES.search(request.url) else None)
    page.goto("/waterfall?repository=acme%2Fstorefront")
    settle(page)
    outcomes = page.get_by_role("table", name="Outcomes over time")
    since = parse_qs(urlsplit(questions[0]).query)["since"][0]
    assert outcomes.evaluate(_DRAWN) == builds_of(engine, "acme/storefront", since) > 0
    expect(page.get_by_role("table", name="Durations over time")).to_be_attached()

    page.get_by_role("button", name="Repository:").click()
    page.get_by_role("dialog", name="Repository").get_by_role("option", name="acme/payments").click()
    page.wait_for_url("**/waterfall?repository=acme%2Fpayments")
    settle(page)

    assert outcomes.evaluate(_DRAWN) == builds_of(engine, "acme/payments", since) > 0
    assert len(set(questions)) == 2


def test_the_charts_arrive_without_moving_the_grid_from_the_first_screen(looking: Looking) -> None:
    page = looking.open(width=1280, height=800)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(FIGURES, hold)
    page.goto("/waterfall?repository=acme%2Fstorefront")
    row = page.locator("tr[data-row='4']")
    row.wait_for()
    before = row.bounding_box()
    assert before is not None
    assert before["y"] + before["height"] < 800

    for route in held:
        route.continue_()
    page.unroute(FIGURES)

    expect(page.get_by_role("figure", name="Durations").locator(".lines")).to_be_visible()
    assert row.bounding_box() == before


def test_on_a_telephone_the_charts_are_folded_until_somebody_opens_them(visit: Callable[..., Page]) -> None:
    page = visit("/waterfall?repository=acme%2Fstorefront", width=375)
    outcomes = page.get_by_role("figure", name="Outcomes")
    expect(outcomes).to_have_count(0)

    page.get_by_role("button", name="Outcomes and durations").click()

    expect(outcomes.locator(".bar").first).to_be_visible()
    page.reload()
    expect(outcomes.locator(".bar").first).to_be_visible()


def test_what_is_active_is_said_in_full(visit: Callable[..., Page]) -> None:
    page = visit("/waterfall?repository=acme%2Fstorefront")

    active = page.locator(".waterfall-cards > .panel").filter(has_text="Active")
    words = active.locator("small").inner_text()
    assert re.fullmatch(r"\d+ running, 1 waiting", words)
    assert sum(int(one) for one in re.findall(r"\d+", words)) == int(active.locator("strong").inner_text())


_OUTSIDE = """
() => [...document.querySelectorAll(".waterfall-name")].flatMap((head) => {
  const [own, room] = [head.firstElementChild.getBoundingClientRect(), head.getBoundingClientRect()];
  return own.left < room.left - 1 || own.right > room.right + 1 || own.top < room.top - 1 ? [head.title] : [];
})
"""


def test_every_pipeline_says_once_of_which_repository_it_is(visit: Callable[..., Page]) -> None:
    page = visit("/waterfall")

    heads = page.locator(".waterfall-name")
    for name in ("ci · acme/payments", "ci · acme/storefront", "e2e · acme/storefront"):
        expect(heads.filter(has_text=name)).to_have_count(1)
    expect(heads.filter(has_text="platform/search")).to_have_text("platform/search")
    expect(page.locator(".waterfall-groups span:not(.visually-hidden)")).to_have_count(0)
    assert heads.count() > 10
    assert page.evaluate(_OUTSIDE) == []
