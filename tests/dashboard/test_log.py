"""The log of a build by its keys: from error to error, from line to line found, and along its end while it grows."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.stored_logs import store
from tests.dashboard.test_keys import press
from tests.dashboard.test_live import commit
from tests.dashboard.world import find
from tests.factories import a_job, minutes
from tests.stored_logs import a_log

ERRORS = (50, 200, 350)
"""Lines, from 1, that tell an error; those looked for come ten later."""

AGAIN_MS = 15_000
"""A log that grows is asked for every ten seconds."""

_SETTLED = """
    INSERT INTO log_requests (build_id, attempt, job_external_id, state, settled_at)
    VALUES (:build, 1, :part, 'stored', clock_timestamp())
    ON CONFLICT (build_id, attempt, job_external_id) DO UPDATE SET settled_at = excluded.settled_at
"""


def a_line(number: int) -> str:
    if number in ERRORS:
        return f"##[error]Broken at {number}\n"
    return f"needle in line {number}\n" if number - 10 in ERRORS else f"line {number}\n"


def lines(last: int) -> str:
    return "".join(map(a_line, range(1, last + 1)))


def keep(engine: Engine, number: int, words: str, *, is_complete: bool) -> None:
    """Put down what the only job of a build printed so far, as a scheduler that was just asked does."""
    build = find(engine, "SELECT id FROM builds WHERE external_id = :id", id=str(number))
    part = f"{number}-0"
    with Session(engine) as session, session.begin():
        store(session, build, 1, [a_log(words.encode(), part=part, is_complete=is_complete)])
        session.execute(text(_SETTLED), {"build": build, "part": part})


def a_logged_build(engine: Engine, status: str, number: int, words: str) -> str:
    """Its address; one that runs prints more."""
    job = a_job(status, external_id=f"{number}-0", name="only")
    ends = {"finished_at": utc_now()} if status == "failed" else {}
    commit(engine, status, external_id=str(number), number=number, jobs=(job,), **ends)
    keep(engine, number, words, is_complete=status == "failed")
    return f"/builds/{find(engine, 'SELECT id FROM builds WHERE external_id = :id', id=str(number))}"


def current(page: Page) -> Locator:
    """The line that keys led to."""
    return page.get_by_role("region", name="Lines of the log").locator(".log-current")


def test_e_goes_from_error_to_error_and_shift_e_back(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit(a_logged_build(engine, "failed", 9200, lines(400)))
    tools = page.get_by_role("toolbar", name="Log")
    expect(tools).to_contain_text("First of 3 errors")

    press(page, "e")
    expect(current(page)).to_contain_text("Broken at 50")
    press(page, "e")
    expect(current(page)).to_contain_text("Broken at 200")
    expect(current(page)).to_be_in_viewport()
    expect(tools).to_contain_text("Error 2 of 3")
    press(page, "E")

    expect(current(page)).to_contain_text("Broken at 50")
    expect(current(page)).to_be_in_viewport()


def test_n_goes_from_line_found_to_line_found_and_shift_n_back(visit: Callable[..., Page], engine: Engine) -> None:
    page = visit(a_logged_build(engine, "failed", 9201, lines(400)))
    field = page.get_by_role("searchbox", name="Search the log")
    press(page, "/")
    field.fill("needle")
    expect(page.get_by_role("toolbar", name="Log")).to_contain_text("3 lines")
    field.press("Enter")
    expect(current(page)).to_contain_text("line 60")
    field.evaluate("(field) => field.blur()")

    page.keyboard.press("n")
    expect(current(page)).to_contain_text("line 210")
    page.keyboard.press("n")
    expect(current(page)).to_contain_text("line 360")
    page.keyboard.press("N")

    expect(current(page)).to_contain_text("line 210")
    expect(current(page)).to_be_in_viewport()


def test_f_follows_the_end_of_a_log_that_grows_until_somebody_looks_up_or_it_is_over(
    visit: Callable[..., Page], engine: Engine
) -> None:
    page = visit(a_logged_build(engine, "running", 9202, lines(300)))
    scroller = page.get_by_role("region", name="Lines of the log")
    follow = page.get_by_role("toolbar", name="Log").get_by_role("button", name="Follow")
    expect(scroller.get_by_text("line 1", exact=True)).to_be_in_viewport()

    press(page, "f")
    expect(follow).to_have_attribute("aria-pressed", "true")
    expect(scroller.get_by_text("line 300", exact=True)).to_be_in_viewport()
    keep(engine, 9202, lines(330), is_complete=False)
    expect(scroller.get_by_text("line 330", exact=True)).to_be_in_viewport(timeout=AGAIN_MS)

    scroller.hover()
    page.mouse.wheel(0, -600)
    expect(follow).to_have_attribute("aria-pressed", "false")
    keep(engine, 9202, lines(340), is_complete=False)
    expect(page.get_by_text("340 lines")).to_be_visible(timeout=AGAIN_MS)
    expect(scroller.get_by_text("line 340", exact=True)).not_to_be_in_viewport()

    press(page, "f")
    expect(scroller.get_by_text("line 340", exact=True)).to_be_in_viewport()
    keep(engine, 9202, lines(345), is_complete=True)
    commit(
        engine, "succeeded", external_id="9202", number=9202, finished_at=utc_now() + minutes(0.1),
        jobs=(a_job("succeeded", external_id="9202-0", name="only"),),
    )  # fmt: skip
    expect(scroller.get_by_text("line 345", exact=True)).to_be_in_viewport(timeout=AGAIN_MS)
    expect(follow).to_have_count(0, timeout=AGAIN_MS)
    expect(page.get_by_role("region", name="Log", exact=True).get_by_role("status")).to_contain_text("Complete")
