"""Lists of builds: every filter returns exactly its matches, pages neither repeat nor skip, statements stay few."""

import itertools
import random
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.models import Instance, Source
from shared.observation import Observation
from shared.queries import BuildFilter, build_objects, list_builds
from shared.recorder import record
from shared.rows import Row, as_int, rows
from shared.scope import Scope
from shared.status import Status
from tests.api.serving import statements
from tests.factories import NOON, a_build, minutes

FIELDS = (
    "id, provider, instance, project, pipeline_id, pipeline_name, repository, external_id, number, attempt, status, "
    "raw_status, is_unstable, branch, commit_sha, commit_message, author, event, queued_at, started_at, finished_at, "
    "duration_seconds, queued_seconds, progress, web_url, recorded_at, stale_since"
)


def an_instance(session: Session, name: str, provider: str) -> Instance:
    instance = Instance(name=name, provider=provider, base_url=f"https://{name}")
    session.add(instance)
    session.flush()
    session.add(Source(instance_id=instance.id, scope="all"))
    session.flush()
    return instance


def fill(session: Session, count: int = 120) -> list[Row]:
    """Builds of six pipelines on two instances, with everything a filter can name told apart; returned newest first."""
    chance = random.Random(7)
    for name, provider in (("github.com", "github"), ("jenkins", "jenkins")):
        instance = an_instance(session, name, provider)
        observations = [
            a_build(
                chance.choice(["succeeded", "failed", "running", "cancelled", "queued"]),
                provider=provider,
                external_id=f"{number}",
                number=number,
                pipeline_external_id=f"1/{number % 3}",
                pipeline_name=f"{name} ci {number % 3}",
                repository_external_id=f"{number % 3}",
                repository_name=f"acme/{number % 3}",
                # Whole minutes collide on purpose: the id has to break the tie.
                queued_at=NOON + minutes(chance.randrange(count // 2)),
                branch=chance.choice(["main", "feature/a_b", "feature/axb", None]),
                author=chance.choice(["ada", "bob"]),
                event=chance.choice(["push", "schedule"]),
                commit_message=chance.choice(["100% done", "1000 done", "Fix", None]),
            )
            for number in range(count // 2)
        ]
        record(session, observations, instance_id=instance.id, source_id=None, is_backfill=False)
    return list_builds(session, BuildFilter(), limit=10_000).rows


def test_a_build_object_has_the_documented_fields_in_the_documented_order(session: Session) -> None:
    rows = fill(session, 4)

    assert all(", ".join(row) == FIELDS for row in rows)
    assert build_objects(session, [int(str(rows[0]["id"]))]) == {rows[0]["id"]: rows[0]}


def test_all_builds_come_newest_first(session: Session) -> None:
    rows = fill(session)

    keys = [(row["queued_at"], row["id"]) for row in rows]
    assert len(rows) == 120
    assert keys == sorted(keys, reverse=True)


FILTERS: dict[str, tuple[BuildFilter, Callable[[Row], bool]]] = {
    "provider": (BuildFilter(scope=Scope(provider=("jenkins",))), lambda row: row["provider"] == "jenkins"),
    "instance": (BuildFilter(scope=Scope(instance=("github.com",))), lambda row: row["instance"] == "github.com"),
    "repository": (
        BuildFilter(scope=Scope(repository=("acme/1", "acme/2"))),
        lambda row: row["repository"] in {"acme/1", "acme/2"},
    ),
    "project": (BuildFilter(scope=Scope(project=("nobody",))), lambda row: row["project"] == "nobody"),
    "branch": (BuildFilter(branch=("feature/a_b",)), lambda row: row["branch"] == "feature/a_b"),
    "status": (BuildFilter(status=(Status.FAILED,)), lambda row: row["status"] == "failed"),
    "open statuses": (
        BuildFilter(status=(Status.RUNNING, Status.QUEUED)),
        lambda row: row["status"] in {"running", "queued"},
    ),
    "author": (BuildFilter(author=("ada",)), lambda row: row["author"] == "ada"),
    "event": (BuildFilter(event=("schedule",)), lambda row: row["event"] == "schedule"),
    "since": (BuildFilter(since=NOON + minutes(20)), lambda row: instant(row) >= NOON + minutes(20)),
    "until": (BuildFilter(until=NOON + minutes(20)), lambda row: instant(row) < NOON + minutes(20)),
    "word": (BuildFilter(text="FIX"), lambda row: row["commit_message"] == "Fix"),
    "words": (BuildFilter(text="done 100%"), lambda row: row["commit_message"] in {"100% done", "1000 done"}),
    "words of two texts": (
        BuildFilter(text="acme axb"),
        lambda row: row["branch"] == "feature/axb",
    ),
}


def instant(row: Row) -> datetime:
    assert isinstance(row["queued_at"], datetime)
    return row["queued_at"]


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_returns_its_matches_and_nothing_else(session: Session, name: str) -> None:
    everything = fill(session)
    wanted, fits = FILTERS[name]

    assert list_builds(session, wanted, limit=1000).rows == [row for row in everything if fits(row)]


def test_any_two_filters_together_return_what_fits_both(session: Session) -> None:
    everything = fill(session)

    for (wanted, fits), (other, also_fits) in itertools.combinations(FILTERS.values(), 2):
        both = BuildFilter(
            scope=Scope(
                **{name: getattr(wanted.scope, name) or getattr(other.scope, name) for name in Scope.__slots__}
            ),
            **{
                name: getattr(wanted, name) or getattr(other, name) for name in BuildFilter.__slots__ if name != "scope"
            },
        )
        is_combined = all(
            not getattr(one, name) or not getattr(two, name)
            for one, two in ((wanted, other), (wanted.scope, other.scope))
            for name in one.__slots__
            if name != "scope"
        )
        if is_combined:
            expected = [row for row in everything if fits(row) and also_fits(row)]
            assert list_builds(session, both, limit=1000).rows == expected, both


def test_pages_of_any_filter_put_together_are_the_whole(session: Session) -> None:
    everything = fill(session)

    for wanted, fits in FILTERS.values():
        pages: list[Row] = []
        after = None
        while page := list_builds(session, wanted, limit=7, after=after).rows:
            pages += page
            after = (instant(page[-1]), int(str(page[-1]["id"])))
        assert pages == [row for row in everything if fits(row)]


def test_builds_that_arrive_between_pages_neither_repeat_nor_hide_one(session: Session) -> None:
    before = fill(session)
    github = session.query(Instance).filter_by(name="github.com").one()
    seen: list[object] = []
    after = None
    number = 1000
    while page := list_builds(session, BuildFilter(), limit=10, after=after).rows:
        seen += [row["id"] for row in page]
        after = (instant(page[-1]), int(str(page[-1]["id"])))
        # One that is newest of all, one at the very instant the page ended, one from long ago.
        arriving = [
            a_build(external_id=f"{number + place}", queued_at=at)
            for place, at in enumerate((NOON + minutes(number), after[0], NOON - minutes(number)))
        ]
        record(session, arriving, instance_id=github.id, source_id=None, is_backfill=False)
        number += 10
        if number > 2000:
            break

    assert len(seen) == len(set(seen))
    assert {row["id"] for row in before} <= set(seen)


def test_pages_of_any_usual_length_are_planned_once(database: Engine) -> None:
    with Session(database) as session, session.begin():
        fill(session)

    with Session(database) as session:
        for limit in range(40, 62):
            list_builds(session, BuildFilter(), limit=limit)
        kept = rows(session, "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%stale_since%'")

    assert len(kept) == 1


@pytest.mark.parametrize("limit", [1, 50])
def test_a_list_costs_the_same_statements_however_long(database: Engine, limit: int) -> None:
    with Session(database) as session, session.begin():
        fill(session)
    asked = {
        "plain": BuildFilter(),
        "scope": BuildFilter(scope=Scope(repository=("acme/1",))),
        "one": BuildFilter(status=(Status.FAILED,)),
        "two": BuildFilter(status=(Status.FAILED,), branch=("main",)),
        "words": BuildFilter(text="done"),
    }
    sent = {}

    for name, wanted in asked.items():
        with statements(database) as sent[name], Session(database) as session:
            list_builds(session, wanted, limit=limit)

    assert {name: len(found) for name, found in sent.items()} == {
        "plain": 1, "scope": 2, "one": 1, "two": 3, "words": 2
    }  # fmt: skip


def given(session: Session, *observations: Observation) -> dict[str, int]:
    """Builds of one instance, by their external ids."""
    instance = an_instance(session, "github.com", "github")
    record(session, observations, instance_id=instance.id, source_id=None, is_backfill=False)
    return {str(row["external_id"]): as_int(row["id"]) for row in list_builds(session, BuildFilter(), limit=100).rows}


def found(session: Session, wanted: BuildFilter) -> list[str]:
    return sorted(str(row["external_id"]) for row in list_builds(session, wanted, limit=100).rows)


@pytest.mark.parametrize(
    ("reasons", "builds"),
    [(("person",), ["person"]), (("unknown",), ["untold"]), (("person", "superseded"), ["person", "superseded"])],
)
def test_cancelled_builds_are_told_apart_by_why(session: Session, reasons: tuple[str, ...], builds: list[str]) -> None:
    given(
        session,
        *(a_build("cancelled", external_id=word, cancel_reason=word) for word in ("person", "superseded")),
        a_build("cancelled", external_id="untold"),
        a_build("failed", external_id="other"),
    )

    assert found(session, BuildFilter(cancel_reason=reasons)) == builds


def test_a_build_is_found_by_how_its_first_attempt_ended(session: Session) -> None:
    given(
        session,
        a_build("failed", external_id="again"),
        a_build("succeeded", external_id="again", attempt=2),
        a_build("failed", external_id="once"),
        a_build("succeeded", external_id="passed"),
        a_build("failed", external_id="late", attempt=2),
    )

    assert found(session, BuildFilter(first_status=(Status.FAILED,))) == ["again", "once"]
    assert found(session, BuildFilter(first_status=(Status.FAILED,), status=(Status.SUCCEEDED,))) == ["again"]


def test_flaky_builds_are_those_on_record_as_flakes(session: Session) -> None:
    ids = given(session, a_build(external_id="flaky"), a_build(external_id="calm"))
    session.execute(
        text("""
            INSERT INTO flakes (build_id, pipeline_id, commit_sha, queued_at, passed_attempt, failed_build_id,
                                failed_attempt)
            SELECT id, pipeline_id, commit_sha, queued_at, 2, id, 1 FROM builds WHERE id = :id
        """),
        {"id": ids["flaky"]},
    )

    assert found(session, BuildFilter(is_flaky=True)) == ["flaky"]
    assert found(session, BuildFilter(is_flaky=True, scope=Scope(repository=("acme/web",)))) == ["flaky"]
    assert found(session, BuildFilter(is_flaky=False)) == ["calm"]


def test_active_builds_are_open_and_to_be_believed(session: Session) -> None:
    now = utc_now()
    given(
        session,
        a_build("running", external_id="now", queued_at=now),
        a_build("running", external_id="ghost", queued_at=now - minutes(60 * 24 * 40)),
        a_build(external_id="over", queued_at=now),
    )

    assert found(session, BuildFilter(is_active=True)) == ["now"]
    assert found(session, BuildFilter(is_active=False)) == ["ghost", "over"]


def test_builds_without_a_duration_can_be_asked_for_or_left_out(session: Session) -> None:
    given(session, a_build(external_id="timed"), a_build("skipped", external_id="untimed", started_at=None))

    assert found(session, BuildFilter(has_duration=True)) == ["timed"]
    assert found(session, BuildFilter(has_duration=False)) == ["untimed"]


def test_a_commit_gives_its_builds(session: Session) -> None:
    given(session, a_build(external_id="1"), a_build(external_id="2", commit_sha="b" * 40))

    assert found(session, BuildFilter(commit_sha=("b" * 40, "c" * 40))) == ["2"]
    assert found(session, BuildFilter(commit_sha=("b" * 39,))) == []
