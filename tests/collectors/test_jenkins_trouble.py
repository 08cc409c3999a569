"""The Jenkins collector where a part of the controller is broken, gone or hidden: the rest is read all the same."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import pytest

from collectors.jenkins import JenkinsCollector
from collectors.jenkins_payload import parse_build
from collectors.jenkins_reading import controller_of, parse_any
from collectors.jenkins_tree import named_by, place_of
from shared.errors import MalformedPayload, NotFound
from shared.observation import Observation, Page
from tests.collectors.jenkins_rows import MILLIS, a_run, causes
from tests.collectors.test_jenkins import LONG_AGO, collecting
from tests.loopback import Heard, Loopback, reply

T = TypeVar("T")

NO_ADDRESS = "http://[jenkins/job/tool/12/"
STAGES = {
    "status": "SUCCESS",
    "stages": [{"id": "6", "name": "Build", "status": "SUCCESS", "startTimeMillis": MILLIS, "durationMillis": 5}],
}


class Controller:
    """One job, `tool`, with its builds; `refusals` answer instead wherever their part is in the address."""

    def __init__(
        self, *builds: dict[str, Any], is_queued: bool = False, refusals: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        self.builds = builds
        self.is_queued = is_queued
        self.refusals = refusals

    def __call__(self, heard: Heard) -> bytes:
        for part, refusal in self.refusals.items():
            if part in heard.target:
                return refusal
        if "wfapi" in heard.target:
            return reply(STAGES)
        if heard.target.startswith("/job/tool/api/json"):
            return reply({"builds": self.builds})
        probes = [{key: run[key] for key in ("number", "timestamp", "building")} for run in self.builds]
        job = {"name": "tool", "builds": probes} | ({"queueItem": {"id": 1}} if self.is_queued else {})
        return reply({"jobs": [job]})


def read(controller: Callable[[Heard], bytes], ask: Callable[[JenkinsCollector], T]) -> T:
    with Loopback(controller) as server, collecting(server.url) as collector:
        return ask(collector)


def pages(collector: JenkinsCollector) -> list[Page]:
    return list(collector.list_recent_builds(LONG_AGO))


def numbers(found: list[Page]) -> list[int | None]:
    return [build.number for page in found for build in page.observations]


def test_a_queue_that_cannot_be_read_hides_no_build() -> None:
    far = Controller(
        a_run(), is_queued=True, refusals={"/queue/": reply(b"<html>", headers={"Content-Type": "text/html"})}
    )

    found = read(far, pages)

    assert numbers(found) == [12]
    assert [row.kind for page in found for row in page.unreadable] == ["queue"]


def test_a_queue_item_that_waits_for_no_address_hides_no_build() -> None:
    item = {"id": 1, "inQueueSince": MILLIS, "task": {"name": "tool", "url": NO_ADDRESS}}

    found = read(Controller(a_run(), is_queued=True, refusals={"/queue/": reply({"items": [item]})}), pages)

    assert numbers(found) == [12]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_build_is_read_without_its_parent_where_that_may_not_or_cannot_be_read(status: int) -> None:
    started = a_run(actions=[causes({"upstreamProject": "hidden", "upstreamBuild": 3})])
    refusal = reply({}, status, headers={"Retry-After": "1"} if status == 503 else None)
    far = Controller(started, refusals={"hidden": refusal})

    found = read(far, pages)

    assert numbers(found) == [12]
    assert [build.parent for page in found for build in page.observations] == [None]


def test_a_build_that_is_gone_does_not_take_the_stages_of_the_others_with_it() -> None:
    far = Controller(a_run(number=13), a_run(), refusals={"/tool/12/": reply({}, 404)})

    def stages(collector: JenkinsCollector) -> list[str]:
        pages(collector)
        with pytest.raises(NotFound):
            collector.fetch_jobs(f"tool/12@{MILLIS}", 1)
        return [job.name for job in collector.fetch_jobs(f"tool/13@{MILLIS}", 1)]

    assert read(far, stages) == ["Build"]


def test_a_queue_item_has_no_stages_and_nobody_is_asked_for_them() -> None:
    with Loopback(Controller()) as server, collecting(server.url) as collector:
        assert collector.fetch_jobs("queue/1014", 1) == ()

    assert server.heard == []


def test_folders_without_end_are_an_error_and_not_a_source_without_builds() -> None:
    folder: dict[str, Any] = {"name": "x"}
    for _ in range(30):
        folder = {"name": "x", "jobs": [folder]}

    with pytest.raises(MalformedPayload, match="deeper than 20 levels"):
        read(lambda _: reply(folder), pages)


def test_what_is_no_address_names_no_job_and_no_controller() -> None:
    reading = parse_any(a_run(url=NO_ADDRESS))

    assert (named_by(NO_ADDRESS), controller_of(NO_ADDRESS)) == (None, "")
    assert [row.reason for row in reading.unreadable] == ["a build that does not name its job: say where it is from"]


def test_check_survives_a_controller_that_takes_nonsense_for_its_address() -> None:
    top = {"url": NO_ADDRESS, "nodeDescription": "x", "jobs": []}

    check = read(lambda _: reply(top, headers={"X-Jenkins": "2.5"}), JenkinsCollector.check)

    assert check.is_ok
    assert "is no address" in check.words[-1]


def test_a_build_whose_queue_item_was_never_known_has_no_former_name_and_no_problem() -> None:
    build = parse_build(a_run(queueId=-1), place_of("tool", is_branch=False), "https://ci.example.com")

    assert isinstance(build, Observation)
    assert (build.formerly, build.problems) == (None, ())
