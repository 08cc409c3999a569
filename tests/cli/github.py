"""A GitHub on loopback with one repository, acme/web, and its token."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.loopback import Heard, Loopback, reply

TOKEN = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"


def _run(number: int, conclusion: str) -> dict[str, object]:
    return {
        "id": 100 + number,
        "name": "CI",
        "path": ".github/workflows/ci.yml",
        "workflow_id": 10,
        "run_number": number,
        "run_attempt": 1,
        "event": "push",
        "status": "completed",
        "conclusion": conclusion,
        "head_branch": "main",
        "head_sha": "a" * 40,
        "created_at": "2026-11-20T12:00:00Z",
        "run_started_at": "2026-11-20T12:00:00Z",
        "updated_at": "2026-11-20T12:05:00Z",
        "html_url": f"https://github.com/acme/web/actions/runs/{100 + number}",
        "repository": {"id": 1, "full_name": "acme/web", "html_url": "https://github.com/acme/web"},
    }


def _answer(heard: Heard) -> bytes:
    path = heard.target.partition("?")[0]
    if heard.headers.get("authorization") not in {None, f"Bearer {TOKEN}"}:
        return reply({"message": "Bad credentials"}, 401)
    if path == "/repos/acme/web":
        repository = {"id": 1, "full_name": "acme/web", "default_branch": "main", "private": False}
        return reply(repository, headers={"x-ratelimit-limit": "60", "x-ratelimit-remaining": "57"})
    if path == "/repos/acme/web/actions/runs":
        return reply({"total_count": 2, "workflow_runs": [_run(9, "success"), _run(8, "failure")]})
    return reply({"message": "Not Found"}, 404)


@contextmanager
def a_github() -> Iterator[Loopback]:
    with Loopback(_answer) as server:
        yield server


def write_config(folder: Path, url: str, *, watch: str = "", token_env: str | None = None) -> Path:
    """A `config.toml` that watches this GitHub."""
    lines = ["[[providers]]", 'kind = "github"', 'name = "github.test"', f'base_url = "{url}"', f"watch = [{watch}]"]
    lines += [f'token_env = "{token_env}"'] if token_env else []
    path = folder / "config.toml"
    path.write_text("\n".join(lines) + "\n")
    return path
