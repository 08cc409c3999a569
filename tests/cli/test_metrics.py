"""`metrics verify` and `metrics rebuild` for people and for programs."""

import json

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.metrics.fold import fold
from tests.cli.conftest import Run
from tests.factories import a_build
from tests.shared.metrics.counted import an_instance, recorded


@pytest.fixture
def counted(database: Engine) -> None:
    """Two builds of one pipeline, added up."""
    with Session(database) as session, session.begin():
        recorded(session, an_instance(session), a_build(external_id="1"), a_build("failed", external_id="2"))
    fold(database)


@pytest.fixture
def tampered(database: Engine, counted: None) -> None:
    """The same, and then the kept figures of failed builds were changed behind our back."""
    with database.begin() as connection:
        connection.execute(text("UPDATE metric_cells SET builds = 5 WHERE status = 8"))


def test_verify_counts_what_it_compared(run: Run, counted: None, database_url: str) -> None:
    result = run("metrics", "verify", DATABASE_URL=database_url)

    lines = [line.split("\t") for line in result.output.splitlines()]
    assert result.exit_code == 0, result.output
    assert [line[:4] for line in lines] == [
        ["metrics", "cells", "56", "0"],
        ["metrics", "flaky builds", "0", "0"],
        ["metrics", "not counted yet", "0", "-"],
    ]
    assert lines[0][4] == "against 2 builds and their attempts"


def test_verify_names_what_is_wrong_and_fails(run: Run, tampered: None, database_url: str) -> None:
    result = run("metrics", "verify", DATABASE_URL=database_url)

    assert result.exit_code == 1
    assert "pipeline acme/web ci (1)" in result.output
    assert "kept 5, counted 1" in result.output
    assert "observatory metrics rebuild" in result.output


def test_verify_as_json_says_the_same(run: Run, tampered: None, database_url: str) -> None:
    result = run("metrics", "verify", "--json", DATABASE_URL=database_url)

    told = json.loads(result.output.partition("✗")[0])
    assert (result.exit_code, told["is_right"], told["builds"]) == (1, False, 2)
    assert told["examples"][0]["figure"] == "builds"


def test_rebuild_repairs(run: Run, tampered: None, database_url: str) -> None:
    result = run("metrics", "rebuild", DATABASE_URL=database_url)

    assert result.exit_code == 0, result.output
    assert "counted all pipelines anew" in result.output
    assert run("metrics", "verify", DATABASE_URL=database_url).exit_code == 0


def test_rebuild_of_one_pipeline_repairs_what_it_adds_to(
    run: Run, counted: None, database: Engine, database_url: str
) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE metric_cells SET builds = builds + 3 WHERE status = 8"))

    result = run("metrics", "rebuild", "--pipeline", "1", DATABASE_URL=database_url)

    assert result.exit_code == 0, result.output
    assert run("metrics", "verify", DATABASE_URL=database_url).exit_code == 0


def test_rebuild_of_a_pipeline_that_is_not_there_says_so(run: Run, counted: None, database_url: str) -> None:
    result = run("metrics", "rebuild", "--pipeline", "77", DATABASE_URL=database_url)

    assert result.exit_code == 1
    assert "there is no pipeline 77" in result.output
