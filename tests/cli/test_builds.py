"""`builds` for people and for programs: the same filters as the API's list, however rare what fits is."""

import json

import pytest
from sqlalchemy import Engine

from tests.api.serving import World, a_world, many_builds
from tests.cli.conftest import Run
from tests.factories import NOON, a_build, minutes


@pytest.fixture
def world(database: Engine) -> World:
    return a_world(database)


def test_the_newest_builds_are_listed_one_a_line(run: Run, world: World, database_url: str) -> None:
    world.record(a_build("failed", external_id="1", author=None), a_build(external_id="2", queued_at=NOON + minutes(1)))

    result = run("builds", "--limit", "1", DATABASE_URL=database_url)
    everything = run("builds", DATABASE_URL=database_url)

    assert result.exit_code == 0, result.output
    assert [line.split("\t")[1:7] for line in result.stdout.splitlines()] == [
        ["2", "succeeded", "github.com:acme/web ci", "main", "aaaaaaaa", "ada"]
    ]
    assert [line.split("\t")[2] for line in everything.stdout.splitlines()] == ["succeeded", "failed"]
    assert everything.stderr == ""


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (["--status", "failed", "--status", "cancelled"], [3, 1]),
        (["--branch", "dev"], [2]),
        (["log", "fix"], [2]),
        (["--first-status", "failed", "log"], []),
        (["--cancel-reason", "person"], [3]),
        (["--not-timed"], [3]),
        (["--since", "2026-11-20T12:01:30Z"], [3]),
        (["--until", "2026-11-20T12:01:00"], [1]),
        (["--repository", "acme/web", "--not-flaky", "--not-active", "--timed"], [2, 1]),
        (["--project", "nobody"], []),
    ],
)
def test_builds_are_narrowed_by_words_and_options(
    run: Run, world: World, database_url: str, asked: list[str], ids: list[int]
) -> None:
    world.record(
        a_build("failed", external_id="1", commit_message="Nothing"),
        a_build(external_id="2", branch="dev", queued_at=NOON + minutes(1)),
        a_build("cancelled", external_id="3", cancel_reason="person", commit_message=None, started_at=None,
                queued_at=NOON + minutes(2)),
    )  # fmt: skip

    document = json.loads(run("builds", "--json", *asked, DATABASE_URL=database_url).stdout)

    assert [build["id"] for build in document["builds"]] == ids


def test_short_pages_are_followed(run: Run, world: World, database_url: str) -> None:
    world.record(*many_builds(1001), a_build(external_id="old", event="release", queued_at=NOON - minutes(1)))

    result = run("builds", "--event", "release", DATABASE_URL=database_url)

    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == ["succeeded"]
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--since", "yesterday"], "must be an instant"),
        (["--", "--"], "a letter or a digit"),
        (["--status", "x"], "'x'"),
    ],
)
def test_a_mistake_is_said_in_words(run: Run, database_url: str, asked: list[str], words: str) -> None:
    result = run("builds", *asked, DATABASE_URL=database_url)

    assert result.exit_code == 2
    assert words in result.output
