"""Patterns at a simulated GitLab and Jenkins: groups with their subgroups, folders within folders."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from collectors.gitlab import GitLabSettings
from collectors.jenkins import JenkinsSettings
from shared.secret import SecretSource
from simulator import TOKEN, Simulator
from tests.collectors.discovering import Discovering
from tests.factories import NOON


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7, now=NOON, speed=0) as simulator:
        yield simulator


def gitlab(simulator: Simulator, *watch: str, token: str = TOKEN) -> GitLabSettings:
    secret = SecretSource(env="TOKEN", environ={"TOKEN": token})
    return GitLabSettings(kind="gitlab", name="gitlab", base_url=simulator.gitlab_url, watch=watch, token=secret)


def jenkins(simulator: Simulator, *watch: str) -> JenkinsSettings:
    return JenkinsSettings(
        kind="jenkins",
        name="jenkins",
        base_url=simulator.jenkins_url,
        watch=watch,
        username=simulator.jenkins_user,
        token=SecretSource(env="TOKEN", environ={"TOKEN": TOKEN}),
    )


def hide(simulator: Simulator, *names: str) -> None:
    """Jenkins shows nobody what they may not see: to us it is gone."""
    simulator.jenkins.settings.users[f"{simulator.jenkins_user}:{TOKEN}"] = frozenset(names)


def test_a_group_with_its_subgroups_is_found_without_projects_that_have_no_ci(
    database: Engine, simulator: Simulator
) -> None:
    discovering = Discovering(database, gitlab(simulator, "lumen/**"))

    discovering.look()

    assert discovering.active() == ["lumen/checkout", "lumen/platform/ledger", "lumen/web/storefront"]


def test_a_group_alone_is_found_without_its_subgroups(database: Engine, simulator: Simulator) -> None:
    discovering = Discovering(database, gitlab(simulator, "lumen/*"))

    discovering.look()

    assert discovering.active() == ["lumen/checkout"]


def test_a_pattern_across_subgroups_and_an_exclusion_of_one(database: Engine, simulator: Simulator) -> None:
    for path in ("lumen/web/api", "lumen/platform/api", "lumen/platform/old/api"):
        simulator.gitlab.estate.add(path)
    discovering = Discovering(database, gitlab(simulator, "lumen/**/api", "!lumen/platform/old/**"))

    discovering.look()

    assert discovering.active() == ["lumen/platform/api", "lumen/web/api"]


def test_a_project_that_moves_to_another_subgroup_keeps_its_source(database: Engine, simulator: Simulator) -> None:
    project = simulator.gitlab.estate.add("lumen/web/search")
    discovering = Discovering(database, gitlab(simulator, "lumen/**"))
    discovering.look()
    before = discovering.source("lumen/web/search")["id"]

    simulator.gitlab.estate.move(project, "lumen/platform/search", simulator.clock.now())
    discovering.look()

    assert discovering.source("lumen/platform/search")["id"] == before
    assert discovering.archived() == []


def test_a_group_of_many_pages_loses_what_was_archived_and_no_other(database: Engine, simulator: Simulator) -> None:
    ids = [simulator.gitlab.estate.add(f"big/service-{number:03}") for number in range(230)]
    discovering = Discovering(database, gitlab(simulator, "big/*"))
    discovering.look()

    simulator.gitlab.estate.archive(ids[7])
    discovering.look()

    assert len(discovering.active()) == 229
    assert discovering.archived() == ["big/service-007"]


def test_a_group_nobody_knows_is_said_in_words(database: Engine, simulator: Simulator) -> None:
    discovering = Discovering(database, gitlab(simulator, "nobody/*"))

    discovering.look()

    assert "no group or user called nobody" in discovering.watch()["last_error"]


def test_every_job_of_a_controller_is_a_source_and_a_multibranch_project_is_one(
    database: Engine, simulator: Simulator
) -> None:
    discovering = Discovering(database, jenkins(simulator, "/**"))

    discovering.look()

    assert discovering.active() == [
        "jumps",
        "nightly",
        "org/service",
        "records",
        "team/app",
        "team/legacy",
        "team/tools/Deploy to staging",
    ]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/team/*", ["team/app", "team/legacy"]),
        ("/team/**", ["team/app", "team/legacy", "team/tools/Deploy to staging"]),
        ("team/**/Deploy*", ["team/tools/Deploy to staging"]),
        ("/*", ["jumps", "nightly", "records"]),
        ("/org/**", ["org/service"]),
    ],
)
def test_a_folder_is_looked_through_as_deep_as_its_pattern_says(
    database: Engine, simulator: Simulator, pattern: str, found: list[str]
) -> None:
    discovering = Discovering(database, jenkins(simulator, pattern))

    discovering.look()

    assert discovering.active() == found


def test_a_job_that_vanished_is_archived_and_is_back_under_its_name(database: Engine, simulator: Simulator) -> None:
    discovering = Discovering(database, jenkins(simulator, "/team/**", "!team/tools/**"))
    discovering.look()
    before = discovering.source("team/legacy")["id"]

    hide(simulator, "team/legacy")
    discovering.look()
    gone = (discovering.active(), discovering.archived())
    hide(simulator)
    discovering.look()

    assert gone == (["team/app"], ["team/legacy"])
    assert discovering.active() == ["team/app", "team/legacy"]
    assert discovering.source("team/legacy")["id"] == before


def test_a_folder_that_is_gone_archives_nobody(database: Engine, simulator: Simulator) -> None:
    discovering = Discovering(database, jenkins(simulator, "/team/**"))
    discovering.look()

    hide(simulator, "team")
    discovering.look()

    assert discovering.active() == ["team/app", "team/legacy", "team/tools/Deploy to staging"]
    assert discovering.watch()["failures"] == 1
