"""Every decision of the planner has its sentence, and an event without a row is explained by what is known of it."""

from dataclasses import replace
from typing import Any

import pytest

from alerts.verdicts import Decision
from shared.decision_words import SENTENCES, Unwritten, decision_without_row, sentence

QUIET = Unwritten(
    pos=7,
    subject_kind="build",
    to_status="succeeded",
    is_superseded=False,
    is_backfill=False,
    trigger="push",
    is_planned=True,
    first_kept=1,
)


@pytest.mark.parametrize("decision", Decision)
def test_every_decision_has_a_sentence(decision: Decision) -> None:
    assert str(decision) in SENTENCES


def test_sentences_end_like_sentences() -> None:
    assert [words for words in SENTENCES.values() if not words[0].isupper() or not words.endswith(".")] == []


def test_a_word_of_another_version_is_shown_as_it_is() -> None:
    assert sentence("moved_away") == "The planner called it moved away."


@pytest.mark.parametrize(
    ("known", "decision"),
    [
        ({}, "still_working"),
        ({"to_status": "running"}, "no_verdict"),
        ({"to_status": None}, "no_verdict"),
        ({"is_superseded": True}, "is_superseded"),
        ({"is_backfill": True}, "is_backfill"),
        ({"trigger": "pull_request_target"}, "pull_request"),
        ({"trigger": "merge_request_event", "is_backfill": True}, "pull_request"),
        ({"trigger": "parent_pipeline"}, "child_pipeline"),
        ({"trigger": None}, "still_working"),
        ({"is_planned": False, "to_status": "running"}, "not_planned"),
        ({"subject_kind": "health", "is_planned": False}, "no_subject"),
        ({"subject_kind": "incident", "to_status": "broken"}, "not_kept"),
        ({"first_kept": None}, "not_kept"),
        ({"first_kept": 8}, "not_kept"),
        ({"first_kept": 8, "to_status": "running"}, "no_verdict"),
    ],
)
def test_what_left_no_row_is_explained(known: dict[str, Any], decision: str) -> None:
    assert decision_without_row(replace(QUIET, **known)) == decision
