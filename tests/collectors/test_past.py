"""The past of GitLab and Jenkins, read backwards from the simulator: all of it, and resumable after any page."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from collectors.base import BaseCollector, Past
from collectors.gitlab import GitLabCollector, GitLabSettings
from collectors.jenkins import JenkinsCollector, JenkinsSettings
from collectors.jenkins_window import Mark, read_mark
from shared.secret import SecretSource
from simulator import TOKEN, Simulator
from tests.factories import NOON

TOKENS = SecretSource(env="TOKEN", environ={"TOKEN": TOKEN})
SINCE = NOON - timedelta(days=4)
UNTIL = NOON - timedelta(days=1)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7, profile="varied", now=NOON, speed=0) as simulator:
        yield simulator


@contextmanager
def gitlab(simulator: Simulator) -> Iterator[GitLabCollector]:
    project = simulator.gitlab.world.projects[0].path_at(NOON)
    settings = GitLabSettings(
        kind="gitlab", name="gitlab.com", base_url=simulator.gitlab_url, token=TOKENS, page_size=7, watch=(project,)
    )
    with GitLabCollector.open_client(settings) as client:
        yield GitLabCollector(settings, project, client)


@contextmanager
def jenkins(simulator: Simulator) -> Iterator[JenkinsCollector]:
    settings = JenkinsSettings(
        kind="jenkins",
        name="jenkins",
        base_url=simulator.jenkins_url,
        username=simulator.jenkins_user,
        token=TOKENS,
        watch=("/",),
    )
    with JenkinsCollector.open_client(settings) as client:
        yield JenkinsCollector(settings, "/", client)


def told(pages: list[Past]) -> list[tuple[str, int]]:
    return [(build.external_id, build.attempt) for past in pages for build in past.page.observations]


def resumed(collector: BaseCollector[GitLabSettings] | BaseCollector[JenkinsSettings]) -> list[Past]:
    """The past as a process reads it that is killed after each page."""
    pages: list[Past] = []
    reached, place = UNTIL, None
    while reached > SINCE:
        past = next(collector.list_builds_between(SINCE, reached, place))
        assert (past.reached, past.place) != (reached, place), "every page has to lead on"
        pages.append(past)
        reached, place = min(reached, past.reached), past.place
    return pages


def gitlab_truth(simulator: Simulator, since: datetime, until: datetime) -> set[tuple[str, int]]:
    """Every attempt of the pipelines last changed in a stretch of time."""
    project = simulator.gitlab.world.projects[0]
    changed = {
        str(pipeline.id)
        for pipeline in simulator.gitlab.world.pipelines(project, NOON)
        if since <= pipeline.phase_at(NOON).at < until
    }
    ledger = simulator.ledger(provider="gitlab")
    return {(row["external_id"], row["attempt"]) for row in ledger if row["external_id"] in changed}  # type: ignore[misc]


def test_gitlabs_past_is_told_whole_children_and_all_attempts_included(simulator: Simulator) -> None:
    with gitlab(simulator) as collector:
        pages = list(collector.list_builds_between(SINCE, UNTIL))

    truth = gitlab_truth(simulator, SINCE, UNTIL)
    assert len(truth) > 15
    assert truth <= set(told(pages))
    assert pages[-1].reached == SINCE
    assert any(build.parent for past in pages for build in past.page.observations)


def test_gitlabs_past_leaves_nothing_untold_above_where_it_is(simulator: Simulator) -> None:
    seen: set[tuple[str, int]] = set()

    with gitlab(simulator) as collector:
        for past in collector.list_builds_between(SINCE, UNTIL):
            seen |= set(told([past]))
            assert gitlab_truth(simulator, past.reached, UNTIL) <= seen


def test_gitlabs_past_can_be_broken_off_after_any_page(simulator: Simulator) -> None:
    with gitlab(simulator) as collector:
        pages = resumed(collector)

    assert gitlab_truth(simulator, SINCE, UNTIL) <= set(told(pages))


def jenkins_truth(simulator: Simulator) -> set[str]:
    return {
        str(row["external_id"])
        for row in simulator.ledger(provider="jenkins")
        if row["number"] and not row["is_deleted"] and not row["is_corrupt"] and is_within(str(row["started_at"]))
    }


def is_within(instant: str) -> bool:
    return instant != "None" and SINCE <= datetime.fromisoformat(instant) < UNTIL


def test_jenkins_past_is_told_job_by_job_as_far_as_it_is_kept(simulator: Simulator) -> None:
    with jenkins(simulator) as collector:
        pages = list(collector.list_builds_between(SINCE, UNTIL))

    truth = jenkins_truth(simulator)
    assert len(truth) > 15
    assert {external_id for external_id, _ in told(pages)} == truth
    assert {past.reached for past in pages[:-1]} == {UNTIL}
    assert pages[-1].reached == SINCE


def test_jenkins_past_goes_on_at_the_job_and_build_where_it_was_broken_off(simulator: Simulator) -> None:
    with jenkins(simulator) as collector:
        pages = resumed(collector)

    assert {external_id for external_id, _ in told(pages)} == jenkins_truth(simulator)


@pytest.mark.parametrize("mark", [Mark(), Mark(300, "team/app with blanks/feature%2Fx")])
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert read_mark(str(mark)) == mark
    assert read_mark(None) == Mark()
