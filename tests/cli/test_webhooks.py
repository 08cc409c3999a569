"""`webhooks`: what to enter at the provider, what stands in the way, and what a test says when nobody answers."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.webhooks import signed_test
from shared.signatures import Proof, Verdict, verify
from tests.api.webhooks import SIGNING_SECRET
from tests.cli.conftest import Run

LONG = "a-secret-of-more-than-sixteen"
CONFIG = """
[server]
base_url = "{base_url}"
[[providers]]
kind = "github"
name = "github.com"
token_env = "NOT_NEEDED_HERE"
webhook_secret_env = "HOOK_GITHUB"
[[providers]]
kind = "gitlab"
name = "gitlab.com"
webhook_secret_file = "{file}"
[[providers]]
kind = "jenkins"
name = "ci"
base_url = "https://ci.example.com"
webhook_secret_env = "HOOK_JENKINS"
[[providers]]
kind = "github"
name = "silent"
"""
ENVIRON = {"HOOK_GITHUB": LONG, "HOOK_JENKINS": LONG[::-1]}


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SIGNING_SECRET)
    return path


def write(folder: Path, file: Path, base_url: str = "https://builds.example.com") -> None:
    (folder / "config.toml").write_text(CONFIG.format(base_url=base_url, file=file))


def test_it_shows_what_to_enter_and_no_secret(run: Run, tmp_path: Path, secret_file: Path) -> None:
    write(tmp_path, secret_file)

    result = run("webhooks", **ENVIRON)

    assert result.exit_code == 0, result.output
    assert "Payload URL\thttps://builds.example.com/webhooks/github/github.com\n" in result.output
    assert "Secret\tthe value of HOOK_GITHUB\n" in result.output
    assert "Events\tWorkflow runs, Workflow jobs, Pushes, " in result.output
    assert f"Signing token\tthe content of {secret_file}\n" in result.output
    assert "URL\thttps://builds.example.com/webhooks/jenkins/ci/SECRET\n" in result.output
    assert "silent (github)\toff\tsilent takes no webhooks: set webhook_secret_env" in result.output
    assert "warning" not in result.output
    assert not [secret for secret in (LONG, LONG[::-1], SIGNING_SECRET) if secret in result.output]


def test_one_installation_can_be_asked_for_and_as_json(run: Run, tmp_path: Path, secret_file: Path) -> None:
    write(tmp_path, secret_file)

    one = run("webhooks", "ci", **ENVIRON)
    document = json.loads(run("webhooks", "ci", "--json", **ENVIRON).stdout)
    everything = json.loads(run("webhooks", "--json", **ENVIRON).stdout)

    assert {line.partition("\t")[0] for line in one.output.splitlines()} == {"ci (jenkins)"}
    assert [(each["instance"], each["is_on"], each["warnings"]) for each in document] == [("ci", True, [])]
    assert [each["is_on"] for each in everything] == [True, True, True, False]


@pytest.mark.parametrize(
    ("base_url", "environ", "warnings"),
    [
        ("http://127.0.0.1:8080", {}, [("github.com", "is this machine only"), ("ci", "is this machine only")]),
        ("http://[::1]:8080", {}, [("github.com", "is this machine only")]),
        ("http://localhost", {}, [("gitlab.com", "is this machine only")]),
        ("http://builds.example.com", {}, [("ci", "travels unencrypted"), ("gitlab.com", "travels unencrypted")]),
        ("https://builds.example.com", {"HOOK_GITHUB": "short"}, [("github.com", "fewer than 16 characters")]),
        ("https://builds.example.com", {"HOOK_JENKINS": LONG}, [("github.com", "ci has the same secret")]),
    ],
)
def test_it_warns_of_what_stands_in_the_way(
    run: Run, tmp_path: Path, secret_file: Path, base_url: str, environ: dict[str, str], warnings: list[tuple[str, str]]
) -> None:
    write(tmp_path, secret_file, base_url)

    output = run("webhooks", **ENVIRON | environ).output

    for instance, words in warnings:
        assert re.search(rf"^{re.escape(instance)} \(\w+\)\twarning\t.*{words}", output, re.MULTILINE), output


def test_an_installation_nobody_configured_is_exit_code_2(run: Run, tmp_path: Path, secret_file: Path) -> None:
    write(tmp_path, secret_file)

    for arguments in (("webhooks", "nowhere"), ("webhooks", "test", "nowhere")):
        result = run(*arguments, **ENVIRON)

        assert result.exit_code == 2
        assert "no provider is called nowhere; configured: github.com, gitlab.com, ci, silent" in result.stderr


def test_one_without_a_secret_cannot_be_tested(run: Run, tmp_path: Path, secret_file: Path) -> None:
    write(tmp_path, secret_file)

    result = run("webhooks", "test", "silent", **ENVIRON)

    assert (result.exit_code, "silent takes no webhooks" in result.stderr) == (2, True)


def test_a_test_that_nobody_answers_is_exit_code_3_and_tells_no_secret(
    run: Run, tmp_path: Path, secret_file: Path
) -> None:
    write(tmp_path, secret_file, "http://127.0.0.1:1")

    result = run("webhooks", "test", "ci", **ENVIRON)

    assert result.exit_code == 3
    assert "no API answers at http://127.0.0.1:1" in result.stderr
    assert LONG[::-1] not in result.output


@pytest.mark.parametrize(("kind", "secret"), [("github", LONG), ("gitlab", LONG), ("gitlab", SIGNING_SECRET)])
def test_a_test_proves_itself_as_the_providers_would(kind: str, secret: str) -> None:
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    body, headers = signed_test(kind, secret, now=now.timestamp())

    proof = Proof(body, {name.lower(): value for name, value in headers.items()})
    assert verify(kind, proof, (secret,), now) is Verdict.VALID
