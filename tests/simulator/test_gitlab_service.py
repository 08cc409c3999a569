"""The fake GitLab on the wire: who may ask, how lists page, what retries and re-opened pipelines look like."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator import TOKEN, Simulator
from simulator.gitlab.history import Pipeline
from tests.simulator.caller import Caller, Reply

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
API = "/api/v4/projects/lumen%2Fcheckout"
Row = dict[str, Any]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7, now=NOON, speed=0) as simulator:
        yield simulator


@pytest.fixture
def gitlab(simulator: Simulator) -> Caller:
    """Somebody who calls with the token in an `Authorization` header; `PRIVATE-TOKEN` is tried where it matters."""
    return Caller(simulator.gitlab_url, simulator.token)


def rows(reply: Reply) -> list[Row]:
    content = json.loads(reply.body)
    assert isinstance(content, list)
    return content


def told(simulator: Simulator, tells: Any) -> Pipeline:
    """The first pipeline of the first project of which something is true."""
    project = simulator.gitlab.world.projects[0]
    return next(each for each in simulator.gitlab.world.pipelines(project, simulator.clock.now()) if tells(each))


def test_a_private_token_opens_what_is_private_and_no_token_what_is_public(simulator: Simulator) -> None:
    anyone = Caller(simulator.gitlab_url)

    assert anyone.get(API).status == 200
    assert anyone.get("/api/v4/projects/lumen%2Fplatform%2Fledger").json == {"message": "404 Project Not Found"}
    assert anyone.get("/api/v4/projects/lumen%2Fplatform%2Fledger", PRIVATE_TOKEN=TOKEN).status == 200
    assert anyone.get(API, PRIVATE_TOKEN="nobody's").json == {"message": "401 Unauthorized"}


def test_tokens_can_have_run_out_or_lack_the_scope(simulator: Simulator) -> None:
    simulator.gitlab.settings.expired, simulator.gitlab.settings.narrow = frozenset({"old"}), frozenset({"narrow"})
    anyone = Caller(simulator.gitlab_url)

    expired, narrow = anyone.get(API, PRIVATE_TOKEN="old"), anyone.get(API, PRIVATE_TOKEN="narrow")
    assert (expired.status, expired.json["error"]) == (401, "invalid_token")
    assert (narrow.status, narrow.json["error"], narrow.json["scope"]) == (403, "insufficient_scope", "api read_api")


def test_a_renamed_project_leads_to_its_number_and_one_without_ci_is_forbidden(
    simulator: Simulator, gitlab: Caller
) -> None:
    old = gitlab.get("/api/v4/projects/lumen%2Fweb%2Fstorefront-web/pipelines?per_page=3")
    number = simulator.gitlab.world.projects[1].id

    assert old.status == 301
    assert old.headers["Location"] == f"{simulator.gitlab_url}/api/v4/projects/{number}/pipelines?per_page=3"
    assert "moved permanently" in old.body.decode()
    assert gitlab.get("/api/v4/projects/lumen%2Fhandbook").json["builds_access_level"] == "disabled"
    assert gitlab.get("/api/v4/projects/lumen%2Fhandbook/pipelines").json == {"message": "403 Forbidden"}


def test_pages_are_offsets_with_links_and_totals(gitlab: Caller) -> None:
    pages = gitlab.pages(f"{API}/pipelines?per_page=50")

    ids = [row["id"] for page in pages for row in rows(page)]
    assert ids == sorted(set(ids), reverse=True)
    assert {page.headers["X-Total"] for page in pages} == {str(len(ids))}
    assert [page.headers["X-Page"] for page in pages] == [str(number) for number in range(1, len(pages) + 1)]
    assert pages[-1].headers["X-Next-Page"] == ""
    assert pages[0].link("last") is not None
    assert len(rows(gitlab.get(f"{API}/pipelines"))) == 20
    assert len(rows(gitlab.get(f"{API}/pipelines?per_page=1000"))) == 100


def test_beyond_a_number_of_rows_there_are_no_totals(simulator: Simulator, gitlab: Caller) -> None:
    simulator.gitlab.settings.totals_up_to = 30

    pages = gitlab.pages(f"{API}/pipelines?per_page=100")

    assert len(pages) > 2
    for page in pages:
        assert "X-Total" not in page.headers
        assert "X-Total-Pages" not in page.headers
        assert page.link("last") is None


def test_the_incremental_list_begins_at_an_instant_and_ascends(simulator: Simulator, gitlab: Caller) -> None:
    retried = told(simulator, lambda each: each.openings and each.openings[-1] < NOON)
    edge = retried.openings[-1].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    everything = [row for page in gitlab.pages(f"{API}/pipelines?per_page=100") for row in rows(page)]

    pages = gitlab.pages(f"{API}/pipelines?updated_after={edge}&order_by=updated_at&sort=asc&per_page=100")
    found = [row for page in pages for row in rows(page)]

    stamps = [row["updated_at"] for row in found]
    assert stamps == sorted(stamps)
    assert {row["id"] for row in found} == {row["id"] for row in everything if row["updated_at"] >= edge}
    assert retried.id in {row["id"] for row in found if row["created_at"] < edge}


@pytest.mark.parametrize("query", ["status=failed", "ref=main", "source=merge_request_event", "username=ada-quill"])
def test_a_filter_gives_what_it_says(gitlab: Caller, query: str) -> None:
    everything = [row for page in gitlab.pages(f"{API}/pipelines?per_page=100") for row in rows(page)]

    found = [row for page in gitlab.pages(f"{API}/pipelines?per_page=100&{query}") for row in rows(page)]

    name, _, text = query.partition("=")
    assert 0 < len(found) < len(everything)
    if name != "username":
        assert {row["id"] for row in found} == {row["id"] for row in everything if row[name] == text}


def test_a_parameter_that_cannot_be_is_a_400(gitlab: Caller) -> None:
    reply = gitlab.get(f"{API}/pipelines?updated_after=yesterday")

    assert (reply.status, reply.json) == (400, {"error": "updated_after is invalid"})
    assert gitlab.get(f"{API}/pipelines?order_by=beauty").status == 400


def test_the_detail_knows_what_the_list_does_not(gitlab: Caller) -> None:
    row = next(row for row in rows(gitlab.get(f"{API}/pipelines?status=success")) if row["source"] == "push")

    detail = gitlab.get(f"{API}/pipelines/{row['id']}").json

    assert {"started_at", "finished_at", "duration", "queued_duration", "user", "detailed_status"}.isdisjoint(row)
    assert row.items() <= detail.items()
    assert datetime.fromisoformat(str(detail["started_at"])) < datetime.fromisoformat(str(detail["finished_at"]))
    assert str(detail["created_at"]).endswith("Z")
    assert len(str(detail["created_at"])) == len("2026-03-02T12:00:00.000Z")


def test_a_retry_is_a_new_job_that_hides_the_old_one(simulator: Simulator, gitlab: Caller) -> None:
    retried = told(simulator, lambda each: each.openings and each.openings[-1] < NOON - timedelta(days=1))

    shown = rows(gitlab.get(f"{API}/pipelines/{retried.id}/jobs"))
    everything = rows(gitlab.get(f"{API}/pipelines/{retried.id}/jobs?include_retried=true"))

    assert len({row["name"] for row in shown}) == len(shown) < len(everything)
    assert [row["id"] for row in everything] == sorted((row["id"] for row in everything), reverse=True)
    units = [row for row in everything if row["name"] == "unit"]
    assert units[0]["created_at"] > units[-1]["finished_at"]


def test_a_retried_pipeline_runs_again_under_its_id_and_keeps_its_past_end(
    simulator: Simulator, gitlab: Caller
) -> None:
    retried = told(simulator, lambda each: each.openings)
    opened_at = retried.openings[0]

    seen = []
    for offset in (-0.5, 0.5):
        simulator.clock.set(opened_at + timedelta(seconds=offset))
        seen.append(gitlab.get(f"{API}/pipelines/{retried.id}").json)

    assert seen[0]["status"] == "failed"
    assert seen[1]["status"] in {"pending", "running"}
    assert str(seen[1]["updated_at"]) > str(seen[0]["updated_at"])
    assert seen[0]["finished_at"] == seen[1]["finished_at"] is not None


def test_a_played_job_reopens_a_pipeline_that_had_passed(simulator: Simulator) -> None:
    reopened = told(
        simulator,
        lambda each: [phase.word for phase in each.phases].count("success") == 2 and not each.openings,
    )

    words = [phase.word for phase in reopened.phases]
    assert "running" in words[words.index("success") :]
    assert len({job.name for job in reopened.jobs}) == len(reopened.jobs)


def test_children_are_listed_by_their_source_only_and_bridges_lead_to_them(
    simulator: Simulator, gitlab: Caller
) -> None:
    child = told(simulator, lambda each: each.source == "parent_pipeline")
    listed = {row["id"] for page in gitlab.pages(f"{API}/pipelines?per_page=100") for row in rows(page)}
    children = rows(gitlab.get(f"{API}/pipelines?source=parent_pipeline&per_page=100"))

    assert child.id not in listed
    assert child.id in {row["id"] for row in children}
    assert {row["source"] for row in children} == {"parent_pipeline"}
    assert child.parent is not None
    (bridge,) = rows(gitlab.get(f"{API}/pipelines/{child.parent[1]}/bridges"))
    assert bridge["downstream_pipeline"]["id"] == child.id
    assert "runner" not in bridge
    jobs = rows(gitlab.get(f"{API}/pipelines/{child.parent[1]}/jobs?include_retried=true"))
    assert bridge["id"] not in {row["id"] for row in jobs}


def test_a_downstream_pipeline_is_in_the_other_project(simulator: Simulator, gitlab: Caller) -> None:
    upstream = told(simulator, lambda each: any(job.name == "deploy elsewhere" for job in each.jobs))

    (bridge,) = rows(gitlab.get(f"{API}/pipelines/{upstream.id}/bridges"))

    started = bridge["downstream_pipeline"]
    assert started["project_id"] == simulator.gitlab.world.projects[2].id
    assert gitlab.get(f"/api/v4/projects/{started['project_id']}/pipelines/{started['id']}").status == 200
    assert gitlab.get(f"{API}/pipelines/{started['id']}").status == 404


@pytest.mark.parametrize(
    ("tells", "words"),
    [
        (lambda each: each.yaml_errors, {"status": "failed", "started_at": None, "duration": None}),
        (lambda each: each.phases[-1].word == "manual", {"status": "manual", "finished_at": None}),
        (lambda each: each.phases[-1].word == "skipped", {"status": "skipped", "finished_at": None}),
    ],
)
def test_what_a_pipeline_can_be(simulator: Simulator, gitlab: Caller, tells: Any, words: Row) -> None:
    found = told(simulator, tells)

    assert words.items() <= gitlab.get(f"{API}/pipelines/{found.id}").json.items()


def test_a_broken_configuration_has_no_jobs_and_never_changed(simulator: Simulator, gitlab: Caller) -> None:
    broken = told(simulator, lambda each: each.yaml_errors)

    detail = gitlab.get(f"{API}/pipelines/{broken.id}").json

    assert detail["created_at"] == detail["updated_at"] == detail["finished_at"]
    assert rows(gitlab.get(f"{API}/pipelines/{broken.id}/jobs")) == []


def test_a_job_canceled_before_its_start_and_one_no_runner_took(simulator: Simulator, gitlab: Caller) -> None:
    jobs = [row for page in gitlab.pages(f"{API}/jobs?per_page=100") for row in rows(page)]

    canceled = [row for row in jobs if row["status"] == "canceled" and row["started_at"] is None]
    stuck = [row for row in jobs if row.get("failure_reason") == "stuck_or_timeout_failure"]
    assert all(row["finished_at"] and row["duration"] is None and row["runner"] is None for row in [*canceled, *stuck])
    assert canceled
    assert stuck
    assert {row.get("failure_reason") for row in jobs} >= {"script_failure", "job_execution_timeout", None}


def test_a_trace_is_plain_text_and_grows_to_its_end(simulator: Simulator, gitlab: Caller) -> None:
    failed = next(
        row for page in gitlab.pages(f"{API}/jobs?per_page=100") for row in rows(page)
        if row["status"] == "failed" and row["started_at"]
    )  # fmt: skip

    trace = gitlab.get(f"{API}/jobs/{failed['id']}/trace")

    assert trace.headers["Content-Type"].startswith("text/plain")
    assert trace.body.decode().endswith("ERROR: Job failed: exit code 1\x1b[0;m\n")
    assert gitlab.get(f"{API}/jobs/1/trace").status == 404


def test_the_limit_of_a_minute_is_told_on_every_answer_and_ends_in_retry_later(
    simulator: Simulator, gitlab: Caller
) -> None:
    told_before = gitlab.get(API).headers
    simulator.gitlab.budget.set_used(simulator.token, int(told_before["RateLimit-Limit"]), NOON)

    limited = gitlab.get(API)

    assert told_before["RateLimit-Name"] == "throttle_authenticated_api"
    assert int(told_before["RateLimit-Reset"]) == int(NOON.timestamp()) + 60
    assert (limited.status, limited.body) == (429, b"Retry later\n")
    assert limited.headers["Retry-After"] == "60"
    assert limited.headers["RateLimit-ResetTime"] == "Mon, 02 Mar 2026 12:01:00 GMT"
    simulator.clock.advance(61)
    assert gitlab.get(API).status == 200


def test_a_429_can_arrive_while_much_is_left(simulator: Simulator, gitlab: Caller) -> None:
    simulator.fault("secondary_limit", site="gitlab", seconds=20)

    limited = gitlab.get(API)

    assert (limited.status, limited.headers["RateLimit-Remaining"], limited.headers["Retry-After"]) == (
        429,
        "1500",
        "20",
    )


def test_the_ledger_and_the_list_agree(simulator: Simulator, gitlab: Caller) -> None:
    latest: dict[str, Row] = {}
    for entry in simulator.ledger(provider="gitlab"):
        if entry["repository"] == "lumen/checkout" and entry["event"] != "parent_pipeline":
            latest[str(entry["external_id"])] = entry

    listed = [row for page in gitlab.pages(f"{API}/pipelines?per_page=100") for row in rows(page)]

    assert {str(row["id"]): row["status"] for row in listed} == {
        number: entry["raw_status"] for number, entry in latest.items()
    }
    assert {entry["provider"] for entry in latest.values()} == {"gitlab"}


def test_the_same_seed_tells_the_same_story(simulator: Simulator) -> None:
    with Simulator(seed=7, now=NOON, speed=0) as again:
        assert again.ledger(provider="gitlab") == simulator.ledger(provider="gitlab")


def test_the_demo_shows_every_kind_of_standing() -> None:
    with Simulator(profile="demo", now=NOON, speed=0) as simulator:
        ledger = simulator.ledger(provider="gitlab")

    assert {entry["status"] for entry in ledger} >= {"running", "failed", "succeeded", "blocked", "cancelled"}
    assert max(int(str(entry["attempt"])) for entry in ledger) > 1
    assert any(entry["parent"] for entry in ledger)


def test_the_process_says_where_the_gitlab_is(simulator: Simulator) -> None:
    assert simulator.urls()["gitlab"] == simulator.gitlab_url
    assert simulator.urls()["gitlab_projects"] == ("lumen/checkout", "lumen/web/storefront", "lumen/platform/ledger")
