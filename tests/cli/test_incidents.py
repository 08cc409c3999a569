"""`incidents` for people, for programs, and on a terminal."""

import json
import os
import pty
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from shared.clock import utc_now
from tests.api.serving import a_world
from tests.cli.conftest import Run
from tests.factories import a_build
from tests.incidents import an_incident

LONG, SHORT = timedelta(days=2), timedelta(hours=3)


@pytest.fixture
def trouble(database: Engine) -> None:
    """One pipeline of GitHub broken for hours, one job of Jenkins for days, and one incident that is over."""
    now = utc_now()
    world = a_world(database)
    world.record(a_build("failed", external_id="1", branch="main"))
    jenkins = a_world(database, name="jenkins", provider="jenkins")
    jenkins.record(
        a_build("failed", external_id="2", pipeline_name="team/app", repository_external_id=None,
                repository_name=None, web_url=None)
    )  # fmt: skip
    an_incident(database, opened_at=now - SHORT, failures=4, last_good_build_id=1)
    an_incident(database, opened_at=now - LONG, pipeline_id=2, branch="", first_bad_build_id=2, is_silent=True,
                status="flapping")  # fmt: skip
    an_incident(database, opened_at=now - 2 * LONG, fixed_at=now - LONG)


def test_what_is_broken_is_listed_the_longest_first(run: Run, trouble: None, database_url: str) -> None:
    result = run("incidents", DATABASE_URL=database_url)

    assert result.exit_code == 0, result.output
    assert [line.split("\t") for line in result.output.splitlines()] == [
        ["incidents", "2", "flapping", "jenkins:team/app", "-", "2 d ago", "2 d ago", "1",
         "never passed while we watched; no news"],
        ["incidents", "1", "broken", "github.com:acme/web ci", "main", "3 h ago", "3 h ago", "4",
         "https://github.com/acme/web/actions/runs/100"],
    ]  # fmt: skip


def test_other_branches_are_shown_when_asked_for(run: Run, trouble: None, database: Engine, database_url: str) -> None:
    an_incident(database, opened_at=utc_now(), branch="dev")

    usual, everything = (run("incidents", *more, DATABASE_URL=database_url) for more in ((), ("--all-branches",)))

    assert [line.split("\t")[4] for line in usual.stdout.splitlines()] == ["-", "main"]
    assert [line.split("\t")[4] for line in everything.stdout.splitlines()] == ["-", "main", "dev"]


def test_as_json_they_are_the_objects_of_the_api(run: Run, trouble: None, database_url: str) -> None:
    document = json.loads(run("incidents", "--json", DATABASE_URL=database_url).stdout)

    assert [incident["id"] for incident in document["incidents"]] == [2, 1]
    assert document["incidents"][1]["duration_seconds"] == pytest.approx(SHORT.total_seconds(), abs=60)
    assert document["as_of"].endswith("Z")
    assert document["stale_sources"] == []


def test_a_pipeline_called_like_its_repository_is_named_once(run: Run, database: Engine, database_url: str) -> None:
    gitlab = a_world(database, name="gitlab", provider="gitlab")
    gitlab.record(a_build("failed", external_id="1", pipeline_name="team/app", repository_name="team/app"))
    an_incident(database)

    assert "\tgitlab:team/app\tmain\t" in run("incidents", DATABASE_URL=database_url).stdout


def test_where_nothing_is_broken_a_program_gets_no_line(run: Run, database_url: str) -> None:
    result = run("incidents", DATABASE_URL=database_url)

    assert (result.exit_code, result.output) == (0, "")


def test_that_a_source_is_stale_is_said_beside_the_list(
    run: Run, trouble: None, database: Engine, database_url: str
) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE sources SET failures = 3, last_ok_at = now() - interval '1 hour' WHERE id = 1"))

    told, document = (run("incidents", *more, DATABASE_URL=database_url) for more in ((), ("--json",)))

    assert told.stderr == "1 source is stale, so there may be more: observatory status\n"
    assert len(told.stdout.splitlines()) == 2
    assert [source["scope"] for source in json.loads(document.stdout)["stale_sources"]] == ["acme/web"]


def on_a_terminal(database_url: str) -> str:
    ours, theirs = pty.openpty()
    environ = os.environ | {"DATABASE_URL": database_url, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "xterm"}
    done = subprocess.run([sys.executable, "-m", "cli.main", "incidents"], stdout=theirs, check=False, env=environ)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 0
    return shown


def test_a_terminal_gets_a_table(trouble: None, database_url: str) -> None:
    shown = on_a_terminal(database_url)

    assert "last failed" in shown
    assert "github.com:acme/web ci" in shown
    assert "\t" not in shown


def test_a_terminal_is_told_that_nothing_is_broken(database: Engine, database_url: str) -> None:
    assert on_a_terminal(database_url).strip() == "nothing is broken"
