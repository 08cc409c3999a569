"""Which silence holds now: by what it matches, from its start to its end."""

from datetime import datetime
from typing import Any

import pytest

from alerts.rules import Silence
from alerts.silences import in_words, silenced_by
from shared.config.routes import Matchers, Subject
from tests.factories import NOON, minutes


def a_silence(**overrides: Any) -> Silence:
    """Of everything, from noon for an hour."""
    fields: dict[str, Any] = {
        "id": 1,
        "matchers": Matchers(),
        "reason": "the move",
        "author": "ada",
        "starts_at": NOON,
        "ends_at": NOON + minutes(60),
    }
    return Silence(**(fields | overrides))


def a_subject(**overrides: Any) -> Subject:
    fields: dict[str, Any] = {
        "provider": "github",
        "instance": "github.com",
        "project": "default",
        "team": None,
        "repository": "acme/web",
        "pipeline": "ci",
        "branch": "main",
        "is_default_branch": True,
    }
    return Subject(**(fields | overrides))


@pytest.mark.parametrize(
    ("now", "is_silent"),
    [
        (NOON - minutes(1), False),
        (NOON, True),
        (NOON + minutes(59), True),
        (NOON + minutes(60), False),
    ],
)
def test_it_holds_from_its_start_to_its_end(now: datetime, is_silent: bool) -> None:
    assert (silenced_by([a_silence()], a_subject(), now) is not None) == is_silent


def test_it_holds_for_what_all_of_its_matchers_fit() -> None:
    silence = a_silence(matchers=Matchers(pipeline=("ci*",), branch=("release/*", "@default")))

    assert silenced_by([silence], a_subject(), NOON) is silence
    assert silenced_by([silence], a_subject(branch="release/1", is_default_branch=False), NOON) is silence
    assert silenced_by([silence], a_subject(branch="topic", is_default_branch=False), NOON) is None
    assert silenced_by([silence], a_subject(pipeline="nightly"), NOON) is None


def test_of_several_the_one_that_ends_last_holds() -> None:
    longer = a_silence(id=2, ends_at=NOON + minutes(90), reason="the upgrade")

    assert silenced_by([longer, a_silence()], a_subject(), NOON) is longer
    assert in_words(longer) == "silenced by ada: the upgrade"
