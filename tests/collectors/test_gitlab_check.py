"""Trying a GitLab source, projects without CI, and the settings: what is said when something is wrong."""

from pathlib import Path
from typing import Any

import pytest

from collectors import COLLECTORS
from shared.config.settings import load
from shared.errors import ConfigError
from tests.collectors.gitlab_rows import Row, a_pipeline
from tests.collectors.gitlab_server import PROJECT, Server, collecting
from tests.factories import NOON
from tests.loopback import Heard, Loopback, reply


@pytest.fixture
def far() -> Server:
    return Server()


REFUSALS = [
    ({"error": "insufficient_scope", "scope": "api read_api"}, 403, "lacks the scope read_api"),
    ({"error": "invalid_token", "error_description": "Token is expired."}, 401, "has expired or was revoked"),
    ({"message": "401 Unauthorized"}, 401, "is refused"),
    ({"message": "403 Forbidden"}, 403, "a Reporter there"),
    ({"message": "404 Project Not Found"}, 404, "no member of it"),
]


@pytest.mark.parametrize(("body", "status", "words"), REFUSALS)
def test_a_check_says_in_words_what_is_wrong_and_what_would_help(
    far: Server, body: object, status: int, words: str
) -> None:
    far.refusal = {"": reply(body, status)}

    with Loopback(far) as server:
        client, collector = collecting(far, server)
        with client:
            check = collector.check()

    assert not check.is_ok
    assert words in check.words[0]
    assert "glpat-1" not in " ".join(check.words)


def test_a_check_says_what_can_be_read_and_under_which_name(far: Server) -> None:
    far.pipelines = [a_pipeline()]

    with Loopback(lambda heard: reply([a_pipeline()]) if "/pipelines" in heard.target
                  else reply(PROJECT | {"path_with_namespace": "group/site"})) as server:  # fmt: skip
        client, collector = collecting(far, server)
        with client:
            check = collector.check()

    assert check.is_ok
    assert check.words[0] == "group/site is private, its default branch is trunk"
    assert "is called group/site now" in check.words[1]


@pytest.mark.parametrize("off", [{"builds_access_level": "disabled"}, {"jobs_enabled": False}])
def test_a_project_without_ci_has_no_builds_and_the_check_says_why(far: Server, off: Row) -> None:
    def without_ci(heard: Heard) -> bytes:
        if "/pipelines" in heard.target:
            return reply({"message": "403 Forbidden"}, 403)
        return reply(PROJECT | off)

    with Loopback(without_ci) as server:
        client, collector = collecting(far, server)
        with client:
            pages, check = list(collector.list_recent_builds(NOON)), collector.check()

    assert pages == []
    assert not check.is_ok
    assert "CI/CD switched off" in check.words[0]


TOML = """
[[providers]]
kind = "gitlab"
name = "gitlab.com"
{more}
"""


def loaded(tmp_path: Path, more: str) -> Any:
    path = tmp_path / "config.toml"
    path.write_text(TOML.format(more=more))
    kinds = {kind: collector.settings_class for kind, collector in COLLECTORS.items()}
    return load(path, providers=kinds, environ={"T": "x", "HOME": str(tmp_path)}).providers[0]


def test_the_settings_are_read_from_the_file(tmp_path: Path) -> None:
    made = loaded(tmp_path, 'watch = ["group/sub.group/web-1"]\ntoken_env = "T"')

    assert (made.base_url, made.web_url) == ("https://gitlab.com", "https://gitlab.com")
    assert made.token.read().get_secret_value() == "x"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('watch = ["web"]', "write its full path"),
        ('watch = ["group/../web"]', "write its full path"),
        ('base_url = "https://ci.example.com/api/v4"', "write it without /api/v4"),
        ("page_size = 500", "page_size"),
    ],
)
def test_a_mistake_in_the_settings_says_what_would_be_right(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        loaded(tmp_path, more)
