"""The fake Jenkins on the wire: items, trees, ranges, addresses, the queue, stages, logs, refusals, faults."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from simulator import TOKEN, Simulator
from simulator.jenkins.builds import Standing
from simulator.jenkins.tree import Bean, TreeError, evaluate, parse_tree
from tests.simulator.caller import Caller, Reply

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MAIN = "/job/team/job/app/job/main"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(profile="drill", runs=60, seconds=60, now=NOON, speed=0) as simulator:
        simulator.clock.advance(200)
        yield simulator


def get(simulator: Simulator, path: str, tree: str | None = None, *, user: str = f"observer:{TOKEN}") -> Reply:
    credential = base64.b64encode(user.encode()).decode()
    query = "" if tree is None else f"?tree={quote(tree, safe='')}"
    return Caller(simulator.jenkins_url).get(path + query, Authorization=f"Basic {credential}")


def rows(reply: Reply, key: str) -> list[dict[str, Any]]:
    found = reply.json[key]
    assert isinstance(found, list)
    return found


def test_every_kind_of_item_is_there_by_its_class(simulator: Simulator) -> None:
    reply = get(simulator, "/api/json", "jobs[name,jobs[name,jobs[name]]]")

    classes: set[str] = set()
    waiting: list[Any] = [reply.json]
    while waiting:
        item = waiting.pop()
        classes.add(str(item["_class"]))
        waiting += item.get("jobs", [])
    assert classes == {
        "hudson.model.Hudson",
        "com.cloudbees.hudson.plugins.folder.Folder",
        "jenkins.branch.OrganizationFolder",
        "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject",
        "org.jenkinsci.plugins.workflow.job.WorkflowJob",
        "hudson.model.FreeStyleProject",
    }
    assert reply.headers["X-Jenkins"] == "2.516.3"


def test_a_branch_is_addressed_encoded_twice_and_nothing_else_finds_it(simulator: Simulator) -> None:
    twice, once = (f"/job/team/job/app/job/feature{slash}checkout-v2/api/json" for slash in ("%252F", "%2F"))

    assert get(simulator, twice, "name").json["name"] == "feature%2Fcheckout-v2"
    assert get(simulator, once).status == 404


def test_addresses_are_the_controllers_own_and_wrong(simulator: Simulator) -> None:
    url = get(simulator, f"{MAIN}/api/json", "url").json["url"]

    assert url == "http://jenkins.internal:8080/ci/job/team/job/app/job/main/"


def numbered(count: int) -> Bean:
    return Bean("job", {"rows": [Bean("row", {"number": n, "own": n * n}) for n in range(count)]})


@pytest.mark.parametrize(
    ("span", "numbers"),
    [
        ("{0,3}", [0, 1, 2]),
        ("{3,5}", [3, 4]),
        ("{8,}", [8, 9]),
        ("{,2}", [0, 1]),
        ("{4}", [4]),
        ("{9,20}", [9]),
        ("", list(range(10))),
    ],
)
def test_ranges_are_first_inclusive_last_exclusive(span: str, numbers: list[int]) -> None:
    content: Any = evaluate(numbered(10), parse_tree(f"rows[number]{span}"))

    assert content == {"_class": "job", "rows": [{"_class": "row", "number": number} for number in numbers]}


def test_unknown_names_are_left_out_and_stars_take_what_shows() -> None:
    bean = Bean("job", {"name": "x", "builds": [], "allBuilds": []}, hidden=frozenset({"allBuilds"}))

    assert evaluate(bean, parse_tree("name,nonsense[deep]{0,2}")) == {"_class": "job", "name": "x"}
    assert evaluate(bean, parse_tree("*")) == evaluate(bean, None) == {"_class": "job", "name": "x", "builds": []}
    assert "allBuilds" in evaluate(bean, parse_tree("allBuilds[number]"))


@pytest.mark.parametrize("broken", ["builds[number", "builds{0,2", "builds{a,b}", "a]b"])
def test_a_broken_tree_is_an_error(simulator: Simulator, broken: str) -> None:
    with pytest.raises(TreeError):
        parse_tree(broken)
    assert get(simulator, "/api/json", broken).status == 500


def test_a_running_build_may_have_its_result_already(simulator: Simulator) -> None:
    controller = simulator.jenkins.controller
    build = next(
        build
        for plan in controller.plans
        for build in controller.builds(plan, simulator.clock.now())
        if build.fate.value == "worsens" and not controller.is_deleted(build, build.finished_at)
    )
    simulator.clock.set(build.finished_at - timedelta(milliseconds=500))
    path = "".join(f"/job/{quote(name, safe='')}" for name in build.plan.full_name.split("/"))

    row = get(simulator, f"{path}/{build.number}/api/json", "building,result,duration").json

    assert (row["building"], row["result"], row["duration"]) == (True, "UNSTABLE", 0)


def test_numbers_begin_anew_with_a_job_and_jump_where_somebody_set_them(simulator: Simulator) -> None:
    legacy = rows(get(simulator, "/job/team/job/legacy/api/json", "builds[number]"), "builds")
    jumps = rows(get(simulator, "/job/jumps/api/json", "builds[number]"), "builds")

    assert legacy[-1]["number"] == 1
    assert len(legacy) < 4
    numbers = [row["number"] for row in jumps]
    assert numbers == sorted(numbers, reverse=True)
    assert max(a - b for a, b in pairwise(numbers)) > 3000


def test_a_damaged_record_has_lost_its_instant(simulator: Simulator) -> None:
    simulator.clock.advance(600)

    found = rows(get(simulator, "/job/records/api/json", "builds[timestamp,duration,result]"), "builds")

    assert {"timestamp": 0, "duration": 0, "result": "ABORTED"}.items() <= next(
        row for row in found if row["timestamp"] == 0
    ).items()


def test_the_queue_forgets_what_left_it_after_five_minutes(simulator: Simulator) -> None:
    controller = simulator.jenkins.controller
    build = next(build for build in controller.builds(controller.plans[1], simulator.clock.now()) if build.has_number)
    item = f"/queue/item/{build.queue_id}/api/json"

    simulator.clock.set(build.queued_at)
    ids = [row["id"] for row in rows(get(simulator, "/queue/api/json", "items[id,task[url]]"), "items")]
    assert build.queue_id in ids
    assert get(simulator, item).json["_class"] == "hudson.model.Queue$BuildableItem"
    simulator.clock.set(build.started_at + timedelta(minutes=4))
    assert get(simulator, item, "executable[number]").json["executable"] == {
        "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
        "number": build.number,
    }
    simulator.clock.set(build.started_at + timedelta(minutes=5, seconds=1))
    assert get(simulator, item).status == 404


def test_stages_are_there_with_the_plugin_only(simulator: Simulator) -> None:
    view = get(simulator, f"{MAIN}/lastBuild/wfapi/describe").json

    assert [stage["name"] for stage in view["stages"]][:1] == ["Checkout"]  # type: ignore[attr-defined]
    assert get(simulator, "/job/nightly/lastBuild/wfapi/describe").status == 404
    simulator.jenkins.settings.has_stage_view = False
    assert get(simulator, f"{MAIN}/lastBuild/wfapi/describe").status == 404


def test_a_log_comes_in_pieces_until_the_build_is_over(simulator: Simulator) -> None:
    controller = simulator.jenkins.controller
    build = next(each for each in controller.builds(controller.plans[1], simulator.clock.now()) if each.has_number)
    simulator.clock.set(build.started_at + timedelta(milliseconds=1))
    assert build.standing(simulator.clock.now()) is Standing.RUNNING
    path = f"{MAIN}/{build.number}/logText/progressiveText"
    first = get(simulator, f"{path}?start=0")
    simulator.clock.set(build.finished_at)
    rest = get(simulator, f"{path}?start={first.headers['X-Text-Size']}")

    assert (first.headers.get("X-More-Data"), rest.headers.get("X-More-Data")) == ("true", None)
    assert (first.body + rest.body) == get(simulator, f"{MAIN}/{build.number}/consoleText").body
    assert rest.body.endswith(f"Finished: {build.result}\n".encode())


def test_a_bad_credential_is_403_and_what_may_not_be_read_is_404(simulator: Simulator) -> None:
    simulator.jenkins.settings.users["guest:g"] = frozenset({"team"})

    assert get(simulator, "/api/json", user="observer:wrong").status == 403
    assert Caller(simulator.jenkins_url).get("/api/json").status == 403
    assert get(simulator, f"{MAIN}/api/json", user="guest:g").status == 404
    names = [row["name"] for row in rows(get(simulator, "/api/json", "jobs[name]", user="guest:g"), "jobs")]
    assert "team" not in names
    assert "nightly" in names


def test_an_old_core_tells_no_classes_and_calls_builds_by_their_date(simulator: Simulator) -> None:
    simulator.jenkins.settings.is_old = True

    row = get(simulator, f"{MAIN}/lastBuild/api/json").json

    assert not {"_class", "inProgress", "changeSets"} & row.keys()
    assert str(row["id"]).startswith("2026-03-02_12-")


@pytest.mark.parametrize(
    ("kind", "status"),
    [("server_error", 500), ("unauthorized", 401), ("forbidden", 403), ("not_found", 404), ("too_many_requests", 429)],
)
def test_faults_refuse_in_jenkins_manner(simulator: Simulator, kind: str, status: int) -> None:
    simulator.fault(kind, site="jenkins")

    reply = get(simulator, "/api/json")

    assert reply.status == status
    assert reply.body.startswith(b"<html>")


def test_faults_spoil_what_is_sound(simulator: Simulator) -> None:
    tree, path = "builds[number,timestamp,result]{0,2}", f"{MAIN}/api/json"
    sound = rows(get(simulator, path, tree), "builds")
    for fault, settings in (
        ("impossible_row", {"variant": "missing_id"}),
        ("unknown_words", {}),
        ("skew", {"seconds": 60}),
    ):
        simulator.fault(fault, site="jenkins", count=1, **settings)
    damaged, strange, skewed = (rows(get(simulator, path, tree), "builds") for _ in range(3))

    assert damaged[0]["number"] is None
    assert {row["result"] for row in strange} == {"HALF_FULL"}
    assert [row["timestamp"] for row in skewed] == [row["timestamp"] + 60_000 for row in sound]


def test_the_demo_shows_every_way_a_build_can_stand() -> None:
    with Simulator(profile="demo", now=NOON, speed=0) as simulator:
        seen: set[tuple[str, bool]] = set()
        for _ in range(20):
            simulator.clock.advance(3)
            ledger = simulator.ledger(provider="jenkins")
            seen |= {(str(entry["status"]), bool(entry["is_unstable"])) for entry in ledger}
        branches = {entry["branch"] for entry in simulator.ledger(provider="jenkins")}

    wanted = {("running", False), ("failed", False), ("failed", True), ("cancelled", False), ("succeeded", False)}
    assert wanted | {("queued", False), ("blocked", False)} <= seen
    assert "feature/checkout-v2" in branches


def test_the_same_seed_gives_the_same_builds_and_another_gives_others() -> None:
    def told(seed: int) -> list[dict[str, object]]:
        with Simulator(seed=seed, profile="drill", runs=60, seconds=60, now=NOON, speed=0) as simulator:
            return simulator.ledger(provider="jenkins", at_end=True)

    assert told(7) == told(7)
    assert told(7) != told(8)


def test_the_simulator_says_where_its_jenkins_is(simulator: Simulator) -> None:
    urls = simulator.urls()

    assert (urls["jenkins"], urls["jenkins_user"], urls["jenkins_token"]) == (simulator.jenkins_url, "observer", TOKEN)
