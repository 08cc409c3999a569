"""Every recorded webhook body, kept as the API keeps it and read as the inbox reads it: what it asks is counted."""

import json
from collections import Counter
from pathlib import Path

import pytest

from collectors.inbox import READERS
from collectors.webhook import Nothing
from shared import webhook_body
from tests.factories import NOON
from tests.recorded import recorded

COUNTS = {
    "github": Counter({"Told": 3, "LookSoon": 6, "Nothing": 25}),
    "gitlab": Counter({"Fetch": 3, "Moved": 1, "Nothing": 1}),
    "jenkins": Counter({"Fetch": 1}),
}


def files(provider: str) -> list[tuple[str, Path]]:
    """(event, file) of each recorded webhook; GitHub's event stands in the file's name, the others tell it inside."""
    folder = recorded(provider)
    if provider == "github":
        return [(path.stem.split("__")[1], path) for path in sorted((folder / "webhooks").glob("*.json"))]
    found = (folder / "gitlab4j").glob("*-event.json") if provider == "gitlab" else folder.glob("notification-*/*.json")
    return [("", path) for path in sorted(found)]


@pytest.mark.parametrize("provider", sorted(COUNTS))
def test_every_recorded_webhook_asks_for_what_it_is(provider: str) -> None:
    tasks = []
    for event, path in files(provider):
        kept = webhook_body.keep(path.read_bytes(), "application/json", provider)
        assert kept.json is not None, (path.name, kept.reason)
        tasks.append(READERS[provider](event, json.loads(kept.json), "", NOON))

    assert Counter(type(task).__name__ for task in tasks) == COUNTS[provider]
    assert all(task.reason for task in tasks if isinstance(task, Nothing))
