"""A message with defaults, for what needs one without a database."""

from typing import Any

from alerts.message import Kind, Message
from shared.status import Status
from tests.factories import NOON, minutes


def a_message(kind: str = "broke", **overrides: Any) -> Message:
    """`ci` of acme/web broke on main."""
    is_break = kind in ("broke", "flapping")
    fields: dict[str, Any] = {
        "kind": Kind(kind),
        "status": Status.FAILED if is_break else Status.SUCCEEDED,
        "is_unstable": False,
        "instance": "github.com",
        "repository": "acme/web",
        "pipeline": "ci",
        "branch": "main",
        "build_id": 7,
        "number": 412,
        "attempt": 1,
        "commit_sha": "a1b2c3d4e5" + "f" * 30,
        "commit_message": "Fix the login form\n\nand more",
        "author": "ada",
        "duration_seconds": 300.0,
        "finished_at": NOON + minutes(5),
        "broken_since": NOON + minutes(5 if is_break else -125),
        "web_url": "https://github.com/acme/web/actions/runs/100",
    }
    return Message(**(fields | overrides))
