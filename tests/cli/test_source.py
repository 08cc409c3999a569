"""`source`: tried before it is saved, listed with its freshness, polled on request."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import sources
from shared.config.settings import Config, ProviderSettings
from shared.found_sources import Found, known_sources, plan, write
from simulator import Simulator
from tests.cli.conftest import Run
from tests.cli.github import TOKEN, a_github, write_config
from tests.factories import NOON

PROVIDER = ProviderSettings(kind="github", name="github.com", base_url="https://api.github.com", watch=("acme/web",))


def stored(database: Engine) -> list[tuple[str, str]]:
    with Session(database) as session:
        return [(row.scope, row.origin) for row in session.execute(text("SELECT scope, origin FROM sources"))]


@pytest.fixture
def watched(database: Engine) -> None:
    with Session(database) as session, session.begin():
        sources.sync(session, Config(providers=(PROVIDER,)), NOON)
        session.execute(text("UPDATE sources SET next_poll_at = '2099-01-01T00:00Z'"))


@pytest.mark.parametrize("name", ["github", "github.test"])
def test_a_source_is_tried_shown_and_saved(
    run: Run, tmp_path: Path, database: Engine, database_url: str, name: str
) -> None:
    with a_github() as github:
        write_config(tmp_path, github.url, token_env="GITHUB_TOKEN")
        result = run("source", "add", name, "acme/web", stdin="y\n", DATABASE_URL=database_url, GITHUB_TOKEN=TOKEN)

    assert result.exit_code == 0, result.output
    assert "57 of 60 requests left" in result.output
    assert "builds\tCI\t9\tmain\tsucceeded" in result.output
    assert "builds\tCI\t8\tmain\tfailed" in result.output
    assert stored(database) == [("acme/web", "added")]
    assert {heard.headers["authorization"] for heard in github.heard} == {f"Bearer {TOKEN}"}
    assert TOKEN not in result.output


def test_nothing_is_saved_without_a_yes(run: Run, tmp_path: Path, database: Engine, database_url: str) -> None:
    with a_github() as github:
        write_config(tmp_path, github.url)
        declined = run("source", "add", "github", "acme/web", stdin="n\n", DATABASE_URL=database_url)
        silent = run("source", "add", "github", "acme/web", DATABASE_URL=database_url)

    assert (declined.exit_code, silent.exit_code) == (0, 130)
    assert "Nothing was saved" in declined.output
    assert stored(database) == []


@pytest.mark.parametrize(("watch", "whence"), [('"acme/web"', "config.toml"), ("", "source add")])
def test_what_is_watched_already_is_said_and_not_tried_again(
    run: Run, tmp_path: Path, database_url: str, watch: str, whence: str
) -> None:
    with a_github() as github:
        write_config(tmp_path, github.url)
        run("source", "add", "github", "acme/web", "--yes", DATABASE_URL=database_url)
        heard = len(github.heard)
        write_config(tmp_path, github.url, watch=watch)
        result = run("source", "add", "github", "acme/web", DATABASE_URL=database_url)

    assert (result.exit_code, result.output) == (0, f"github.test:acme/web is watched already ({whence}).\n")
    assert len(github.heard) == heard


def test_yes_can_be_said_before(run: Run, tmp_path: Path, database: Engine, database_url: str) -> None:
    with a_github() as github:
        write_config(tmp_path, github.url)
        result = run("source", "add", "github", "acme/web", "--yes", DATABASE_URL=database_url)

    assert result.exit_code == 0
    assert stored(database) == [("acme/web", "added")]


def test_a_refused_token_is_exit_code_4_and_nothing_is_saved(
    run: Run, tmp_path: Path, database: Engine, database_url: str
) -> None:
    with a_github() as github:
        write_config(tmp_path, github.url, token_env="GITHUB_TOKEN")
        wrong = TOKEN.replace("0", "9")
        result = run("source", "add", "github", "acme/web", "--yes", DATABASE_URL=database_url, GITHUB_TOKEN=wrong)

    assert result.exit_code == 4, result.output
    assert result.stderr.count("✗") == 1
    assert "acme/web was not added: " in result.stderr
    assert wrong not in result.output
    assert stored(database) == []


def test_what_is_not_there_is_exit_code_1_and_not_saved(
    run: Run, tmp_path: Path, database: Engine, database_url: str
) -> None:
    with a_github() as github:
        write_config(tmp_path, github.url)
        result = run("source", "add", "github", "acme/none", "--yes", DATABASE_URL=database_url)

    assert result.exit_code == 1
    assert stored(database) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("github", "no repository"), 'write it like "owner/repo"'),
        (("gitlab", "acme/web"), "no provider is called gitlab; configured: github.test (github)"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2(run: Run, tmp_path: Path, arguments: tuple[str, str], words: str) -> None:
    write_config(tmp_path, "http://127.0.0.1:1")

    result = run("source", "add", *arguments)

    assert result.exit_code == 2
    assert words in result.stderr


def test_sources_are_listed_one_a_line_or_as_json(run: Run, watched: None, database_url: str) -> None:
    lines = run("source", "list", DATABASE_URL=database_url)
    document = json.loads(run("source", "list", "--json", DATABASE_URL=database_url).stdout)

    assert lines.output.startswith("sources\tgithub.com:acme/web\tdefault\t")
    assert [(row["instance"], row["scope"]) for row in document] == [("github.com", "acme/web")]


def test_a_poll_makes_the_source_due_once_a_minute(
    run: Run, watched: None, database: Engine, database_url: str
) -> None:
    first = run("source", "poll", "acme/web", DATABASE_URL=database_url)
    second = run("source", "poll", "github.com:acme/web", DATABASE_URL=database_url)

    assert "is due now" in first.output
    assert "was asked for already" in second.output
    with Session(database) as session:
        assert session.execute(text("SELECT next_poll_at <= now() FROM sources")).scalar_one()


def test_what_is_not_watched_cannot_be_polled(run: Run, watched: None, database_url: str) -> None:
    result = run("source", "poll", "acme/none", DATABASE_URL=database_url)

    assert result.exit_code == 1
    assert "no source is called acme/none; there is: github.com:acme/web" in result.stderr


def test_a_pattern_shows_what_it_would_find_and_where_to_write_it(run: Run, tmp_path: Path, database_url: str) -> None:
    with Simulator(seed=7) as simulator:
        for number in range(12):
            simulator.github.estate.add("northwind", f"service-{number:02}")
        write_config(tmp_path, simulator.url, watch='"northwind/*-00", "!northwind/*-05"', token_env="GITHUB_TOKEN")
        result = run("source", "add", "github", "northwind/*", DATABASE_URL=database_url, GITHUB_TOKEN=simulator.token)

    assert result.exit_code == 0, result.output
    assert "northwind/service-00\n" in result.output
    assert "northwind/service-05" not in result.output
    assert "… and 1 more" in result.output
    assert "github.test:northwind/* finds 11 now; nothing was saved" in result.output
    assert 'add "northwind/*" to `watch` of github.test in config.toml' in result.output


def test_what_patterns_found_and_no_longer_find_is_listed(run: Run, database: Engine, database_url: str) -> None:
    provider = PROVIDER.model_copy(update={"watch": ("acme/*",)})
    with Session(database) as session, session.begin():
        sources.sync(session, Config(providers=(provider,)), NOON)
        (instance_id,) = session.execute(text("SELECT id FROM instances")).scalars()
        for scopes in (("acme/web", "acme/api"), ("acme/web",)):
            known = known_sources(session, instance_id)
            changes = plan(known, [Found(scope) for scope in scopes], "acme/*", is_complete=True)
            write(session, instance_id, "acme/*", changes)
        session.execute(text("UPDATE sources SET last_ok_at = now() WHERE scope = 'acme/web'"))
        session.execute(text("UPDATE watches SET found = 1, last_error = 'GitHub is away'"))

    lines = run("source", "list", DATABASE_URL=database_url).output.splitlines()

    assert [line.split("\t")[-1] for line in lines] == [
        "found by acme/*",
        "no longer found by acme/*",
        "GitHub is away",
    ]
    assert lines[1].split("\t")[1:4:2] == ["github.com:acme/api", "archived"]
    assert lines[2].split("\t")[:3] == ["patterns", "github.com:acme/*", "1"]
