"""The waterfall: commits by pipelines and jobs, merged over attempts and builds."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.waterfall_shapes import WaterfallSchema
from tests.api.serving import World, a_world, serve, statements
from tests.factories import NOON, a_build, a_job, minutes

OLD, NEW, THIRD = "a" * 40, "b" * 40, "c" * 40


def ask(client: FlaskClient, query: str = "") -> Any:
    answer = client.get(f"/api/waterfall{query}")
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert WaterfallSchema().validate(found) == {}
    return found


def cell_of(found: Any, *names: str) -> list[Any]:
    (cell,) = found["cells"]
    return [cell[name] for name in names]


def jobs_of(found: Any) -> dict[tuple[str, str], tuple[str, bool]]:
    """By commit and job, as what it is shown."""
    cells = found["job_cells"]
    return {
        (found["commits"][commit]["sha"], found["pipelines"][pipeline]["jobs"][job]["name"]): (status, is_flaky)
        for commit, pipeline, job, status, is_flaky in zip(
            *(cells[name] for name in ("commit", "pipeline", "job", "status", "is_flaky")), strict=True
        )
    }


def test_rows_are_commits_newest_first_with_who_built_them_first(world: World, client: FlaskClient) -> None:
    world.record(
        a_build(external_id="1", commit_sha=OLD, commit_message="Fix the login\n\nIt was broken.", author="ada"),
        a_build(
            external_id="2", commit_sha=NEW, queued_at=NOON + minutes(5), commit_message="Add a page", author="eve"
        ),
        a_build(external_id="3", commit_sha=OLD, queued_at=NOON + minutes(30), event="schedule", author="cron"),
    )

    commits = ask(client)["commits"]

    assert [(commit["sha"], commit["message"], commit["author"]) for commit in commits] == [
        (NEW, "Add a page", "eve"),
        (OLD, "Fix the login", "ada"),
    ]
    assert commits[1]["queued_at"] == "2026-11-20T12:00:00Z"
    assert {commit["repository"] for commit in commits} == {"acme/web"}


def test_a_pass_after_a_failure_in_the_attempt_before_is_a_pass_and_flaky(world: World, client: FlaskClient) -> None:
    world.record(a_build("failed", attempt=1, jobs=(a_job("failed"),)))
    world.record(a_build("succeeded", attempt=2, updated_at=NOON + minutes(9), jobs=(a_job(external_id="2"),)))

    found = ask(client)

    assert cell_of(found, "status", "former", "is_flaky", "attempts", "builds", "failure") == [
        "succeeded",
        None,
        True,
        2,
        1,
        None,
    ]
    assert jobs_of(found) == {(OLD, "test"): ("succeeded", True)}


def test_builds_of_one_commit_are_merged_and_a_cancelled_one_loses_to_a_result(
    world: World, client: FlaskClient
) -> None:
    world.record(
        a_build("failed", external_id="1"),
        a_build("cancelled", external_id="2", queued_at=NOON + minutes(10)),
    )

    found = ask(client)

    newest = world.ask("SELECT id FROM builds WHERE external_id = '2'")
    assert cell_of(found, "status", "is_flaky", "builds", "build_id") == ["failed", False, 2, newest]


def test_what_runs_is_shown_with_the_verdict_so_far(world: World, client: FlaskClient) -> None:
    world.run("UPDATE sources SET last_ok_at = now()")
    world.record(a_build("failed", attempt=1, jobs=(a_job("failed"),)))
    world.record(a_build("running", attempt=2, updated_at=NOON + minutes(9), jobs=(a_job("running", external_id="2"),)))

    found = ask(client)

    assert cell_of(found, "status", "former", "is_flaky", "failure") == ["running", "failed", False, "test"]
    assert (found["job_cells"]["status"], found["job_cells"]["former"]) == (["running"], ["failed"])


def test_a_build_that_nobody_should_believe_to_run_is_not_shown_running(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("succeeded", external_id="1"),
        a_build("running", external_id="2", queued_at=NOON + minutes(3), jobs=(a_job("running"),)),
    )
    world.run("UPDATE builds SET queued_at = queued_at - interval '3 years'")

    found = ask(client)

    assert cell_of(found, "status", "former") == ["succeeded", None]
    assert found["job_cells"]["status"] == ["unknown"]


def test_jobs_of_one_name_side_by_side_fail_together_and_one_after_another_pass(
    world: World, client: FlaskClient
) -> None:
    world.record(
        a_build(
            "failed",
            jobs=(
                a_job("failed", external_id="1", name="matrix"),
                a_job("succeeded", external_id="2", name="matrix"),
                a_job("failed", external_id="3", name="retried"),
                a_job("succeeded", external_id="4", name="retried", queued_at=NOON + minutes(4)),
            ),
        )
    )

    assert jobs_of(ask(client)) == {(OLD, "matrix"): ("failed", False), (OLD, "retried"): ("succeeded", True)}


def test_the_same_failure_has_the_same_name_in_every_cell(world: World, client: FlaskClient) -> None:
    jobs = (
        a_job("failed", external_id="1", name="lint", raw_status="exit 1"),
        a_job("failed", external_id="2", name="test", raw_status="exit 2"),
        a_job(external_id="3", name="build"),
    )
    world.record(
        a_build("failed", external_id="1", commit_sha=OLD, jobs=jobs),
        a_build("failed", external_id="2", commit_sha=NEW, queued_at=NOON + minutes(5), jobs=tuple(reversed(jobs))),
        a_build("timed_out", external_id="3", commit_sha=THIRD, queued_at=NOON + minutes(9), raw_status="TIMEOUT"),
    )

    found = ask(client)

    assert [cell["failure"] for cell in found["cells"]] == ["TIMEOUT", "lint, test", "lint, test"]
    assert [text for text in found["job_cells"]["failure"] if text] == ["exit 1", "exit 2"] * 2


def test_jobs_are_columns_in_the_order_they_were_first_seen(world: World, client: FlaskClient) -> None:
    first = (a_job(external_id="1", name="z", stage="build"), a_job(external_id="2", name="a", stage="test"))
    world.record(a_build(external_id="1", jobs=first))
    world.record(
        a_build(
            external_id="2",
            commit_sha=NEW,
            queued_at=NOON + minutes(5),
            jobs=(a_job(external_id="3", name="new"), a_job(external_id="4", name="a", stage="test")),
        )
    )

    (pipeline,) = ask(client)["pipelines"]

    assert [(job["name"], job["stage"]) for job in pipeline["jobs"]] == [("z", "build"), ("a", "test"), ("new", None)]


def test_an_idle_column_keeps_its_last_verdict(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("failed", external_id="1", commit_sha=OLD, jobs=(a_job("failed", name="nightly job"),)),
        a_build("failed", external_id="5", commit_sha=OLD, pipeline_external_id="1/11", pipeline_name="nightly"),
        a_build(
            external_id="6", commit_sha=OLD, pipeline_external_id="1/12", pipeline_name="zombie", status="cancelled"
        ),
        a_build(external_id="2", commit_sha=NEW, queued_at=NOON + minutes(9), jobs=(a_job(external_id="9"),)),
    )

    found = ask(client, "?limit=1")

    ci, nightly, zombie = found["pipelines"]
    assert [commit["sha"] for commit in found["commits"]] == [NEW]
    assert ci["last"] is None
    assert {job["name"]: job["last"] and job["last"]["status"] for job in ci["jobs"]} == {
        "nightly job": "failed",
        "test": None,
    }
    assert (nightly["last"]["status"], nightly["last"]["commit_sha"], nightly["last"]["queued_at"]) == (
        "failed",
        OLD,
        "2026-11-20T12:00:00Z",
    )
    assert zombie["last"] is None


def test_the_default_branch_is_shown_unless_another_is_asked_for(world: World, client: FlaskClient) -> None:
    world.record(
        a_build(external_id="1", commit_sha=OLD),
        a_build(external_id="2", commit_sha=NEW, branch="feature"),
        a_build(
            external_id="3",
            commit_sha=THIRD,
            branch="x",
            pipeline_external_id="2/1",
            repository_external_id="2",
            default_branch=None,
        ),
    )

    def shas(query: str) -> set[str]:
        return {commit["sha"] for commit in ask(client, query)["commits"]}

    assert shas("") == {OLD, THIRD}
    assert shas("?branch=feature") == {NEW}
    assert shas("?branch=feature,main") == {OLD, NEW}
    assert shas("?branch=none") == set()
    assert shas("?pipeline_id=1") == {OLD}


def test_pipelines_are_narrowed_to_what_is_asked_for(world: World, client: FlaskClient) -> None:
    world.record(a_build())
    jenkins = a_world(world.engine, name="jenkins", provider="jenkins", scope="folder")
    jenkins.record(
        a_build(provider="jenkins", repository_external_id="2", repository_name="acme/api", pipeline_name="n")
    )

    def names(query: str) -> list[str]:
        return [pipeline["name"] for pipeline in ask(client, query)["pipelines"]]

    assert names("") == ["n", "ci"]
    assert names("?provider=jenkins") == ["n"]
    assert names("?repo=acme/web") == ["ci"]
    assert names("?project=nobody") == []


def test_of_too_many_pipelines_those_built_last_are_shown(world: World, client: FlaskClient) -> None:
    world.record(
        *(
            a_build(
                external_id=f"{at}",
                pipeline_external_id=f"1/{at}",
                pipeline_name=f"p{at}",
                queued_at=NOON + minutes(at),
            )
            for at in range(61)
        )
    )

    found = ask(client)

    assert found["has_all_pipelines"] is False
    assert {pipeline["name"] for pipeline in found["pipelines"]} == {f"p{at}" for at in range(1, 61)}


def test_pages_of_commits_neither_repeat_nor_skip_one_that_is_built_again_later(
    world: World, client: FlaskClient
) -> None:
    shas = [f"{at:040x}" for at in range(7)]
    world.record(
        *(a_build(external_id=f"{at}", commit_sha=sha, queued_at=NOON + minutes(at)) for at, sha in enumerate(shas)),
        a_build(external_id="again", commit_sha=shas[0], queued_at=NOON + minutes(60)),
        a_build(external_id="again 3", commit_sha=shas[3], queued_at=NOON + minutes(61)),
    )
    seen: list[str] = []
    query = "?limit=2"

    while True:
        found = ask(client, query)
        seen += [commit["sha"] for commit in found["commits"]]
        if found["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={found['next_cursor']}"

    assert seen == shas[::-1]


def test_until_shows_the_commits_of_that_time(world: World, client: FlaskClient) -> None:
    world.record(
        a_build(external_id="1", commit_sha=OLD),
        a_build(external_id="2", commit_sha=NEW, queued_at=NOON + minutes(9)),
    )

    found = ask(client, "?until=2026-11-20T12:09:00Z")

    assert [commit["sha"] for commit in found["commits"]] == [OLD]


def test_commits_by_name_come_alone_and_as_they_stand_among_the_others(world: World, client: FlaskClient) -> None:
    world.record(
        a_build("failed", external_id="1", commit_sha=OLD, author="ada", jobs=(a_job("failed", name="lint"),)),
        a_build(external_id="2", commit_sha=OLD, queued_at=NOON + minutes(30), author="cron"),
        a_build(external_id="3", commit_sha=NEW, queued_at=NOON + minutes(9), jobs=(a_job(external_id="9"),)),
        a_build(external_id="4", commit_sha=THIRD, branch="feature", queued_at=NOON + minutes(10)),
    )
    whole = ask(client)

    alone = ask(client, f"?commit_sha={OLD},{THIRD}")

    assert alone["commits"] == [commit for commit in whole["commits"] if commit["sha"] == OLD]
    assert [cell | {"commit": 0} for cell in whole["cells"] if cell["commit"] == 1] == alone["cells"]
    assert jobs_of(alone) == {(OLD, "lint"): ("failed", False)}
    assert alone["next_cursor"] is None


def test_without_anything_the_waterfall_is_empty(client: FlaskClient) -> None:
    found = ask(client)

    assert (found["commits"], found["pipelines"], found["cells"], found["next_cursor"]) == ([], [], [], None)
    assert set(map(tuple, found["job_cells"].values())) == {()}


@pytest.mark.parametrize("query", ["?limit=101", "?cursor=x", "?until=today", "?status=failed"])
def test_a_wrong_question_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"/api/waterfall{query}").status_code == 422


@pytest.mark.parametrize("builds", [1, 40])
def test_it_costs_the_same_statements_however_much_there_is(world: World, builds: int) -> None:
    for at in range(builds):
        jobs = tuple(a_job(external_id=f"{job}", name=f"job {job}") for job in range(at))
        world.record(
            a_build(external_id=f"{at}", pipeline_external_id=f"1/{at % 7}", commit_sha=f"{at % 13:040x}", jobs=jobs)
        )
    client = serve(world.engine)

    with statements(world.engine) as sent:
        client.get("/api/waterfall?limit=10")

    assert len(sent) == 8
