"""`/api/builds/{id}/changes`: what a broken build has that the last good one had not."""

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from api.changes import BuildChangesSchema
from shared.ranges import Member, Wanted, record_range
from tests.api.serving import World
from tests.factories import NOON, a_build, minutes


def broken(world: World) -> None:
    """Build 1 succeeded on commit a…, build 2 failed on commit c…."""
    world.record(
        a_build("succeeded", external_id="1", commit_sha="a" * 40, queued_at=NOON),
        a_build("failed", external_id="2", commit_sha="c" * 40, queued_at=NOON + minutes(9)),
    )


def compare(world: World) -> None:
    members = (
        Member(sha="b" * 40, parents=("a" * 40,), author="Ada", message="Break it", committed_at=NOON),
        Member(sha="c" * 40, parents=("b" * 40,), author="Bob", message="Go on", committed_at=NOON + minutes(1)),
    )
    with Session(world.engine) as session, session.begin():
        record_range(session, Wanted(1, "a" * 40, "c" * 40), members, is_complete=True)


def test_the_commits_since_the_last_good_build_are_listed_newest_first(world: World, client: FlaskClient) -> None:
    broken(world)
    compare(world)

    answer = client.get("/api/builds/2/changes").get_json()

    assert BuildChangesSchema().validate(answer) == {}
    assert (answer["base_build_id"], answer["base_sha"], answer["head_sha"]) == (1, "a" * 40, "c" * 40)
    assert [commit["sha"][0] for commit in answer["commits"]] == ["c", "b"]
    assert answer["commits"][1] == {
        "sha": "b" * 40,
        "author": "Ada",
        "message": "Break it",
        "committed_at": "2026-11-20T12:00:00Z",
    }
    assert (answer["is_complete"], answer["reason"]) == (True, None)


def test_what_nobody_compared_yet_is_said(world: World, client: FlaskClient) -> None:
    broken(world)

    answer = client.get("/api/builds/2/changes").get_json()

    assert (answer["is_complete"], [commit["sha"][0] for commit in answer["commits"]]) == (False, ["c"])
    assert "not asked" in answer["reason"]


def test_the_first_build_of_a_branch_has_nothing_to_be_compared_with(world: World, client: FlaskClient) -> None:
    broken(world)

    answer = client.get("/api/builds/1/changes").get_json()

    assert (answer["base_sha"], answer["commits"], answer["is_complete"]) == (None, [], False)
    assert "no build succeeded" in answer["reason"]


def test_a_build_that_is_not_there_is_not_found(client: FlaskClient) -> None:
    assert client.get("/api/builds/7/changes").status_code == 404
