"""`doctor`: each thing that has to work has a line, each problem its cure; one that fails hides no other."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import sources
from shared.clock import utc_now
from shared.config.settings import Config, ProviderSettings
from shared.recorder import record
from tests.cli.conftest import Run
from tests.cli.github import TOKEN, a_github, write_config
from tests.factories import a_build

PROVIDER = ProviderSettings(kind="github", name="github.test", base_url="https://x", watch=("acme/web",))


def states(result: Result) -> dict[str, str]:
    """The worst state of each subject."""
    worst: dict[str, str] = {}
    for finding in json.loads(result.stdout)["findings"]:
        order = ["ok", "warning", "error"].index
        worst[finding["subject"]] = max(worst.get(finding["subject"], "ok"), finding["state"], key=order)
    return worst


def said(result: Result, subject: str) -> str:
    found = [finding for finding in json.loads(result.stdout)["findings"] if finding["subject"] == subject]
    return " ".join(f"{finding['words']} {finding['cure']}" for finding in found)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def test_a_sound_installation_is_exit_code_0(
    run: Run, tmp_path: Path, database: Engine, database_url: str, free_port: int
) -> None:
    with Session(database) as session, session.begin():
        sources.sync(session, Config(providers=(PROVIDER,)), utc_now())
        session.execute(text("INSERT INTO processes (id, kind, host, pid, version) VALUES ('a','scheduler','h',7,'1')"))
    with a_github() as github:
        write_config(tmp_path, github.url, watch='"acme/web"', token_env="GITHUB_TOKEN")
        result = run("doctor", "--json", DATABASE_URL=database_url, PORT=str(free_port), GITHUB_TOKEN=TOKEN)

    assert result.exit_code == 0, result.output
    found = states(result)
    assert set(found.values()) <= {"ok", "warning"}
    for subject in ("configuration", "database", "tables", "port", "github.test", "scheduler", "words", "quarantine"):
        assert found[subject] == "ok", said(result, subject)
    assert "acme/web" in said(result, "github.test")
    assert TOKEN not in result.output


def test_what_nobody_understood_is_shown(run: Run, database: Engine, database_url: str, free_port: int) -> None:
    with Session(database) as session, session.begin():
        sources.sync(session, Config(providers=(PROVIDER,)), utc_now())
        row = session.execute(text("SELECT id, instance_id FROM sources")).one()
        build = a_build("unknown", raw_status="exploded", queued_at=utc_now())
        record(session, [build], instance_id=row.instance_id, source_id=row.id, is_backfill=False)
        session.execute(text("INSERT INTO quarantine (kind, external_id, reason) VALUES ('build', '7', 'no instant')"))

    result = run("doctor", "--json", DATABASE_URL=database_url, PORT=str(free_port))

    assert states(result)["github"] == states(result)["quarantine"] == states(result)["scheduler"] == "warning"
    assert "'exploded'" in said(result, "github")
    assert "1 row(s)" in said(result, "quarantine")
    assert "no instant" in said(result, "quarantine")
    assert result.exit_code == 0


def test_problems_do_not_hide_each_other(run: Run, tmp_path: Path) -> None:
    write_config(tmp_path, "http://127.0.0.1:1", watch='"acme/web"')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("doctor", "--json", DATABASE_URL="postgresql://me:very-secret@127.0.0.1:1/x", PORT=port)

    found = states(result)
    assert result.exit_code == 1
    assert (found["configuration"], found["database"], found["port"], found["github.test"]) == (
        "ok",
        "error",
        "error",
        "error",
    )
    assert "very-secret" not in result.output


def test_a_refused_token_is_wrong_and_not_shown(run: Run, tmp_path: Path, database_url: str, free_port: int) -> None:
    wrong = TOKEN.replace("0", "9")
    with a_github() as github:
        write_config(tmp_path, github.url, watch='"acme/web"', token_env="GITHUB_TOKEN")
        result = run("doctor", DATABASE_URL=database_url, PORT=str(free_port), GITHUB_TOKEN=wrong)

    assert result.exit_code == 1
    assert "✗ github.test:" in result.output
    assert wrong not in result.output


def test_mistakes_in_the_configuration_are_listed_and_the_rest_is_still_looked_at(
    run: Run, tmp_path: Path, database_url: str, free_port: int
) -> None:
    (tmp_path / "config.toml").write_text("[[providers]]\nkind = 'githib'\n[[receivers]]\nkind = 'x'\n")

    result = run("doctor", "--json", DATABASE_URL=database_url, PORT=str(free_port))

    assert result.exit_code == 2
    assert "config.toml: providers[0].kind" in said(result, "configuration")
    assert "receivers[0].kind" in said(result, "configuration")
    assert states(result)["tables"] == "ok"


def test_tables_of_another_version_are_wrong(run: Run, server_url: str, free_port: int) -> None:
    result = run("doctor", "--json", DATABASE_URL=server_url, PORT=str(free_port))

    assert states(result)["tables"] == "error"
    assert "observatory migrate" in said(result, "tables")


def test_a_private_database_is_looked_for_in_a_folder_that_is_ours(run: Run, tmp_path: Path, free_port: int) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")

    absent = run("doctor", "--json", OBSERVATORY_DATABASE__FOLDER=str(tmp_path / "none"), PORT=str(free_port))
    theirs = run("doctor", "--json", OBSERVATORY_DATABASE__FOLDER=str(foreign), PORT=str(free_port))

    assert states(absent)["database"] == "warning"
    assert "observatory up" in said(absent, "database")
    assert not (tmp_path / "none").exists()
    assert states(theirs)["database"] == "error"
    assert "not ours" in said(theirs, "database")


def test_the_cure_of_several_mistakes_is_printed_once(run: Run, tmp_path: Path, free_port: int) -> None:
    (tmp_path / "config.toml").write_text("[server]\nprot = 1\n[[receivers]]\nkind = 'x'\n")

    result = run("doctor", PORT=str(free_port))

    assert result.exit_code == 2
    assert result.output.count("✗ configuration: config.toml: ") == 2
    assert result.output.count("docs/configuration.md explains every key.") == 1


def test_a_database_that_cannot_be_reached_is_one_line(run: Run, free_port: int) -> None:
    result = run("doctor", DATABASE_URL="postgresql://127.0.0.1:1/x", PORT=str(free_port))

    assert result.output.count("✗ database:") == 1
    assert result.output.count("✗") == 1


def test_no_network_is_said_once_with_its_cure(run: Run, tmp_path: Path, free_port: int) -> None:
    write_config(tmp_path, "http://no-such-host.invalid", watch='"acme/web"')

    result = run("doctor", PORT=str(free_port))

    assert "✗ github.test: the name no-such-host.invalid cannot be resolved\n    Check this machine's" in result.output
    assert "(" not in result.output.partition("✗ github.test")[2].partition("\n")[0]


def test_sources_that_fail_for_one_reason_are_one_line(
    run: Run, database: Engine, database_url: str, free_port: int
) -> None:
    three = PROVIDER.model_copy(update={"watch": ("acme/web", "acme/api", "acme/app")})
    with Session(database) as session, session.begin():
        sources.sync(session, Config(providers=(three,)), utc_now())
        session.execute(
            text("UPDATE sources SET failures = 1, last_error = 'ci.test/repos/' || scope || ': timed out (read)'")
        )

    result = run("doctor", DATABASE_URL=database_url, PORT=str(free_port))

    lines = [line for line in result.output.splitlines() if "freshness" in line]
    assert len(lines) == 1
    assert lines[0].startswith("! freshness: 3 sources (")
    assert lines[0].endswith(") never reached yet: timed out (read)")


def test_what_was_given_up_is_no_fault_and_a_cut_list_is_one(
    run: Run, database: Engine, database_url: str, free_port: int
) -> None:
    with Session(database) as session, session.begin():
        session.execute(
            text("""
                INSERT INTO quarantine (kind, external_id, reason)
                VALUES ('open', '7', 'not there'), ('jobs', '8/1', 'not there'), ('list', '1', 'ended after 100 pages')
            """)
        )

    result = run("doctor", "--json", DATABASE_URL=database_url, PORT=str(free_port))

    found = states(result)
    assert (found["quarantine"], found["follow-ups"], found["cut list"]) == ("ok", "ok", "warning")
    assert "2 old build(s)" in said(result, "follow-ups")
    assert "ended after 100 pages" in said(result, "cut list")
