"""Plain factories with defaults: what a test does not mention does not matter to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.observation import Observation, ObservedJob, finished_first
from shared.status import FINISHED, Status

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def a_build(status: str = "succeeded", *, updated_at: datetime | None = None, **overrides: Any) -> Observation:
    """An observation of GitHub's kind: run 100 of acme/web's workflow `ci` on main."""
    word = Status(status)
    is_finished = overrides.pop("is_finished", word in FINISHED)
    queued_at = overrides.pop("queued_at", NOON)
    finished_at = overrides.pop("finished_at", queued_at + minutes(5) if is_finished else None)
    instant = updated_at or finished_at or queued_at
    fields: dict[str, Any] = {
        "provider": "github",
        "pipeline_external_id": "1/10",
        "pipeline_name": "ci",
        "default_branch": "main",
        "repository_external_id": "1",
        "repository_name": "acme/web",
        "external_id": "100",
        "number": 100,
        "status": word,
        "raw_status": status,
        "is_finished": is_finished,
        "merge_key": finished_first(is_finished, instant, word),
        "queued_at": queued_at,
        "started_at": None if word is Status.QUEUED else queued_at,
        "finished_at": finished_at,
        "is_finish_guessed": True,
        "branch": "main",
        "commit_sha": "a" * 40,
        "commit_message": "Fix the login form",
        "author": "ada",
        "event": "push",
        "web_url": "https://github.com/acme/web/actions/runs/100",
    }
    return Observation(**(fields | overrides))


def a_job(status: str = "succeeded", *, updated_at: datetime | None = None, **overrides: Any) -> ObservedJob:
    """Job 1000, `test`, of whatever attempt it is put into."""
    word = Status(status)
    is_finished = word in FINISHED
    fields: dict[str, Any] = {
        "external_id": "1000",
        "name": "test",
        "status": word,
        "raw_status": status,
        "is_finished": is_finished,
        "merge_key": finished_first(is_finished, updated_at or NOON, word),
        "queued_at": NOON,
        "started_at": NOON + timedelta(seconds=10),
        "finished_at": NOON + minutes(4) if is_finished else None,
        "runner": "hosted-1",
    }
    return ObservedJob(**(fields | overrides))
