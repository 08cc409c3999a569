"""Some days of an invented company's builds at three installations: the same each time, but for when they end."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.plan import plan_events
from alerts.rules import Rules
from shared import alert_rules, health, processes, silences
from shared.clock import utc_now
from shared.collector_errors import ErrorKind, note
from shared.config.routes import Matchers, RouteSettings
from shared.config.settings import Config, ReceiverSettings
from shared.metrics.fold import fold
from shared.observation import Observation, ObservedJob
from shared.status import FINISHED, Status
from shared.stored_logs import store
from tests.api.serving import World, a_world
from tests.factories import a_build, a_job, minutes
from tests.stored_logs import a_log
from tests.told import a_delivery, an_item

PEOPLE = ("ada", "grace", "linus", "margaret", "ken", "barbara", "edsger", "frances")
_WORK = (
    "Fix the login form on small screens", "Cache the exchange rates for a minute", "Upgrade the browser driver",
    "Show taxes before the last step", "Retry a payment once when the bank is slow", "Remove the old search index",
    "Sort suggestions by how often they are chosen", "Say which field is wrong", "Sign the package with the new key",
    "Measure how long a basket lives", "Let guests keep their basket", "Stop asking for the zip code twice",
)  # fmt: skip
_BRANCHES = ("guest-baskets", "taxes-early", "rates-cache", "retry-payments", "android-15", "faster-index")


@dataclass(frozen=True)
class Pipeline:
    """What runs for each push to a repository, and how it usually does."""

    instance: str
    repository: str | None
    name: str
    jobs: tuple[str, ...]
    length: float
    """Minutes."""
    pushed_every: float
    """Minutes."""
    is_flaky: bool = False
    only_main: bool = False
    broken: tuple[float, float] | None = None
    """From so many to so many hours ago, on main."""


_STORE, _SEARCH, _MOBILE = ("github.com", "acme/storefront"), ("gitlab.com", "platform/search"), ("ci.acme.test", None)

PIPELINES = (
    Pipeline(*_STORE, "ci", ("lint", "unit (3.12)", "unit (3.13)", "integration", "image"), 7, 55),
    Pipeline(*_STORE, "e2e", ("chromium", "firefox", "report"), 14, 55, is_flaky=True, broken=(5.2, 0)),
    Pipeline(*_STORE, "deploy", ("plan", "apply", "smoke"), 4, 55, only_main=True),
    Pipeline("github.com", "acme/payments", "ci", ("lint", "unit", "contract"), 5, 80, broken=(31, 27.5)),
    Pipeline(*_SEARCH, "platform/search", ("compile", "index", "relevance", "package"), 11, 90, broken=(26, 0)),
    Pipeline(*_MOBILE, "mobile/android", ("Checkout", "Assemble", "Test", "Sign"), 22, 200),
    Pipeline(*_MOBILE, "mobile/ios", ("Checkout", "Build", "Test", "Archive"), 26, 200, is_flaky=True),
)

AT_ONCE = 20

PROVIDERS = {"github.com": "github", "gitlab.com": "gitlab", "ci.acme.test": "jenkins"}
SCOPES = {"github.com": "acme/*", "gitlab.com": "platform/search", "ci.acme.test": "/"}

SCHEDULER = processes.Identity("scheduler")

ROUTES = (
    RouteSettings(name="main", receivers=("team-chat",)),
    RouteSettings(name="payments-at-night", receivers=("on-call",), repository=("acme/payments",), confirm=2),
)
RECEIVERS = (
    ReceiverSettings(kind="slack", name="team-chat", group_wait=0, group_interval=0),
    ReceiverSettings(kind="slack", name="on-call", group_wait=0, group_interval=0),
)

LOG = """\x1b[36m##[group]Set up\x1b[0m
node 24.4.1, chromium 142
##[endgroup]
\x1b[1mRunning 48 tests with 4 workers\x1b[0m
{passed}
\x1b[31m  ✕ basket > a guest keeps the basket (31.2 s)\x1b[0m
##[error]Timed out after 30000 ms waiting for the button "Pay"
    at tests/basket.spec.ts:41:17
\x1b[31m1 failed\x1b[0m, \x1b[32m47 passed\x1b[0m (4 m 12 s)
""".format(
    passed="\n".join(f"\x1b[32m  ✓\x1b[0m basket > step {number} ({number * 37 % 900} ms)" for number in range(1, 48))
)


def make_world(engine: Engine, *, days: float, now: datetime | None = None) -> dict[str, World]:
    """Fill a migrated database; returns where to let more happen, by installation."""
    now = now or utc_now()
    sites = {name: a_world(engine, name=name, provider=PROVIDERS[name], scope=SCOPES[name]) for name in PROVIDERS}
    for site in sites.values():
        site.run("UPDATE sources SET baseline_at = :at", at=now - timedelta(days=days + 1))
    jenkins = sites["ci.acme.test"]
    jenkins.run("INSERT INTO projects (key, name) VALUES ('mobile', 'Mobile apps')")
    jenkins.run(
        "UPDATE sources SET project_id = (SELECT id FROM projects WHERE key = 'mobile') WHERE id = :id",
        id=jenkins.source_id,
    )
    _make_rules(engine)
    _record(engine, sites, days, now)
    _settle(engine)
    _tell(engine, now)
    _keep_log(engine)
    freshen(engine)
    return sites


def freshen(engine: Engine) -> None:
    """Every source was asked just now, and a scheduler lives for as long as a test may take."""
    with Session(engine) as session, session.begin():
        processes.beat(session, SCHEDULER)
        session.execute(text("UPDATE processes SET heartbeat_at = clock_timestamp() + interval '1 hour'"))
        health.beat(session)
        session.execute(text("UPDATE health SET heard_at = clock_timestamp() + interval '1 hour'"))
        session.execute(
            text("""
                UPDATE sources SET last_ok_at = clock_timestamp() - interval '21 seconds', last_poll_at = now(),
                    next_poll_at = now() + interval '39 seconds', interval_seconds = 60, failures = 0, last_error = NULL
            """)
        )


def _record(engine: Engine, sites: dict[str, World], days: float, now: datetime) -> None:
    """Everything in the order in which it ended, and each time the planner's look at it, as it happened."""
    found = [(pipeline, one) for pipeline in PIPELINES for one in _history(pipeline, days, now)]
    found.sort(key=lambda each: each[1].finished_at or now)
    for start in range(0, len(found), AT_ONCE):
        page = found[start : start + AT_ONCE]
        for name, site in sites.items():
            site.record(*(one for pipeline, one in page if pipeline.instance == name))
        _plan(engine, page[-1][1].finished_at or now)


def _history(pipeline: Pipeline, days: float, now: datetime) -> Iterator[Observation]:
    pushes = int(days * 24 * 60 / pipeline.pushed_every)
    for number in range(pushes):
        # What is pushed is the same for every pipeline of a repository.
        push = Random(f"{pipeline.instance} {pipeline.repository} {number}")
        ago = (pushes - number - 1) * pipeline.pushed_every + 2 + push.uniform(0, 9)
        yield from _builds_of(pipeline, number, push, now - minutes(ago))
    if pipeline.only_main:
        waits = _seen(pipeline, pushes, Status.BLOCKED, now - minutes(3), 0, Random(7))
        yield replace(waits, commit_sha=_sha("approval"), commit_message=_WORK[0], author=PEOPLE[0], jobs=None)


def _builds_of(pipeline: Pipeline, number: int, push: Random, at: datetime) -> Iterator[Observation]:
    author, message, branch = push.choice(PEOPLE), push.choice(_WORK), push.choice(("main",) * 4 + _BRANCHES[:4])
    if pipeline.only_main and branch != "main":
        return
    sha = _sha(f"{pipeline.repository} {number}")
    chance = Random(f"{pipeline.name} {sha}")
    status = _status(pipeline, branch, at, chance)
    length = pipeline.length * chance.uniform(0.8, 1.3) * (0.3 if status is Status.CANCELLED else 1)
    build = _seen(pipeline, number, status, at, length, chance)
    build = replace(build, branch=branch, commit_sha=sha, commit_message=message, author=author, commit_author=author)
    yield build
    if pipeline.is_flaky and status is Status.FAILED and not _is_broken(pipeline, branch, at) and build.is_finished:
        again = _seen(pipeline, number, Status.SUCCEEDED, at, length * 2, chance)
        named = {name: getattr(build, name) for name in ("branch", "commit_sha", "commit_message", "author")}
        yield replace(again, attempt=2, **named)


def _sha(words: str) -> str:
    return hashlib.sha1(words.encode(), usedforsecurity=False).hexdigest()


def _status(pipeline: Pipeline, branch: str, at: datetime, chance: Random) -> Status:
    drawn = chance.random()
    if _is_broken(pipeline, branch, at):
        return Status.FAILED
    if drawn < (0.03 if branch == "main" else 0.17):
        return Status.FAILED
    if drawn > 0.985:
        return Status.TIMED_OUT
    return Status.CANCELLED if drawn > 0.94 else Status.SUCCEEDED


def _is_broken(pipeline: Pipeline, branch: str, at: datetime) -> bool:
    if pipeline.broken is None or branch != "main":
        return False
    hours = (utc_now() - at) / timedelta(hours=1)
    return pipeline.broken[1] <= hours <= pipeline.broken[0]


def _seen(pipeline: Pipeline, number: int, status: Status, at: datetime, length: float, chance: Random) -> Observation:
    """How the build stands by now: one that would end in the future still runs."""
    now = utc_now()
    started_at, finished_at = at + timedelta(seconds=chance.uniform(4, 40)), at + minutes(length)
    if finished_at > now and status is not Status.BLOCKED:
        status = Status.RUNNING
    is_finished = status in FINISHED
    home = f"https://{pipeline.instance}/{pipeline.repository or pipeline.name}"
    place = PIPELINES.index(pipeline)
    return a_build(
        str(status),
        provider=PROVIDERS[pipeline.instance],
        pipeline_external_id=f"{pipeline.repository}/{place}",
        pipeline_name=pipeline.name,
        pipeline_url=home,
        repository_external_id=pipeline.repository,
        repository_name=pipeline.repository,
        repository_url=home if pipeline.repository else None,
        external_id=f"{place}-{number}",
        number=1400 + number,
        queued_at=at,
        started_at=None if status is Status.BLOCKED else started_at,
        finished_at=finished_at if is_finished else None,
        event="push",
        web_url=f"{home}/runs/{1400 + number}",
        jobs=tuple(_jobs(pipeline, f"{place}-{number}-{at:%s}", status, started_at, length, now, chance)),
    )


def _jobs(
    pipeline: Pipeline, key: str, status: Status, start: datetime, length: float, now: datetime, chance: Random
) -> Iterator[ObservedJob]:
    """One after another, but for the second and third, which run side by side; the last but one is what fails."""
    share = length / len(pipeline.jobs)
    for place, name in enumerate(pipeline.jobs):
        began = start + minutes(share * (place - (place > 1)) + 0.1)
        ended = began + minutes(share * chance.uniform(0.7, 0.95))
        outcome = _job_status(status, place, len(pipeline.jobs), began, ended, now)
        has_begun, is_over = outcome not in (Status.QUEUED, Status.SKIPPED), outcome in FINISHED
        yield a_job(
            str(outcome),
            external_id=f"{key}-{place}",
            name=name,
            queued_at=start,
            started_at=began if has_begun else None,
            finished_at=ended if has_begun and is_over else None,
            runner=f"{'mac' if pipeline.name.endswith('ios') else 'linux'}-{chance.randint(1, 4)}",
        )


def _job_status(whole: Status, place: int, of: int, began: datetime, ended: datetime, now: datetime) -> Status:
    if whole is Status.RUNNING:
        return Status.SUCCEEDED if ended < now else Status.RUNNING if began < now else Status.QUEUED
    if whole is Status.SUCCEEDED or place < of - 2:
        return Status.SUCCEEDED
    return whole if place == of - 2 else Status.SKIPPED


def _make_rules(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        alert_rules.sync_rules(session, Config(receivers=RECEIVERS, routes=ROUTES))
        session.execute(text("INSERT INTO cursors (name, pos) VALUES ('alerts', 0)"))


def _plan(engine: Engine, now: datetime) -> None:
    rules = Rules(routes={one.name: one for one in ROUTES}, receivers={one.name: one for one in RECEIVERS})
    with Session(engine) as session, session.begin():
        plan_events(session, rules, now)


def _settle(engine: Engine) -> None:
    """The figures, as the scheduler keeps them; and everything was heard of soon after it happened."""
    with engine.begin() as connection:
        quick = "coalesce(finished_at, queued_at) + interval '4 seconds'"
        connection.execute(text(f"UPDATE builds SET recorded_at = {quick}"))
    while (folded := fold(engine)) is not None and folded.is_behind:
        pass


def _tell(engine: Engine, now: datetime) -> None:
    """Messages that were sent and one that never will be; a silence; an error of collecting; a budget."""
    with engine.begin() as connection:
        told = connection.execute(text("SELECT id FROM incidents ORDER BY opened_at DESC LIMIT 6")).scalars().all()
    for place, incident in enumerate(told):
        dead = {"receiver": "on-call", "state": "dead", "last_error": "Slack answered 404 no_service"}
        sent = {"receiver": "team-chat", "state": "sent"}
        an_item(engine, a_delivery(engine, **(dead if place == 2 else sent)), incident, 0)
    with Session(engine) as session, session.begin():
        silence = silences.NewSilence(
            matchers=Matchers(pipeline=("mobile/*",)),
            reason="The signing key is renewed until Monday",
            author="margaret",
            starts_at=now - timedelta(hours=3),
            ends_at=now + timedelta(hours=20),
        )
        silences.add(session, silence)
        note(session, 2, ErrorKind.UNAVAILABLE, "gitlab.com answered 502 Bad Gateway")
        session.execute(
            text("""
                INSERT INTO credentials (fingerprint, instance_id, request_limit, remaining, reset_at, updated_at)
                SELECT 'token ' || id, id, 5000, 5000 - id * 700, now() + interval '41 minutes', now() FROM instances
            """)
        )
        session.execute(text("UPDATE sources SET credential = 'token ' || instance_id"))


def _keep_log(engine: Engine) -> None:
    """The log of the newest failure of the end-to-end tests, job by job."""
    with Session(engine) as session, session.begin():
        build, part = session.execute(
            text("""
                SELECT b.id, j.external_id FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
                JOIN jobs j ON j.build_id = b.id
                WHERE p.name = 'e2e' AND b.status = 'failed' AND b.branch = 'main' AND j.status = 'failed'
                ORDER BY b.queued_at DESC LIMIT 1
            """)
        ).one()
        store(session, build, 1, [a_log(LOG.encode(), part=part, name="firefox")])
        session.execute(
            text("""
                INSERT INTO log_requests (build_id, attempt, job_external_id, state, settled_at)
                SELECT :build, 1, unnest(CAST(:parts AS text[])), 'stored', clock_timestamp()
            """),
            {"build": build, "parts": ["", part]},
        )


def find(engine: Engine, statement: str, **parameters: Any) -> int:
    """The id that a statement finds first."""
    with engine.connect() as connection:
        return int(connection.execute(text(statement), parameters).scalar_one())
