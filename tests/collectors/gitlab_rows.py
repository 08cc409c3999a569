"""Rows as GitLab's API says them: what a test does not mention does not matter to it."""

from datetime import datetime, timedelta
from typing import Any

from tests.factories import NOON, minutes

Row = dict[str, Any]


def at(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(count: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=count)


def a_pipeline(status: str = "success", **overrides: object) -> Row:
    """Pipeline 100 of group/web, as its own route says it: five minutes on main, pushed by ada."""
    is_finished = status in ("success", "failed", "canceled")
    return {
        "id": 100,
        "iid": 7,
        "project_id": 3,
        "status": status,
        "source": "push",
        "ref": "main",
        "sha": "a" * 40,
        "created_at": at(NOON),
        "updated_at": at(NOON + minutes(5)),
        "started_at": at(NOON + timedelta(seconds=4)),
        "finished_at": at(NOON + minutes(5)) if is_finished else None,
        "duration": 280 if is_finished else None,
        "queued_duration": 4,
        "user": {"username": "ada", "name": "Ada L."},
        "detailed_status": {"text": status, "label": status, "group": status},
        "web_url": "https://gitlab.com/group/web/-/pipelines/100",
    } | overrides


def a_job(number: int = 1, status: str = "success", **overrides: object) -> Row:
    """Job `unit`, made with the pipeline, from 10 s to 60 s after noon."""
    return {
        "id": number,
        "name": "unit",
        "stage": "test",
        "status": status,
        "allow_failure": False,
        "created_at": at(NOON),
        "started_at": at(seconds(10)),
        "finished_at": at(seconds(60)),
        "queued_duration": 9.5,
        "pipeline": {"id": 100, "project_id": 3},
        "commit": {"message": "Fix it", "author_name": "Ada L.", "committed_date": at(NOON - minutes(1))},
        "runner": {"description": "runner-1"},
        "web_url": f"https://gitlab.com/group/web/-/jobs/{number}",
    } | overrides
