"""`silence` by hand: made with a reason, listed, ended; mistakes name the option."""

import getpass
import json
from collections.abc import Callable

import pytest
from click.testing import Result
from sqlalchemy import Engine, text

from tests.cli.conftest import Run

Silence = Callable[..., Result]


@pytest.fixture
def silence(run: Run, database_url: str) -> Silence:
    def run_it(*arguments: str) -> Result:
        return run("silence", *arguments, DATABASE_URL=database_url)

    return run_it


PIPELINE = text("""
    WITH hub AS (INSERT INTO instances (name, provider, base_url) VALUES ('hub', 'github', 'x') RETURNING id)
    INSERT INTO pipelines (instance_id, project_id, external_id, name) SELECT id, 1, '1', 'ci' FROM hub
""")
ADD = ("add", "--pipeline", "ci", "--branch", "main", "--reason", "the registry moves")


def test_a_silence_is_made_listed_and_ended(silence: Silence) -> None:
    made = silence(*ADD, "--for", "2h")
    listed = silence("list").output.rstrip("\n").split("\t")
    ended = silence("end", "1")

    assert (made.exit_code, made.stdout.startswith("Silence 1 holds until ")) == (0, True)
    assert listed[:3] == ["silences", "1", "active"]
    assert listed[5:] == [getpass.getuser(), "pipeline=ci branch=main", "the registry moves"]
    assert ended.output == "Silence 1 is over.\n"
    assert silence("list").output == ""
    assert silence("list", "--all").output.startswith("silences\t1\tover\t")
    assert silence("end", "1").output == "Silence 1 was over before.\n"


def test_whoever_mistypes_a_name_is_told_that_nothing_is_called_so(silence: Silence, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(PIPELINE)

    meant = silence(*ADD, "--for", "2h")
    mistyped = silence("add", "--pipeline", "cii", "--reason", "x", "--for", "2h")

    assert (meant.exit_code, "fits no pipeline" in meant.stderr) == (0, False)
    assert (mistyped.exit_code, "fits no pipeline" in mistyped.stderr) == (0, True)


def test_the_list_for_programs_is_that_of_the_api(silence: Silence) -> None:
    silence(*ADD, "--for", "2h", "--author", "ada")

    (found,) = json.loads(silence("list", "--json").stdout)["silences"]

    assert found["matchers"] == {"pipeline": ["ci"], "branch": ["main"]}
    assert (found["author"], found["state"]) == ("ada", "active")
    assert found["ends_at"].endswith("Z")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "--reason", "x", "--for", "2h"), "what to silence: must have at least one of provider"),
        ((*ADD,), "--until: is missing; give it, or --for"),
        ((*ADD, "--for", "a while"), "--for: must be a duration such as"),
        ((*ADD, "--for", "400d"), "--for: must be at most 90d"),
        (
            (*ADD, "--from", "2099-01-02T00:00:00Z", "--until", "2099-01-01T00:00:00Z"),
            "--from: is too far away; at most 366 days from now",
        ),
        ((*ADD, "--until", "2020-01-01T00:00:00Z"), "--until: must be later than now and than --from"),
        ((*ADD, "--for", "1h", "--author", "x" * 201), "--author: must be a name of at most 200 characters"),
        ((*ADD, "--until", "tomorrow"), "--until: must be an instant with its zone"),
        ((*ADD, "--for", "1h", "--until", "2099-01-01T00:00:00Z"), "--until and --for are both given"),
        ((*ADD, "--for", "1h", "--branch", ""), "--branch: must be at least one character long"),
    ],
)
def test_a_mistake_names_the_option_and_makes_nothing(silence: Silence, arguments: tuple[str, ...], words: str) -> None:
    result = silence(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr
    assert silence("list", "--all").output == ""


def test_one_that_is_not_there_is_said_so(silence: Silence) -> None:
    result = silence("end", "7")

    assert (result.exit_code, "no silence has the id 7" in result.stderr) == (1, True)
