"""What the incidents of one branch have to be, worked out again from the whole log at once.

It knows nothing of the planner: it takes the verdicts of the newest builds as a list and cuts that list into incidents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOG = text("""
    SELECT e.pos, b.queued_at, b.id AS build_id, e.attempt, e.to_status, e.is_superseded, e.is_backfill, e.at
    FROM events e JOIN builds b ON b.id = e.subject_id WHERE e.subject_kind = 'build' ORDER BY e.pos
""")

COLUMNS = """status, opened_at, last_failed_at, fixed_at, failures, flaps, first_bad_build_id, first_bad_attempt,
             last_bad_build_id, last_bad_attempt, last_good_build_id, last_good_attempt, fixed_build_id, fixed_attempt,
             is_flaky, is_silent"""


@dataclass(frozen=True)
class Said:
    """One verdict of the branch's newest build."""

    is_good: bool
    attempt: tuple[int, int]
    at: datetime
    is_backfill: bool
    pos: int


def stored_incidents(session: Session) -> list[dict[str, Any]]:
    """The incidents as they are in the table, in the order in which they were opened."""
    return [dict(row) for row in session.execute(text(f"SELECT {COLUMNS} FROM incidents ORDER BY id")).mappings()]


def true_incidents(session: Session) -> list[dict[str, Any]]:
    """The same rows as they follow from the log; every build of it has to be of the default branch."""
    said = verdicts_of_the_newest_build(session)
    found: list[dict[str, Any]] = []
    start = next_bad(said, 0)
    while start < len(said):
        flaps = sum(row["opened_at"] >= said[start].at - timedelta(hours=1) for row in found)
        end = end_of(said, start, passes_needed=3 if flaps >= 2 else 1)
        found.append(row_of(said, start, end, flaps))
        start = next_bad(said, end)
    return found


def verdicts_of_the_newest_build(session: Session) -> list[Said]:
    """Verdicts in the order in which they were learnt, without what is older than the newest, and without repeats."""
    said: list[Said] = []
    newest = None
    for row in session.execute(_LOG):
        order = (row.queued_at, row.build_id, row.attempt)
        is_verdict = row.to_status in ("succeeded", "failed", "timed_out") and not row.is_superseded
        if is_verdict and (newest is None or order >= newest):
            newest = order
            each = Said(row.to_status == "succeeded", order[1:], row.at, row.is_backfill, row.pos)
            if not said or (said[-1].attempt, said[-1].is_good) != (each.attempt, each.is_good):
                said.append(each)
    return said


def next_bad(said: Sequence[Said], start: int) -> int:
    return next((n for n in range(start, len(said)) if not said[n].is_good), len(said))


def end_of(said: Sequence[Said], start: int, passes_needed: int) -> int:
    """Where the incident that starts there is over: behind the last of so many good verdicts in a row."""
    for end in range(start + 1 + passes_needed, len(said) + 1):
        if all(each.is_good for each in said[end - passes_needed : end]):
            return end
    return len(said) + 1


def row_of(said: Sequence[Said], start: int, end: int, flaps: int) -> dict[str, Any]:
    part, is_over = said[start:end], end <= len(said)
    # One attempt is one failure, even if it was good for a moment in between.
    bad = [next(group) for _, group in groupby((each for each in part if not each.is_good), lambda each: each.attempt)]
    good = last_good(said[:start], said[start].attempt)
    breaks = [each for each, before in zip(part, [None, *part], strict=False) if not each.is_good and is_turn(before)]
    return {
        "status": "fixed" if is_over else "flapping" if flaps >= 2 else "broken",
        "opened_at": part[0].at,
        "last_failed_at": max(each.at for each in bad),
        "fixed_at": max(part[0].at, part[-1].at) if is_over else None,
        "failures": len(bad),
        "flaps": flaps,
        "first_bad_build_id": bad[0].attempt[0],
        "first_bad_attempt": bad[0].attempt[1],
        "last_bad_build_id": bad[-1].attempt[0],
        "last_bad_attempt": bad[-1].attempt[1],
        "last_good_build_id": good.attempt[0] if good else None,
        "last_good_attempt": good.attempt[1] if good else None,
        "fixed_build_id": part[-1].attempt[0] if is_over else None,
        "fixed_attempt": part[-1].attempt[1] if is_over else None,
        "is_flaky": any(is_rerun(part[:n]) for n in range(1, len(part) + 1)),
        "is_silent": all(each.is_backfill for each in breaks),
    }


def last_good(said: Sequence[Said], but: tuple[int, int]) -> Said | None:
    """The newest attempt but this one of which the last word was good."""
    last_words = {each.attempt: each for each in said if each.attempt != but}
    return next((each for each in reversed(last_words.values()) if each.is_good), None)


def is_turn(before: Said | None) -> bool:
    return before is None or before.is_good


def is_rerun(part: Sequence[Said]) -> bool:
    """Whether the last of these verdicts is a good one of a build of which an earlier attempt was the last bad one."""
    last_bad = [each for each in part if not each.is_good][-1]
    same_build = last_bad.attempt[0] == part[-1].attempt[0]
    return part[-1].is_good and same_build and last_bad.attempt < part[-1].attempt
