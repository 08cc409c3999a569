"""`config check`: every mistake at once with exit code 2, or what the configuration means."""

import json
from pathlib import Path

from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]

GOOD = """
[[providers]]
kind = "github"
name = "github.com"
watch = ["acme/web"]
[[receivers]]
kind = "slack"
name = "ops"
webhook_url_env = "HOOK"
[[projects]]
key = "web"
team = "Team Web"
"""
HOOK = "https://hooks.slack.com/services/T0/B0/private"


def test_every_mistake_is_listed_and_counted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[server]\nprot = 1\n[[receivers]]\nkind = 'slack'\nname = 'a'\n")

    result = run("config", "check")

    assert result.exit_code == 2
    assert "config.toml: server.prot: unknown key; did you mean port?" in result.stderr
    assert (
        'config.toml: receivers[0] (a).webhook_url: is missing; add webhook_url_env = "NAME_OF_A_VARIABLE"'
        in result.stderr
    )
    assert "2 mistakes" in result.stderr


def test_a_mistake_in_a_variable_or_of_the_file_itself_is_not_put_into_the_file(run: Run, tmp_path: Path) -> None:
    variable = run("config", "check", OBSERVATORY_SERVER__PORT="eighty")
    (tmp_path / "config.toml").write_text("[[[")
    file = run("config", "check")

    assert variable.stderr.startswith("✗ OBSERVATORY_SERVER__PORT: must be")
    assert file.stderr.startswith("✗ config.toml: is not valid TOML")


def test_mistakes_are_there_for_programs_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[server]\nprot = 1\n")

    result = run("config", "check", "--json")

    assert result.exit_code == 2
    document = json.loads(result.stdout)
    assert document["is_ok"] is False
    assert document["mistakes"] == [{"path": "server.prot", "message": "unknown key; did you mean port?"}]


def test_a_right_configuration_is_told_in_sentences_without_secrets(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(GOOD)

    before = run("--config", str(path), "config", "check", HOOK=HOOK, PORT="9000")
    behind = run("config", "check", "--config", str(path), HOOK=HOOK, PORT="9000")

    assert before.exit_code == 0, before.output
    assert before.output == behind.output
    for words in ("no mistakes", "watches acme/web", "ops (slack)", "Team Web", "server.port is set by PORT"):
        assert words in before.output
    assert "private" not in before.output.replace("a private one", "")


def test_what_is_watched_is_listed_for_programs(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(GOOD)

    document = json.loads(run("config", "check", "--json", HOOK=HOOK).stdout)

    assert document == {"is_ok": True, "path": "config.toml", "mistakes": [], "watches": ["github.com:acme/web"]}


def test_without_a_file_it_says_that_nothing_is_watched(run: Run) -> None:
    result = run("config", "check")

    assert result.exit_code == 0
    assert "There is no file" in result.output
    assert "Nothing is watched" in result.output


def test_the_example_has_no_mistakes(run: Run) -> None:
    assert run("config", "check", "--config", str(ROOT / "config.example.toml")).exit_code == 0
