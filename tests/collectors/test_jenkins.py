"""The Jenkins collector against the simulated controller and against servers that misbehave."""

import base64
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from pydantic import ValidationError

from collectors.base import TooManyPages
from collectors.held_builds import BuildName
from collectors.jenkins import JenkinsCollector, JenkinsSettings
from collectors.jenkins_gate import AT_ONCE
from shared.errors import MalformedPayload, NotFound, Unauthorized
from shared.observation import Observation, Page
from shared.secret import SecretSource
from shared.status import Status
from simulator import TOKEN, Simulator
from simulator.exchange import Request
from simulator.jenkins.builds import Controller
from simulator.jenkins.estate import Kind, Plan
from simulator.profiles import make_profile
from tests.collectors.jenkins_rows import MILLIS, a_run
from tests.loopback import Heard, Loopback, reply

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def settings(url: str, **overrides: Any) -> JenkinsSettings:
    given: dict[str, Any] = {
        "kind": "jenkins",
        "name": "ci",
        "base_url": url,
        "username": "observer",
        "token": SecretSource(env="TOKEN", environ={"TOKEN": TOKEN}),
    }
    return JenkinsSettings(**(given | overrides))


class Memory:
    """What is recorded, for a collector without a database."""

    def __init__(self) -> None:
        self.builds: dict[BuildName, Observation] = {}

    def held(self, names: Sequence[BuildName]) -> Mapping[BuildName, bool]:
        return {name: self.builds[name].is_finished for name in names if name in self.builds}

    def take(self, pages: Iterator[Page]) -> list[Observation]:
        taken = [build for page in pages for build in page.observations]
        self.builds |= {(build.pipeline_external_id, build.external_id): build for build in taken}
        return taken


@contextmanager
def collecting(
    url: str, scope: str = "/", memory: Memory | None = None, **overrides: Any
) -> Iterator[JenkinsCollector]:
    chosen = settings(url, **overrides)
    with JenkinsCollector.open_client(chosen) as client:
        yield JenkinsCollector(chosen, scope, client, held=(memory or Memory()).held)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(profile="drill", runs=60, seconds=60, now=NOON, speed=0) as simulator:
        simulator.clock.advance(300)
        yield simulator


def listed(simulator: Simulator, scope: str = "/", memory: Memory | None = None) -> list[Observation]:
    memory = memory or Memory()
    with collecting(simulator.jenkins_url, scope, memory) as collector:
        return memory.take(collector.list_recent_builds(LONG_AGO))


def truth(simulator: Simulator, scope: str = "") -> dict[str, str]:
    return {
        str(entry["external_id"]): str(entry["status"])
        for entry in simulator.ledger(provider="jenkins")
        if str(entry["job"]).startswith(scope)
        and entry["number"]
        and not entry["is_deleted"]
        and not entry["is_corrupt"]
    }


@pytest.mark.parametrize(
    ("scope", "beginning"),
    [("/", ""), ("team", "team/"), ("team/app", "team/app/"), ("team/app/feature%2Fcheckout-v2", "team/app/feature"),
     ("org", "org/"), ("nightly", "nightly"), ("team/tools/Deploy to staging", "team/tools/")],
)  # fmt: skip
def test_a_folder_a_project_or_a_job_expands_into_its_builds(simulator: Simulator, scope: str, beginning: str) -> None:
    seen = listed(simulator, scope)

    assert {build.external_id: str(build.status) for build in seen} == truth(simulator, beginning)
    assert seen != []
    assert all(build.pipeline_external_id == "team/app" for build in seen if build.external_id.startswith("team/app/"))


@pytest.mark.parametrize("option", ["is_old", "has_stage_view", "context"])
def test_old_cores_missing_plugins_and_context_paths_are_read_alike(simulator: Simulator, option: str) -> None:
    chosen = {"is_old": True, "has_stage_view": False, "context": "/ci"}[option]
    setattr(simulator.jenkins.settings, option, chosen)

    seen = {build.external_id: str(build.status) for build in listed(simulator)}

    assert set(seen) == set(truth(simulator))
    assert [key for key in seen if seen[key] != truth(simulator)[key]] == []


def test_without_the_stage_view_the_jobs_are_none_and_it_is_asked_for_once(simulator: Simulator) -> None:
    simulator.jenkins.settings.has_stage_view = False
    ids = [key for key in truth(simulator) if key.startswith("team/app/main/")]
    with collecting(simulator.jenkins_url) as collector:
        list(collector.list_recent_builds(LONG_AGO))
        jobs = [collector.fetch_jobs(key, 1) for key in ids]

    assert jobs == [()] * len(ids)
    assert len([each for each in simulator.requests("jenkins") if "wfapi" in each.target]) == 1


def test_two_thousand_jobs_in_folders_cost_one_request_and_less_than_two_megabytes() -> None:
    folders = {f"folder-{number:02}": Kind.FOLDER for number in range(40)}
    plans = [Plan(f"folder-{n % 40:02}/a-job-with-a-name-{n:04}", Kind.FREESTYLE) for n in range(2000)]
    with Simulator(profile="drill", runs=9, seconds=20, now=NOON, speed=0) as simulator:
        simulator.jenkins.controller = Controller(7, make_profile("drill", runs=9, seconds=20), NOON, plans, folders)
        simulator.clock.advance(300)
        memory = Memory()
        first = listed(simulator, memory=memory)
        simulator.forget_requests()
        sizes: list[int] = []
        with collecting(simulator.jenkins_url, memory=memory) as collector:
            get = collector.client.get_json

            def measured(*args: Any, **more: Any) -> Any:
                answer = get(*args, **more)
                sizes.append(int(answer.headers.get("content-length", "0")))
                return answer

            collector.client.get_json = measured  # type: ignore[method-assign]
            second = memory.take(collector.list_recent_builds(LONG_AGO))

        (asked,) = simulator.requests("jenkins")
        plain = simulator.jenkins.answer(_request(asked.target), simulator.clock.now())
    assert len(first) > 4000
    assert second == []
    assert len(plain.body) < 2_000_000
    assert sum(sizes) < 200_000  # as gzip, which is how it travels


def _request(target: str) -> Request:
    credential = base64.b64encode(f"observer:{TOKEN}".encode()).decode()
    return Request("GET", target, {"authorization": f"Basic {credential}"})


def test_deep_folders_take_one_more_request_for_four_more_levels() -> None:
    names = ["f1", "f1/f2", "f1/f2/f3", "f1/f2/f3/f4", "f1/f2/f3/f4/f5"]
    plans = [Plan("f1/top", Kind.FREESTYLE), Plan("f1/f2/f3/f4/f5/bottom", Kind.PIPELINE, ("Build",))]
    with Simulator(profile="drill", runs=9, seconds=20, now=NOON, speed=0) as simulator:
        profile = make_profile("drill", runs=9, seconds=20)
        simulator.jenkins.controller = Controller(7, profile, NOON, plans, dict.fromkeys(names, Kind.FOLDER))
        simulator.clock.advance(300)
        memory = Memory()
        pipelines = {build.pipeline_external_id for build in listed(simulator, memory=memory)}
        simulator.forget_requests()
        assert listed(simulator, memory=memory) == []
        assert len(simulator.requests("jenkins")) == 2
    assert pipelines == {"f1/top", "f1/f2/f3/f4/f5/bottom"}


def test_a_queue_item_is_followed_to_its_build_to_its_end_or_to_nothing(simulator: Simulator) -> None:
    simulator.clock.set(NOON)
    controller, main = simulator.jenkins.controller, "nightly"
    plan = controller.by_name[main][1]
    build = next(each for each in controller.builds(plan, NOON + timedelta(seconds=60)) if each.has_number)

    def fetched(at: datetime) -> Observation:
        simulator.clock.set(at)
        with collecting(simulator.jenkins_url) as collector:
            return collector.fetch_build(f"queue/{build.queue_id}")

    assert fetched(build.queued_at).status is Status.QUEUED
    started = fetched(build.started_at + timedelta(milliseconds=1))
    assert (started.external_id, started.formerly) == (
        f"{main}/{build.number}@{build.millis}",
        f"queue/{build.queue_id}",
    )
    with pytest.raises(NotFound):
        fetched(build.started_at + timedelta(minutes=6))


def test_a_build_of_a_job_made_anew_is_not_taken_for_the_old_one(simulator: Simulator) -> None:
    old = next(e for e in simulator.ledger(provider="jenkins") if e["job"] == "team/legacy" and e["number"] == 1)

    with collecting(simulator.jenkins_url) as collector, pytest.raises(NotFound, match="made anew"):
        collector.fetch_build(str(old["external_id"]))


def test_a_damaged_record_is_refused_by_id_and_listed_as_unreadable(simulator: Simulator) -> None:
    simulator.clock.advance(600)
    damaged = next(e for e in simulator.ledger(provider="jenkins") if e["is_corrupt"])
    with collecting(simulator.jenkins_url) as collector:
        pages = list(collector.list_recent_builds(LONG_AGO))
        with pytest.raises(MalformedPayload, match="damaged"):
            collector.fetch_build(str(damaged["external_id"]))

    assert any(row.external_id == f"records/{damaged['number']}" for page in pages for row in page.unreadable)


def test_a_busy_job_is_paged_up_to_its_limit_and_says_so() -> None:
    rows = [a_run(number=1000 - n, timestamp=MILLIS - n * 1000) for n in range(1000)]

    def answer(heard: Heard) -> bytes:
        if "queueItem" in heard.target:
            return reply({"name": "busy", "builds": rows[:2]}, headers={"X-Jenkins": "2.5"})
        key = "allBuilds" if "allBuilds" in heard.target else "builds"
        start, end = heard.target.rsplit("%7B", 1)[1].removesuffix("%7D").replace("%2C", ",").split(",")
        return reply({key: rows[int(start) : int(end)]}, headers={"X-Jenkins": "2.5"})

    memory = Memory()
    with (
        Loopback(answer) as server,
        collecting(server.url, "busy", memory, max_builds=300) as collector,
    ):
        pages = collector.list_recent_builds(LONG_AGO)
        memory.take(islice(pages, 2))
        with pytest.raises(TooManyPages, match="busy"):
            next(pages)
    assert len(memory.builds) == 300
    assert len(server.heard) == 1 + 5


def test_at_most_two_requests_reach_one_controller_at_once() -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def answer(_heard: Heard) -> bytes:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.05)
        with lock:
            running[0] -= 1
        return reply(a_run(), headers={"X-Jenkins": "2.5"})

    def ask(url: str) -> None:
        with collecting(url) as collector:
            collector.fetch_build(f"tool/12@{MILLIS}")

    with Loopback(answer) as server:
        threads = [threading.Thread(target=ask, args=(server.url,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most[0] == AT_ONCE


def test_check_says_what_it_found_and_that_the_controller_mistakes_its_address(simulator: Simulator) -> None:
    with collecting(simulator.jenkins_url) as collector:
        check = collector.check()

    assert check.is_ok
    assert "Jenkins 2.516.3, 10 jobs" in check.words[0]
    assert "it calls itself http://jenkins.internal:8080/ci/" in check.words[-1]


def test_check_says_what_is_wrong(simulator: Simulator) -> None:
    wrong = SecretSource(env="T", environ={"T": "wrong"})
    with collecting(simulator.jenkins_url, token=wrong) as collector:
        refused = collector.check()
        with pytest.raises(Unauthorized):
            collector.fetch_build("nightly/1")
    with Loopback(lambda _: reply({"hello": "world"})) as server, collecting(server.url) as collector:
        other = collector.check()
    with collecting(simulator.jenkins_url, "team/absent") as collector:
        absent = collector.check()

    assert (refused.is_ok, other.is_ok, absent.is_ok) == (False, False, False)
    assert "403" in refused.words[0]
    assert "not as a Jenkins does" in other.words[0]
    assert "404" in absent.words[0]


def test_what_a_user_may_not_read_is_absent_not_an_error(simulator: Simulator) -> None:
    simulator.jenkins.settings.users[f"observer:{TOKEN}"] = frozenset({"team"})

    seen = listed(simulator)

    assert seen != []
    assert not any(build.pipeline_external_id.startswith("team") for build in seen)
    with collecting(simulator.jenkins_url, "team") as collector, pytest.raises(NotFound):
        list(collector.list_recent_builds(LONG_AGO))


@pytest.mark.parametrize("watch", ["/team", "job/team", "team//app", "https://ci/job/x", "team/..", ""])
def test_a_scope_that_is_no_full_name_is_a_mistake(watch: str) -> None:
    with pytest.raises(ValidationError, match="full name"):
        settings("https://ci.example.com", watch=(watch,))


def test_a_token_needs_its_user() -> None:
    with pytest.raises(ValidationError, match="username"):
        settings("https://ci.example.com", username=None)
