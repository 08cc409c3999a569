"""When a source is stale, and what is said of it."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import backfills, health
from shared.freshness import sources, stale_sources
from shared.models import Credential, Instance, Project, Source
from shared.recorder import record
from shared.scope import Scope
from tests.factories import a_build, minutes

EVERYTHING = Scope()


@pytest.fixture(autouse=True)
def scheduler(session: Session) -> None:
    """A scheduler that lives."""
    health.beat(session)


def a_source(session: Session, scope: str = "acme/web", **columns: Any) -> Source:
    """A source that was reached this instant; `…_ago` shifts an instant by minutes before now."""
    now = session.scalar(text("SELECT now()"))
    assert now is not None
    instance = session.query(Instance).filter_by(name="github.com").one_or_none()
    instance = instance or Instance(name="github.com", provider="github", base_url="https://api.github.com")
    session.add(instance)
    session.flush()
    given: dict[str, Any] = {"last_ok_ago": 0, "next_poll_ago": -1, "created_ago": 60} | columns
    for name in [name for name in given if name.endswith("_ago")]:
        ago = given.pop(name)
        column = {"last_ok_ago": "last_ok_at", "next_poll_ago": "next_poll_at", "created_ago": "created_at"}[name]
        given[column] = None if ago is None else now - minutes(ago)
    source = Source(instance_id=instance.id, scope=scope, **given)
    session.add(source)
    session.flush()
    return source


FRESH: dict[str, dict[str, Any]] = {
    "just reached": {},
    "failing for a minute": {"last_ok_ago": 1, "failures": 2},
    "overdue for a minute": {"last_ok_ago": 1.5, "next_poll_ago": 1},
    "new and not reached yet": {"last_ok_ago": None, "created_ago": 1},
    "polled every ten minutes": {"last_ok_ago": 10, "interval_seconds": 600},
    "switched off": {"last_ok_ago": 600, "is_active": False},
}

STALE: dict[str, tuple[dict[str, Any], str]] = {
    "never reached": ({"last_ok_ago": None, "last_error": "401: the token is wrong"}, "never reached yet: 401"),
    "failing": ({"last_ok_ago": 3, "failures": 5, "last_error": "timed out"}, "5 polls in a row failed: timed out"),
    "overdue": ({"last_ok_ago": 4, "next_poll_ago": 3}, "a poll was due at"),
    "waiting for budget": ({"last_ok_ago": 6, "next_poll_ago": -30}, "when the request budget allows it"),
    "silent beyond its interval": (
        {"last_ok_ago": 13, "interval_seconds": 600, "next_poll_ago": -1},
        "the next poll is due at",
    ),
}


@pytest.mark.parametrize("name", FRESH)
def test_a_source_is_fresh_while(session: Session, name: str) -> None:
    a_source(session, **FRESH[name])

    assert stale_sources(session, EVERYTHING, limit=10) == []
    assert [(row["is_stale"], row["stale_reason"]) for row in sources(session, EVERYTHING, limit=10)] == [(False, None)]


@pytest.mark.parametrize("name", STALE)
def test_a_source_is_stale_and_says_why_when(session: Session, name: str) -> None:
    columns, words = STALE[name]
    a_source(session, **columns)

    (stale,) = stale_sources(session, EVERYTHING, limit=10)
    (row,) = sources(session, EVERYTHING, limit=10)

    assert words in str(stale["reason"])
    assert (row["is_stale"], row["stale_reason"]) == (True, stale["reason"])


# Five minutes after the cause, by rows as they stand then; the source had been polled the moment before it.
CAUSES: dict[str, dict[str, Any]] = {
    "the provider is unplugged from a quiet source": {"last_ok_ago": 5, "failures": 1, "interval_seconds": 165},
    "its polls hang": {"last_ok_ago": 5, "next_poll_ago": 5 - 165 / 60, "interval_seconds": 165},
    "the provider asked for a long pause after the list": {"last_ok_ago": 5.01, "next_poll_ago": -55},
    "the scheduler of a source polled once an hour is killed": {
        "last_ok_ago": 5,
        "next_poll_ago": -55,
        "interval_seconds": 3600,
        "heard_ago": 5,
    },
    "the credential of a source polled once an hour is blocked beyond that": {
        "last_ok_ago": 5,
        "next_poll_ago": -55,
        "interval_seconds": 3600,
        "blocked_for": 70,
    },
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_source_is_stale_five_minutes_after(session: Session, cause: str) -> None:
    columns = dict(CAUSES[cause])
    heard_ago, blocked_for = columns.pop("heard_ago", 0), columns.pop("blocked_for", -1)
    source = a_source(session, credential="github.com:abc", **columns)
    session.add(Credential(fingerprint="github.com:abc", instance_id=source.instance_id))
    session.flush()
    session.execute(text("UPDATE health SET heard_at = now() - make_interval(mins => :ago)"), {"ago": heard_ago})
    session.execute(
        text("UPDATE credentials SET blocked_until = now() + make_interval(mins => :m)"), {"m": blocked_for}
    )

    assert len(stale_sources(session, EVERYTHING, limit=10)) == 1


def test_a_poll_that_takes_long_is_told_from_one_that_does_not_happen(session: Session) -> None:
    a_source(session, last_ok_ago=5, next_poll_ago=4)
    session.execute(text("UPDATE sources SET lease_until = now() + interval '1 minute'"))

    (stale,) = stale_sources(session, EVERYTHING, limit=10)

    assert "is still under way" in str(stale["reason"])


def test_without_any_scheduler_the_reason_says_so(session: Session) -> None:
    session.execute(text("DELETE FROM health"))
    a_source(session, last_ok_ago=3)

    (stale,) = stale_sources(session, EVERYTHING, limit=10)

    assert "no scheduler has been heard of yet: is it running?" in str(stale["reason"])


def test_a_source_tells_how_it_came_to_be_watched_and_how_its_backfill_stands(session: Session) -> None:
    source = a_source(session, origin="found", pattern="acme/*", interval_reason="60 requests an hour")
    now = session.scalar(text("SELECT now()"))
    assert now is not None
    asked = backfills.request(session, source.id, now - minutes(100), now)
    assert asked is not None
    task = backfills.find_open(session, source.id)
    assert task is not None
    backfills.advance(session, task, now - minutes(25), None, builds=12, requests=3)

    (row,) = sources(session, EVERYTHING, limit=10)

    assert (row["origin"], row["pattern"], row["archived_at"]) == ("found", "acme/*", None)
    assert row["interval_reason"] == "60 requests an hour"
    assert row["backfill"] == {
        "state": "running",
        "since": now - minutes(100),
        "until": now,
        "reached": now - minutes(25),
        "share": 0.25,
        "builds": 12,
        "reason": None,
    }


def test_the_longest_silent_come_first_within_the_scope_asked_for(session: Session) -> None:
    project = Project(key="shop", name="Shop")
    session.add(project)
    session.flush()
    a_source(session, "recent", last_ok_ago=10, failures=1)
    a_source(session, "old", last_ok_ago=20, failures=1)
    a_source(session, "never", last_ok_ago=None)
    a_source(session, "shop", last_ok_ago=30, failures=1, project_id=project.id)

    def scopes(scope: Scope, limit: int = 10) -> list[object]:
        return [row["scope"] for row in stale_sources(session, scope, limit=limit)]

    assert scopes(EVERYTHING) == ["never", "shop", "old", "recent"]
    assert scopes(EVERYTHING, limit=2) == ["never", "shop"]
    assert scopes(Scope(project=("shop",))) == ["shop"]
    assert scopes(Scope(instance=("elsewhere",))) == []


def test_a_source_tells_its_budget_and_its_lag(session: Session) -> None:
    source = a_source(session, credential="abc")
    session.add(Credential(fingerprint="abc", instance_id=source.instance_id, request_limit=60, remaining=17))
    session.add(Credential(fingerprint="of another", instance_id=source.instance_id, request_limit=5, remaining=4))
    now = session.scalar(text("SELECT now()"))
    assert now is not None
    source.baseline_at = now - minutes(60)
    before, after = now - minutes(90), now - minutes(30)
    builds = [
        a_build(external_id="before", queued_at=before, finished_at=before),
        a_build(external_id="after", queued_at=after, finished_at=after),
    ]
    record(session, builds, instance_id=source.instance_id, source_id=source.id, is_backfill=False)
    session.execute(
        text("UPDATE builds SET recorded_at = finished_at + interval '20 seconds' WHERE external_id = 'after'")
    )

    (row,) = sources(session, EVERYTHING, limit=10)

    assert row["lag_seconds"] == 20
    assert row["budget"] == {
        "request_limit": 60,
        "remaining": 17,
        "reset_at": None,
        "blocked_until": None,
        "is_rejected": False,
    }
