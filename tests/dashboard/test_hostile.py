"""Whatever a provider calls its things, the page shows text: no script runs, no link leads astray."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.plan import plan_events
from alerts.rules import Rules
from shared.clock import utc_now
from shared.database import make_engine
from shared.metrics.fold import fold
from shared.stored_logs import store
from tests.api.serving import a_world
from tests.conftest import Databases
from tests.dashboard.looking import too_wide
from tests.dashboard.views import NAMES
from tests.dashboard.world import RECEIVERS, ROUTES, freshen
from tests.factories import a_build, a_job, minutes
from tests.stored_logs import a_log

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script><style>*{display:none}</style>"
HOSTILE = (
    MARKUP,
    "\u202egnp.exe\u2066 bidi \u200f\u061c",
    "x" * 10_000,
    "javascript:alert(3)",
    "\x01\x07\x1b[31mcontrol\x7f\u0085\u2028",
    "{{7*7}} ${7*7} %3Cscript%3E &lt;b&gt; ' \" `",
    "e\u0301" + "\u0301" * 60,
)
SCRIPT = "javascript:alert(document.cookie)//https://"

VIEWS = {
    **{name: f"/{name}" for name in NAMES if name not in {"overview", "build", "pipeline", "incident"}},
    "overview": "/?window=7d",
    "build": "/builds/1",
    "pipeline": "/pipelines/1?window=7d",
    "incident": "/incidents/1",
}

_INJECTED = """
() => [
  ...document.querySelectorAll("main :is(img:not([src^='/badge/']), script, iframe, style, object, embed)"),
  ...[...document.querySelectorAll("a")].filter((link) => !/^https?:$/.test(link.protocol)),
  ...[...document.querySelectorAll("*")].filter(({ attributes }) =>
    [...attributes].some(({ name }) => name.startsWith("on"))),
].map((one) => one.outerHTML.slice(0, 200))
"""


@pytest.fixture(scope="module")
def stand_url(databases: Databases) -> Iterator[str]:
    """A database in which every name is hostile."""
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=4)
    _fill(engine)
    engine.dispose()
    yield url
    databases.drop(url)


def _fill(engine: Engine) -> None:
    world = a_world(engine, name="git.acme.test", scope=MARKUP)
    world.run("UPDATE sources SET baseline_at = now() - interval '1 day'")
    world.run("INSERT INTO cursors (name, pos) VALUES ('alerts', 0)")
    now = utc_now()
    for place, words in enumerate(HOSTILE):
        for number, status in enumerate(("succeeded", "failed", "failed")):
            world.record(
                a_build(
                    status,
                    pipeline_external_id=f"p{place}",
                    pipeline_name=f"{words} {place}",
                    pipeline_url=SCRIPT,
                    repository_external_id=f"r{place}",
                    repository_name=f"{words} {place}",
                    repository_url=SCRIPT,
                    external_id=f"{place}-{number}",
                    queued_at=now - minutes(40 - 10 * number),
                    branch=words,
                    default_branch=words,
                    commit_message=words,
                    author=words,
                    commit_author=words,
                    event=words,
                    raw_status=words,
                    web_url=SCRIPT,
                    jobs=(
                        a_job(
                            status,
                            external_id=f"j{place}-{number}",
                            name=words,
                            stage=words,
                            runner=words,
                            web_url=SCRIPT,
                        ),
                    ),
                )
            )
    with Session(engine) as session, session.begin():
        rules = Rules(routes={one.name: one for one in ROUTES}, receivers={one.name: one for one in RECEIVERS})
        plan_events(session, rules, now)
        log = "\n".join(HOSTILE).encode() + b"\n\x1b]8;;javascript:alert(4)\x07link\x1b]8;;\x07\n"
        store(session, 1, 1, [a_log(log, part="j0-0", name=MARKUP)])
        session.execute(
            text("""
                INSERT INTO log_requests (build_id, attempt, job_external_id, state, settled_at)
                VALUES (1, 1, '', 'stored', now()), (1, 1, 'j0-0', 'stored', now())
            """)
        )
    fold(engine)


@pytest.fixture
def visit_troubled(visit: Callable[..., Page], engine: Engine) -> Callable[..., Page]:
    """The source fails as well, and says so in hostile words."""
    freshen(engine)
    with engine.begin() as connection:
        given = {"error": f"{MARKUP} {'y' * 3000}"}
        statement = "UPDATE sources SET failures = 3, last_error = :error, last_ok_at = now() - interval '1 hour'"
        connection.execute(text(statement), given)
    return visit


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_names_are_text_on_every_view(visit_troubled: Callable[..., Page], view: str) -> None:
    page = visit_troubled(VIEWS[view], person=MARKUP)

    assert page.evaluate(_INJECTED) == []
    expect(page.get_by_role("main")).to_contain_text("onerror=alert(1)")
    assert too_wide(page, 375, 1440) == ""
