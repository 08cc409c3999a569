"""Lists of builds at scale: any filter and any two give exactly their builds, and a page reads a bounded number.

A build list that scans is right in every test with ten builds. Here are a hundred thousand.
"""

import itertools
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.database import make_engine
from shared.queries import BuildFilter, BuildPage, Position, list_builds
from shared.scope import Scope
from shared.status import Status
from tests.conftest import Databases
from tests.shared.many_builds import MIDDLE, START, fill, metered

MOST_READ = 12_000
"""Entries and rows a page may read, of a hundred thousand builds: several walks that each give up after a thousand."""

LIMIT = 50


def has(word: str) -> str:
    """In plain SQL: some word of the build begins so."""
    texts = "lower(concat_ws(' ', b.pipeline_name, b.branch, b.commit_sha, b.author, b.commit_message))"
    return f"' ' || regexp_replace({texts}, '[^[:alnum:]]+', ' ', 'g') LIKE '% {word}%'"


WANTED: dict[str, tuple[dict[str, Any], str]] = {
    "provider common": ({"scope": {"provider": ("github",)}}, "p.instance_id = 1"),
    "instance rare": ({"scope": {"instance": ("jenkins",)}}, "p.instance_id = 2"),
    "project rare": ({"scope": {"project": ("team",)}}, "p.project_id = 2"),
    "repository": ({"scope": {"repository": ("acme/1", "acme/8")}}, "p.repository_id IN (1, 8)"),
    "pipeline common": ({"scope": {"pipeline_id": (1,)}}, "b.pipeline_id = 1"),
    "pipeline rare": ({"scope": {"pipeline_id": (7, 9)}}, "b.pipeline_id IN (7, 9)"),
    "branch common": ({"branch": ("main",)}, "b.branch = 'main'"),
    "branch rare": ({"branch": ("old", "feature-3")}, "b.branch IN ('old', 'feature-3')"),
    "branch absent": ({"branch": ("none",)}, "false"),
    "status common": ({"status": (Status.SUCCEEDED,)}, "b.status = 'succeeded'"),
    "status rare": ({"status": (Status.TIMED_OUT,)}, "b.status = 'timed_out'"),
    "status several": ({"status": (Status.FAILED, Status.TIMED_OUT)}, "b.status IN ('failed', 'timed_out')"),
    "status open": ({"status": (Status.RUNNING, Status.QUEUED)}, "b.status IN ('running', 'queued')"),
    "author common": ({"author": ("author-3",)}, "b.author = 'author-3'"),
    "author rare": ({"author": ("eve",)}, "b.author = 'eve'"),
    "event common": ({"event": ("push",)}, "b.event = 'push'"),
    "event rare": ({"event": ("release",)}, "b.event = 'release'"),
    "commit": ({"commit_sha": ("c4ca4238a0b923820dcc509a6f75849b",)}, "b.commit_sha = md5('1')"),
    "commit built every day": ({"commit_sha": ("everyday",)}, "b.commit_sha = 'everyday'"),
    "cancelled by a person": (
        {"cancel_reason": ("person",)},
        "b.status = 'cancelled' AND b.cancel_reason = 'person'",
    ),
    "cancelled for no known reason": (
        {"cancel_reason": ("unknown",)},
        "b.status = 'cancelled' AND b.cancel_reason IS NULL",
    ),
    "first failed": (
        {"first_status": (Status.FAILED,)},
        "EXISTS (SELECT FROM attempts a WHERE a.build_id = b.id AND a.number = 1 AND a.status = 'failed')",
    ),
    "flaky": ({"is_flaky": True}, "b.id IN (SELECT build_id FROM flakes)"),
    "not flaky": ({"is_flaky": False}, "b.id NOT IN (SELECT build_id FROM flakes)"),
    "active": ({"is_active": True}, "NOT b.is_finished AND b.queued_at > now() - interval '36 days'"),
    "not active": ({"is_active": False}, "b.is_finished OR b.queued_at < now() - interval '36 days'"),
    "stale": ({"is_stale": True}, "NOT b.is_finished AND b.queued_at <= now() - interval '36 days'"),
    "not stale": ({"is_stale": False}, "b.is_finished OR b.queued_at > now() - interval '36 days'"),
    "timed": ({"has_duration": True}, "b.duration_seconds IS NOT NULL"),
    "not timed": ({"has_duration": False}, "b.duration_seconds IS NULL"),
    "waited": ({"has_wait": True}, "b.queued_seconds IS NOT NULL"),
    "not waited": ({"has_wait": False}, "b.queued_seconds IS NULL"),
    "since": ({"since": MIDDLE}, f"b.queued_at >= '{MIDDLE}'"),
    "until": ({"until": START + timedelta(days=3)}, f"b.queued_at < '{START + timedelta(days=3)}'"),
    "word common": ({"text": "fix"}, has("fix")),
    "word medium": ({"text": "Medium"}, has("medium")),
    "word rare": ({"text": "rarity indeed"}, f"{has('rarity')} AND {has('indeed')}"),
    "word ancient": ({"text": "ancient"}, has("ancient")),
    "words' beginnings": ({"text": "thing 33 pipeline"}, f"{has('thing')} AND {has('33')} AND {has('pipeline')}"),
    "words never together": ({"text": "fix rarity"}, "false"),
    "word absent": ({"text": "nowhere"}, "false"),
}
"""Filters with common and rare values; and the same in plain SQL over `b` and `p`."""


@dataclass(frozen=True)
class Many:
    """The builds of the database, oldest first, and the places in that order of those that each filter means."""

    engine: Engine
    order: list[Position]
    meant: dict[str, frozenset[int]]

    def between(self, after: Position | None, page: BuildPage, names: tuple[str, ...]) -> list[int]:
        """What is meant by all these filters, from below a position down to where a page came."""
        meant = frozenset.intersection(*(self.meant[name] for name in names))
        first = 0 if page.next is None else bisect_left(self.order, page.next)
        within = range(first, len(self.order) if after is None else bisect_left(self.order, after))
        # The fewer are looked at: most pages end soon, and of most pairs of filters few builds are meant.
        places = meant.intersection(within) if len(within) < len(meant) else {one for one in meant if one in within}
        return [self.order[place][1] for place in sorted(places, reverse=True)]


@pytest.fixture(scope="module")
def many(databases: Databases) -> Iterator[Many]:
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=1)
    try:
        fill(engine)
        with engine.connect() as connection:
            connection.execute(text("SET TIME ZONE 'UTC'"))
            order = connection.execute(text("SELECT queued_at, id FROM builds ORDER BY queued_at, id")).all()
            places = {build_id: place for place, (_, build_id) in enumerate(order)}
            meant = {
                name: frozenset(
                    places[build_id]
                    for build_id in connection.scalars(
                        text(f"SELECT b.id FROM builds b JOIN pipelines p ON p.id = b.pipeline_id WHERE {condition}")
                    )
                )
                for name, (_, condition) in WANTED.items()
            }
        yield Many(engine, [(at, build_id) for at, build_id in order], meant)
    finally:
        engine.dispose()
        databases.drop(url)


def wanted_by(*names: str) -> BuildFilter | None:
    """These filters in one; None where two of them are the same filter."""
    scope: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name in names:
        given = dict(WANTED[name][0])
        narrowed = given.pop("scope", {})
        if scope.keys() & narrowed or others.keys() & given:
            return None
        scope |= narrowed
        others |= given
    return BuildFilter(scope=Scope(**scope), **others)


def check_page(many: Many, session: Session, names: tuple[str, ...], after: Position | None) -> BuildPage:
    """One page: exactly what is meant down to where it came, for a bounded price."""
    wanted = wanted_by(*names)
    assert wanted is not None
    with metered(session) as meter:
        page = list_builds(session, wanted, limit=LIMIT, after=after)
    assert [row["id"] for row in page.rows] == many.between(after, page, names), names
    assert meter.read <= MOST_READ, (names, after, meter.read)
    return page


def open_session(many: Many, *, plan: str) -> Session:
    """A session whose statements are planned for their values, or kept for any."""
    session = Session(many.engine)
    session.execute(text("SELECT set_config('plan_cache_mode', :plan, false)"), {"plan": plan})
    driver: Any = session.connection().connection.driver_connection
    driver.prepare_threshold = 0
    session.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    return session


PLANS = ("force_custom_plan", "force_generic_plan")


@pytest.mark.parametrize("plan", PLANS)
def test_following_a_filter_to_its_end_gives_exactly_its_builds(many: Many, plan: str) -> None:
    with open_session(many, plan=plan) as session:
        for name in WANTED:
            seen = 0
            page = check_page(many, session, (name,), None)
            seen += len(page.rows)
            for _ in range(3):
                if page.next is None:
                    break
                page = check_page(many, session, (name,), page.next)
                seen += len(page.rows)
            if page.next is None:
                assert seen == len(many.meant[name]), name


@pytest.mark.parametrize("plan", PLANS)
def test_any_two_filters_give_exactly_what_fits_both_for_a_bounded_price(many: Many, plan: str) -> None:
    with open_session(many, plan=plan) as session:
        for names in itertools.combinations(WANTED, 2):
            if wanted_by(*names) is not None:
                page = check_page(many, session, names, None)
                if page.next is not None:
                    check_page(many, session, names, page.next)
                check_page(many, session, names, (MIDDLE, 50_000))


def test_the_meter_sees_what_one_way_and_no_bound_would_read(many: Many) -> None:
    """The common branch walked for a status that it never has: the page that this list must not become."""
    walked = text("""
        SELECT b.id FROM builds b WHERE b.branch = 'main' AND b.status = 'timed_out'
        ORDER BY b.queued_at DESC, b.id DESC LIMIT 50
    """)
    with Session(many.engine) as session:
        session.execute(text("DROP INDEX ix_builds_status_newest"))
        with metered(session) as meter:
            session.execute(walked).all()

    assert meter.read > MOST_READ
