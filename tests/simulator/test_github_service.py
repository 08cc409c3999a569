"""Who may ask what: credentials, budgets, entity tags, renames, attempts, logs."""

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest

from simulator import TOKEN, Simulator
from tests.simulator.caller import Caller
from tests.simulator.conftest import NOON

RUNS = "/repos/lumen-shop/checkout/actions/runs"
JOBS = "/repos/lumen-shop/checkout/actions/jobs"


def used(simulator: Simulator, token: str | None) -> int:
    return simulator.github.standing(token, simulator.clock.now(), 0).used


@pytest.fixture
def finished(github: Caller) -> dict[str, object]:
    return github.get(f"{RUNS}?status=failure&per_page=1").rows[0]


def test_a_known_answer_is_a_304_without_body_and_free_with_a_token(simulator: Simulator, github: Caller) -> None:
    first = github.get(f"{RUNS}?per_page=5")

    again = github.get(f"{RUNS}?per_page=5", If_None_Match=first.headers["ETag"])

    assert first.headers["ETag"].startswith('W/"')
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert used(simulator, TOKEN) == 1
    assert again.headers["X-RateLimit-Used"] == "1"


def test_without_a_token_a_304_costs_a_request(simulator: Simulator) -> None:
    anonymous = Caller(simulator.url)
    tag = anonymous.get(RUNS).headers["ETag"]

    assert anonymous.get(RUNS, If_None_Match=tag).status == 304

    assert used(simulator, None) == 2


def test_a_tag_belongs_to_a_token_and_to_what_is_shown() -> None:
    with Simulator(now=NOON, speed=0, tokens={"a": 5000, "b": 5000}) as simulator:
        tag = Caller(simulator.url, "a").get(RUNS).headers["ETag"]

        assert Caller(simulator.url, "b").get(RUNS, If_None_Match=tag).status == 200
        assert Caller(simulator.url, "a").get(RUNS, If_None_Match=f'"other", {tag}').status == 304
        simulator.clock.advance(6 * 3600)
        assert Caller(simulator.url, "a").get(RUNS, If_None_Match=tag).status == 200


def test_the_budget_is_counted_told_and_refused_until_it_is_reset(simulator: Simulator) -> None:
    anonymous = Caller(simulator.url)
    simulator.github.budget.set_used("anonymous", 59, NOON)

    last = anonymous.get(RUNS)
    refused = anonymous.get(RUNS)

    assert (last.status, last.headers["X-RateLimit-Remaining"], last.headers["X-RateLimit-Limit"]) == (200, "0", "60")
    assert refused.status == 403
    assert "API rate limit exceeded" in str(refused.json["message"])
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert int(refused.headers["X-RateLimit-Reset"]) == int((NOON + timedelta(hours=1)).timestamp())
    assert Caller(simulator.url, TOKEN).get(RUNS).status == 200  # another budget
    simulator.clock.advance(3600)
    assert anonymous.get(RUNS).headers["X-RateLimit-Used"] == "1"


def test_asking_for_the_budget_is_free(simulator: Simulator, github: Caller) -> None:
    github.get(RUNS)

    told = github.get("/rate_limit").json

    assert told["rate"] == {"limit": 5000, "used": 1, "remaining": 4999, "reset": int(NOON.timestamp()) + 3600}
    assert used(simulator, TOKEN) == 1


def test_credentials_are_checked(simulator: Simulator, github: Caller) -> None:
    bad = Caller(simulator.url, "wrong").get(RUNS)

    assert (bad.status, bad.json["message"]) == (401, "Bad credentials")
    assert Caller(simulator.url).get("/user").status == 401
    assert github.get("/user").json["login"] == "ada-quill"
    assert github.get(RUNS, Authorization="token " + TOKEN).status == 200


def test_a_private_repository_is_not_there_without_a_token(simulator: Simulator, github: Caller) -> None:
    hidden = Caller(simulator.url).get("/repos/lumen-shop/ledger")

    assert hidden.status == 404
    assert hidden.json["message"] == "Not Found"
    assert github.get("/repos/lumen-shop/ledger").json["private"] is True
    assert github.get("/repos/lumen-shop/nothing").status == 404


def test_strangers_are_refused_as_github_refuses_them(github: Caller) -> None:
    assert github.get(RUNS, X_GitHub_Api_Version="2026-03-10").status == 200
    assert github.get(RUNS, X_GitHub_Api_Version="1999-01-01").status == 400
    assert github.call("PATCH", RUNS).status == 404


def test_a_renamed_repository_moves_permanently_to_its_numeric_address(simulator: Simulator, github: Caller) -> None:
    repository = simulator.world.repositories[1]

    moved = github.get("/repos/lumen-shop/storefront-web/actions/runs?per_page=2")

    address = f"{simulator.url}/repositories/{repository.id}/actions/runs?per_page=2"
    assert (moved.status, moved.headers["Location"], moved.json["url"]) == (301, address, address)
    there = github.get(moved.headers["Location"])
    assert there.rows == github.get("/repos/Lumen-Shop/STOREFRONT/actions/runs?per_page=2").rows
    simulator.clock.set(NOON - timedelta(hours=1))
    assert github.get("/repos/lumen-shop/storefront-web/actions/runs?per_page=2").status == 200
    assert github.get("/repos/lumen-shop/storefront").status == 404


def test_every_attempt_stays_and_says_who_started_it(simulator: Simulator, github: Caller) -> None:
    run = next(row for row in github.get(f"{RUNS}?per_page=100").rows if int(str(row["run_attempt"])) > 1)
    number = int(str(run["run_attempt"]))

    attempts = [github.get(f"{run['url']}/attempts/{each}").json for each in range(1, number + 1)]

    assert [attempt["run_attempt"] for attempt in attempts] == list(range(1, number + 1))
    assert attempts[-1]["previous_attempt_url"] == f"{run['url']}/attempts/{number - 1}"
    assert attempts[0]["previous_attempt_url"] is None
    assert attempts[0]["created_at"] == run["created_at"]
    assert str(run["created_at"]) < str(attempts[-1]["created_at"])
    assert str(run["run_started_at"]) > str(run["created_at"])
    assert github.get(f"{run['url']}/attempts/{number + 1}").status == 404
    latest, everything = (github.get(f"{run['url']}/jobs?filter={which}").rows for which in ("latest", "all"))
    assert latest == github.get(f"{run['url']}/attempts/{number}/jobs").rows
    assert {job["run_attempt"] for job in latest} == {number}
    assert everything[-len(latest) :] == latest
    assert len(everything) == sum(
        len(github.get(f"{run['url']}/attempts/{each}/jobs").rows) for each in range(1, number + 1)
    )


def test_a_job_is_found_by_its_id(github: Caller, finished: dict[str, object]) -> None:
    job = github.get(f"{finished['url']}/jobs").rows[0]

    assert github.get(str(job["url"])).json == job
    assert github.get(f"{JOBS}/{int(str(job['id'])) + 15}").status == 404


def test_logs_are_behind_a_link_on_another_host_that_lives_a_minute(
    simulator: Simulator, github: Caller, finished: dict[str, object]
) -> None:
    job = github.get(f"{finished['url']}/jobs").rows[0]

    text, archive = github.get(f"{job['url']}/logs"), github.get(f"{finished['url']}/logs")

    assert (text.status, archive.status) == (302, 302)
    downloads = Caller(str(simulator.urls()["downloads"]))
    assert text.headers["Location"].startswith(downloads.base)
    assert downloads.base != simulator.url
    log = downloads.get(text.headers["Location"])
    assert (log.status, log.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    with zipfile.ZipFile(io.BytesIO(downloads.get(archive.headers["Location"]).body)) as names:
        assert log.body in [names.read(name) for name in names.namelist()]
    assert all("authorization" not in record.headers for record in simulator.requests("downloads"))
    simulator.clock.advance(61)
    assert downloads.get(text.headers["Location"]).status == 403
    assert downloads.get(text.headers["Location"].replace("urlExpires=1", "urlExpires=9")).status == 403


def test_logs_are_gone_when_deleted_expired_or_not_yet_written(simulator: Simulator, github: Caller) -> None:
    pages = github.pages(f"{RUNS}?per_page=100&status=success")
    fresh, old = pages[0].rows[0], pages[-1].rows[-1]
    running = next(row for row in github.get(f"{RUNS}?status=queued").rows)

    assert github.get(f"{fresh['url']}/logs").status == 302
    assert github.call("DELETE", f"{fresh['url']}/logs").status == 204

    assert github.get(f"{fresh['url']}/logs").status == 404
    assert github.get(f"{old['url']}/logs").status == 410
    assert github.get(f"{running['url']}/logs").status == 404
    assert Caller(simulator.url).get(f"{pages[0].rows[1]['url']}/logs").status == 403


@pytest.fixture
def drill() -> Iterator[Simulator]:
    with Simulator(profile="drill", runs=60, seconds=10, now=NOON, speed=0) as simulator:
        yield simulator


def test_what_the_api_shows_in_the_end_is_what_the_ledger_says(drill: Simulator) -> None:
    github = Caller(drill.url, TOKEN)
    truth = {(str(entry["external_id"]), entry["attempt"]): entry for entry in drill.ledger(at_end=True)}
    drill.clock.advance(120)

    shown = {}
    for name in drill.repositories:
        for page in github.pages(f"/repos/{name}/actions/runs"):
            for row in page.rows:
                for number in range(1, int(str(row["run_attempt"])) + 1):
                    attempt = github.get(f"{row['url']}/attempts/{number}").json
                    jobs = github.get(f"{row['url']}/attempts/{number}/jobs").rows
                    shown[str(row["id"]), number] = (attempt, jobs)

    assert shown.keys() == truth.keys()
    assert drill.ledger() == drill.ledger(at_end=True)
    for key, (attempt, jobs) in shown.items():
        entry = truth[key]
        assert (attempt["status"], attempt["conclusion"]) == (entry["raw_status"], entry["raw_conclusion"])
        assert attempt["workflow_id"] == entry["workflow_id"]
        stored = entry["jobs"]
        assert isinstance(stored, list)
        assert [str(job["id"]) for job in jobs] == [job["external_id"] for job in stored]
        ends = [str(job["completed_at"]) for job in jobs]
        expected = max(ends) if ends else str(attempt["updated_at"])
        assert str(entry["finished_at"]).replace("+00:00", "Z") == expected
