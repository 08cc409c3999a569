"""Rows as GitHub's API says them: what a test does not mention does not matter to it."""

from datetime import datetime, timedelta
from typing import Any

from tests.factories import NOON, minutes

Row = dict[str, Any]


def at(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def a_run(status: str | None = "completed", conclusion: str | None = "success", **overrides: object) -> Row:
    """Run 100 of acme/web's workflow 10, as the API says it: five minutes long, pushed by ada."""
    started = overrides.get("run_started_at", at(NOON))
    return {
        "id": 100,
        "name": "CI",
        "path": ".github/workflows/ci.yml",
        "workflow_id": 10,
        "run_number": 7,
        "run_attempt": 1,
        "event": "push",
        "status": status,
        "conclusion": conclusion if status == "completed" else None,
        "head_branch": "main",
        "head_sha": "a" * 40,
        "created_at": at(NOON),
        "run_started_at": started,
        "updated_at": at(NOON + minutes(5)),
        "html_url": "https://github.com/acme/web/actions/runs/100",
        "actor": {"login": "ada"},
        "triggering_actor": {"login": "grace"},
        "head_commit": {"message": "Fix it", "timestamp": at(NOON - minutes(1)), "author": {"name": "Ada L."}},
        "repository": {"id": 1, "full_name": "acme/web", "html_url": "https://github.com/acme/web"},
    } | overrides


def a_job(status: str | None = "completed", conclusion: str | None = "success", **overrides: object) -> Row:
    return {
        "id": 1000,
        "run_id": 100,
        "run_attempt": 1,
        "name": "test",
        "status": status,
        "conclusion": conclusion if status == "completed" else None,
        "created_at": at(NOON + timedelta(seconds=2)),
        "started_at": at(NOON + timedelta(seconds=12)),
        "completed_at": at(NOON + minutes(4)) if status == "completed" else None,
        "runner_name": "hosted-1",
        "html_url": "https://github.com/acme/web/actions/runs/100/job/1000",
    } | overrides
