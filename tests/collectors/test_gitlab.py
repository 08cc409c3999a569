"""The GitLab collector: what it asks, in which order, and what it makes of the answers, on loopback."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from collectors.held_builds import BuildName
from shared.errors import MalformedPayload, NotFound, Unavailable
from tests.collectors.gitlab_rows import a_job, a_pipeline, at
from tests.collectors.gitlab_server import AN_HOUR_AGO, Server, changing, collecting, listed, paths
from tests.factories import NOON, minutes
from tests.loopback import Heard, Loopback, reply


@pytest.fixture
def far() -> Server:
    return Server()


def windows(heard: Sequence[Heard]) -> list[dict[str, str]]:
    """The queries of the list, children apart."""
    queries = [parse_qs(urlsplit(each.target).query) for each in heard if paths([each]) == ["/pipelines"]]
    return [{key: values[0] for key, values in query.items()} for query in queries if "source" not in query]


PARTS = ["/pipelines/100/jobs", "/pipelines/100/bridges"]


def test_a_running_pipeline_is_read_whole_detail_jobs_bridges_and_the_detail_again(far: Server) -> None:
    far.pipelines, far.jobs = [a_pipeline("running")], [a_job(1)]

    pages, heard = listed(far)

    assert paths(heard) == ["/pipelines", "/pipelines/100", *PARTS, "/pipelines/100", "/pipelines"]
    assert "include_retried=true" in heard[2].target
    assert {each.headers["private-token"] for each in heard} == {"glpat-1"}
    assert heard[0].target.startswith("/api/v4/projects/group%2Fweb/pipelines?")
    (seen,) = [build for page in pages for build in page.observations]
    assert (seen.external_id, seen.default_branch) == ("100", "trunk")
    assert [job.external_id for job in seen.jobs or ()] == ["1"]


def test_the_list_is_the_first_look_at_what_is_finished(far: Server) -> None:
    far.pipelines, far.jobs = [a_pipeline()], [a_job(1)]

    pages, heard = listed(far)

    assert paths(heard) == ["/pipelines", *PARTS, "/pipelines/100", "/pipelines"]
    assert [build.status for page in pages for build in page.observations] == ["succeeded"]


def test_a_finished_pipeline_that_is_retried_behind_the_list_is_read_once_more(far: Server) -> None:
    far.pipelines, far.jobs = [a_pipeline("failed")], [a_job(1, "failed")]
    retried: list[str] = []

    def retry(path: str) -> None:
        if path == "/pipelines/100/jobs" and not retried:
            retried.append(path)
            far.pipelines[0] |= a_pipeline("running", updated_at=at(NOON + minutes(6)))
            far.jobs.append(a_job(2, "running", created_at=at(NOON + minutes(6)), started_at=None, finished_at=None))

    far.before = retry
    pages, heard = listed(far)

    assert [build.status for page in pages for build in page.observations] == ["failed", "running"]
    assert paths(heard).count("/pipelines/100/jobs") == 2


def test_the_list_is_asked_in_a_moving_window_and_never_by_deep_pages(far: Server) -> None:
    far.pipelines = changing(25)

    pages, heard = listed(far, page_size=10)

    assert [build.external_id for page in pages for build in page.observations] == [str(100 + n) for n in range(25)]
    asked = windows(heard)
    assert [query["updated_after"] for query in asked] == [
        "2026-11-20T11:00:00.000000Z",
        "2026-11-20T12:00:08.999000Z",
        "2026-11-20T12:00:17.999000Z",
    ]
    assert not any("page" in query for query in asked)


def test_what_changes_while_we_page_is_not_skipped(far: Server) -> None:
    far.pipelines = changing(25)
    moved: list[str] = []

    def move(path: str) -> None:
        # The very first rows change as the second page is about to be asked for: all others move up by three.
        if path == "/pipelines/109/jobs" and not moved:
            moved.append(path)
            for row in far.pipelines[:3]:
                row["updated_at"] = at(NOON + minutes(2))

    far.before = move
    pages, _ = listed(far, page_size=10)

    seen = [build.external_id for page in pages for build in page.observations]
    assert moved
    assert set(seen) == {str(100 + n) for n in range(25)}


def test_more_rows_than_a_page_in_one_instant_are_walked_by_their_links(far: Server) -> None:
    far.pipelines = [a_pipeline(id=100 + n, updated_at=at(NOON)) for n in range(7)]

    pages, heard = listed(far, page_size=3)

    assert len({build.external_id for page in pages for build in page.observations}) == 7
    assert [query.get("page") for query in windows(heard)] == [None, None, "2", "3"]


@pytest.mark.parametrize("shows_totals", [True, False])
def test_totals_are_not_believed(far: Server, shows_totals: bool) -> None:
    far.pipelines, far.shows_totals = changing(12), shows_totals

    pages, _ = listed(far, page_size=5)

    assert len([build for page in pages for build in page.observations]) == 12


def test_the_watermark_is_the_greatest_change_of_all(far: Server) -> None:
    far.pipelines = [*changing(3), a_pipeline(id=200, source="parent_pipeline", updated_at=at(NOON + minutes(9)))]

    pages, _ = listed(far)

    assert [page.watermark for page in pages[:-1]] == [AN_HOUR_AGO] * (len(pages) - 1)
    assert pages[-1].watermark == NOON + minutes(9)


def test_a_list_too_long_for_one_poll_goes_on_in_the_next(far: Server) -> None:
    far.pipelines = [*changing(30), a_pipeline(id=200, source="parent_pipeline", updated_at=at(NOON + minutes(9)))]

    first, _ = listed(far, page_size=10, max_pages=2)
    reached = first[-1].watermark
    assert reached == NOON + timedelta(seconds=18)
    second, _ = listed(far, since=reached - minutes(5), page_size=10, max_pages=9)

    seen = {build.external_id for page in [*first, *second] for build in page.observations}
    assert seen == {*(str(100 + n) for n in range(30)), "200"}


def test_one_poll_looks_at_so_many_and_the_next_one_goes_on(far: Server) -> None:
    far.pipelines, recorded = changing(120), dict[BuildName, bool]()

    def poll(since: datetime) -> tuple[int, datetime]:
        pages, _ = listed(far, since=since, held=lambda names: {each: True for each in names if each in recorded})
        seen = [("3", build.external_id) for page in pages for build in page.observations]
        recorded.update(dict.fromkeys(seen, True))
        return len(seen), pages[-1].watermark or since

    first, reached = poll(AN_HOUR_AGO)
    assert (first, reached) == (50, NOON + timedelta(seconds=49))
    second, reached = poll(reached - minutes(5))
    assert (second, reached) == (50, NOON + timedelta(seconds=99))
    third, reached = poll(reached - minutes(5))
    assert (third, reached) == (20, NOON + timedelta(seconds=119))


def test_what_a_server_lists_twice_is_read_once(far: Server) -> None:
    far.pipelines, far.knows_source = changing(5), False

    pages, _ = listed(far)

    assert [build.external_id for page in pages for build in page.observations] == [str(100 + n) for n in range(5)]


def test_next_pages_are_asked_at_our_address_whatever_gitlab_takes_for_its_own(far: Server) -> None:
    far.pipelines, far.jobs = [a_pipeline()], [a_job(number) for number in range(1, 151)]
    far.own_address = "https://gitlab.example.com"

    pages, heard = listed(far)

    (seen,) = [build for page in pages for build in page.observations]
    assert len(seen.jobs or ()) == 150
    assert {each.headers["host"].partition(":")[0] for each in heard} == {"127.0.0.1"}


def test_a_list_of_jobs_without_end_is_left_and_hides_no_other_pipeline(far: Server) -> None:
    far.pipelines = [a_pipeline(), a_pipeline(id=101)]
    further = {"Link": '<https://gitlab.com/api/v4/projects/3/pipelines/100/jobs?page=2>; rel="next"'}
    far.refusal = {"pipelines/100/jobs": reply([a_job()], headers=further)}

    pages, _ = listed(far)

    assert [build.external_id for page in pages for build in page.observations] == ["101"]
    assert ["goes on after 100 pages" in row.reason for page in pages for row in page.unreadable] == [True]


def test_a_pipeline_that_changes_while_it_is_read_is_read_once_more(far: Server) -> None:
    far.pipelines, far.jobs = [a_pipeline("running")], [a_job(1, "running", finished_at=None)]
    changed: list[str] = []

    def finish(path: str) -> None:
        if path.endswith("/bridges") and not changed:
            changed.append(path)
            far.pipelines[0] |= a_pipeline("success", updated_at=at(NOON + minutes(6)))
            far.jobs[0] |= a_job(1)

    far.before = finish
    pages, heard = listed(far)

    (seen,) = [build for page in pages for build in page.observations]
    assert (seen.status, [job.status for job in seen.jobs or ()]) == ("succeeded", ["succeeded"])
    assert paths(heard).count("/pipelines/100/jobs") == 2


def restless(far: Server) -> None:
    """Let pipeline 100 change at every look."""
    looks: list[str] = []

    def change(path: str) -> None:
        if path == "/pipelines/100":
            looks.append(path)
            far.pipelines[0]["updated_at"] = at(NOON + timedelta(seconds=len(looks)))

    far.before = change


def test_one_that_does_not_hold_still_is_left_and_the_watermark_with_it(far: Server) -> None:
    far.pipelines = [a_pipeline("running"), a_pipeline(id=101, updated_at=at(NOON + minutes(20)))]
    restless(far)

    pages, _ = listed(far)

    assert {build.external_id for page in pages for build in page.observations} == {"101"}
    assert pages[-1].watermark is not None
    assert pages[-1].watermark < NOON + minutes(5)


def test_asking_for_one_that_does_not_hold_still_says_so(far: Server) -> None:
    far.pipelines = [a_pipeline("running")]
    restless(far)

    with Loopback(far) as server:
        client, collector = collecting(far, server)
        with client:
            assert collector.fetch_attempts("100") == ()
            with pytest.raises(Unavailable, match="changed while it was read"):
                collector.fetch_build("100")


def test_children_come_in_a_second_pass_and_know_their_parent(far: Server) -> None:
    child = a_pipeline(id=101, source="parent_pipeline", web_url="https://gitlab.com/group/web/-/pipelines/101")
    far.pipelines = [a_pipeline(), child]
    far.bridges = {100: [a_job(5, name="child", downstream_pipeline={"id": 101, "project_id": 3})]}

    pages, _ = listed(far)

    parents = {build.external_id: build.parent for page in pages for build in page.observations}
    assert parents["100"] is None
    assert parents["101"] is not None
    assert (parents["101"].pipeline_external_id, parents["101"].external_id) == ("3", "100")


def test_a_child_that_changed_long_before_its_parent_ended_is_linked_then(far: Server) -> None:
    child = a_pipeline(id=101, source="parent_pipeline", updated_at=at(NOON - minutes(600)))
    far.pipelines = [a_pipeline(), child]
    far.bridges = {100: [a_job(5, name="child", downstream_pipeline={"id": 101, "project_id": 3})]}

    pages, _ = listed(far)

    (seen,) = pages[-1].observations
    assert (seen.external_id, seen.parent is not None) == ("101", True)


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_pipeline_started_elsewhere_is_linked_once_its_own_source_has_it(far: Server, is_recorded: bool) -> None:
    elsewhere = "https://gitlab.com/group/other/-/pipelines/101"
    downstream = {"id": 101, "project_id": 8, "web_url": elsewhere}
    far.pipelines = [a_pipeline(), a_pipeline(id=101, project_id=8, source="pipeline", web_url=elsewhere,
                                              updated_at=at(NOON - minutes(600)))]  # fmt: skip
    far.bridges = {100: [a_job(5, name="deploy", downstream_pipeline=downstream)]}

    def held(names: Sequence[BuildName]) -> Mapping[BuildName, bool]:
        return {name: True for name in names if is_recorded and name == ("8", "101")}

    pages, heard = listed(far, held=held)

    told = [build for page in pages for build in page.elsewhere]
    assert [(build.external_id, build.pipeline_name) for build in told] == [("101", "group/other")] * is_recorded
    assert all(build.pipeline_external_id == "3" for page in pages for build in page.observations)
    assert any("group%2Fother/pipelines/101" in each.target for each in heard) is is_recorded
    is_held_back = pages[-1].watermark is not None and pages[-1].watermark < NOON + minutes(5)
    assert is_held_back is not is_recorded


@pytest.mark.parametrize(("is_finished", "is_read"), [(True, False), (False, True), (None, True)])
def test_what_lies_behind_the_watermark_is_read_only_if_it_is_not_recorded_as_it_stands(
    far: Server, is_finished: bool | None, is_read: bool
) -> None:
    far.pipelines = [a_pipeline(updated_at=at(NOON))]

    def held(names: Sequence[BuildName]) -> Mapping[BuildName, bool]:
        return {name: is_finished for name in names if is_finished is not None}

    pages, heard = listed(far, since=NOON - minutes(4), held=held)

    assert ("/pipelines/100" in paths(heard)) is is_read
    assert len([build for page in pages for build in page.observations]) == is_read


def test_what_changed_since_the_watermark_is_read_whatever_is_recorded(far: Server) -> None:
    far.pipelines = [a_pipeline(updated_at=at(NOON))]

    pages, _ = listed(far, since=NOON - minutes(6), held=lambda names: dict.fromkeys(names, True))

    assert len([build for page in pages for build in page.observations]) == 1


def test_long_lists_of_jobs_are_read_to_their_end(far: Server) -> None:
    far.pipelines = [a_pipeline()]
    far.jobs = [a_job(number, name=f"job {number}") for number in range(1, 231)]

    pages, heard = listed(far)

    (seen,) = [build for page in pages for build in page.observations]
    assert len(seen.jobs or ()) == 230
    assert paths(heard).count("/pipelines/100/jobs") == 3


def test_one_broken_pipeline_stops_no_other(far: Server) -> None:
    far.pipelines = [a_pipeline(id=100 + n) for n in range(3)]
    far.jobs = [a_job(0, pipeline={"id": 101})]

    pages, _ = listed(far)

    assert {build.external_id for page in pages for build in page.observations} == {"100", "102"}
    (row,) = [row for page in pages for row in page.unreadable]
    assert (row.kind, row.external_id) == ("pipeline", "101")
    assert "a job without a usable id" in row.reason


def test_one_deleted_meanwhile_is_passed_over(far: Server) -> None:
    far.pipelines = [a_pipeline(id=100 + n) for n in range(3)]
    far.refusal = {"/pipelines/101": reply({"message": "404 Not found"}, 404)}

    pages, _ = listed(far)

    assert {build.external_id for page in pages for build in page.observations} == {"100", "102"}


def test_a_server_without_bridges_has_pipelines_all_the_same(far: Server) -> None:
    far.pipelines = [a_pipeline()]
    far.refusal = {"/bridges": reply({"error": "404 Not Found"}, 404)}

    pages, _ = listed(far)

    assert len([build for page in pages for build in page.observations]) == 1


def test_an_old_server_is_asked_for_the_projects_id(far: Server) -> None:
    far.pipelines = [{key: value for key, value in a_pipeline().items() if key != "project_id"}]

    pages, _ = listed(far)

    (seen,) = [build for page in pages for build in page.observations]
    assert seen.pipeline_external_id == "3"


def test_an_attempt_nobody_tells_of_is_not_found(far: Server) -> None:
    far.pipelines = [a_pipeline()]

    with Loopback(far) as server:
        client, collector = collecting(far, server)
        with client:
            assert collector.fetch_build("100", 1).attempt == 1
            with pytest.raises(NotFound, match="no attempt 2"):
                collector.fetch_attempts("100", 2)
            with pytest.raises(MalformedPayload, match="a pipeline id is a number"):
                collector.fetch_build("../../admin")
