"""The merge rule as a property of the real SQL: any order, any repetition, any paging gives the same tables."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.observation import Observation, finished_first, latest_first
from shared.recorder import record
from shared.status import FINISHED, Status
from tests.factories import NOON, a_build, a_job

seconds = st.integers(0, 6).map(lambda count: timedelta(seconds=20 * count))


@st.composite
def sightings(draw: st.DrawFn, *, is_finish_guessed: bool) -> Observation:
    """One of two builds, in one of three attempts, at one of a few instants, in any of the nine states."""
    status = draw(st.sampled_from(Status))
    is_finished = status in FINISHED or (status is Status.UNKNOWN and draw(st.booleans()))
    updated_at = NOON + draw(seconds)
    order = finished_first if is_finish_guessed else latest_first
    return a_build(
        status,
        external_id=draw(st.sampled_from(["1", "2"])),
        attempt=draw(st.integers(1, 3)),
        is_finished=is_finished,
        raw_status=draw(st.sampled_from(["a", "b"])),
        merge_key=order(is_finished, updated_at, status),
        started_at=draw(st.none() | st.just(NOON + timedelta(seconds=10))),
        finished_at=NOON + draw(seconds) if is_finished else None,
        duration_seconds=None if is_finish_guessed else draw(st.none() | st.floats(0, 100).map(round)),
        is_finish_guessed=is_finish_guessed,
        is_unstable=draw(st.booleans()),
        branch=draw(st.none() | st.just("main")),
        author=draw(st.none() | st.just("ada")),
        queued_seconds=draw(st.none() | st.integers(0, 3).map(float)),
        jobs=draw(st.none() | st.just((a_job("failed", updated_at=updated_at),))),
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Observation], list[list[Observation]]]:
    """What was seen, and the same with repetitions, shuffled and cut into pages."""
    seen = draw(st.lists(sightings(is_finish_guessed=draw(st.booleans())), min_size=1, max_size=8))
    again = draw(st.permutations(seen + draw(st.lists(st.sampled_from(seen), max_size=4))))
    cut = draw(st.integers(0, len(again)))
    return seen, [again[:cut], again[cut:]]


STATE = {
    "builds": """external_id, attempt, status, raw_status, is_finished, is_unstable, started_at, finished_at,
                 duration_seconds, queued_seconds, branch, author, queued_at""",
    "attempts": """(SELECT external_id FROM builds WHERE id = build_id), number, status, raw_status, is_finished,
                   is_unstable, started_at, finished_at, duration_seconds, queued_seconds, has_jobs, merge_key""",
    "jobs": """(SELECT external_id FROM builds WHERE id = build_id), attempt, external_id, status, merge_key""",
}


def replay(session: Session, pages: Iterable[Sequence[Observation]]) -> dict[str, list[tuple[Any, ...]]]:
    """Record the pages on an empty database and return the tables; everything is rolled back again."""
    savepoint = session.begin_nested()
    insert = "INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x') RETURNING id"
    instance_id = session.execute(text(insert)).scalar_one()
    for page in pages:
        record(session, page, instance_id=instance_id, source_id=None, is_backfill=False)
    tables = {
        table: [tuple(row) for row in session.execute(text(f"SELECT {columns} FROM {table} ORDER BY 1, 2"))]
        for table, columns in STATE.items()
    }
    check_log(session)
    savepoint.rollback()
    return tables


def check_log(session: Session) -> None:
    """The log tells the same story as the tables: dense positions and versions, and the last word of each attempt."""
    gaps = session.scalar(text("SELECT count(*) <> coalesce(max(pos) - min(pos) + 1, 0) FROM events"))
    versions = session.scalar(
        text("""SELECT count(*) FROM (SELECT version, row_number() OVER (PARTITION BY subject_id ORDER BY pos) AS n
                                      FROM events) e WHERE version <> n""")
    )
    heads = session.scalar(
        text("""SELECT count(*) FROM builds b WHERE version <> (SELECT count(*) FROM events WHERE subject_id = b.id)""")
    )
    drifted = session.scalar(
        text("""SELECT count(*) FROM attempts a WHERE status IS DISTINCT FROM (
                    SELECT to_status FROM events e WHERE e.subject_id = a.build_id AND e.attempt = a.number
                    ORDER BY pos DESC LIMIT 1)""")
    )
    assert (gaps, versions, heads, drifted) == (False, 0, 0, 0)


slow = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@slow
@given(histories())
def test_any_order_and_any_repetition_gives_the_same_tables(
    session: Session, history: tuple[list[Observation], list[list[Observation]]]
) -> None:
    seen, pages = history

    assert replay(session, [seen]) == replay(session, pages)


def test_a_duration_of_nothing_is_more_than_none_whichever_is_seen_first(session: Session) -> None:
    unknown = a_build("succeeded", is_finish_guessed=False, duration_seconds=None)
    nothing = replace(unknown, duration_seconds=0)

    tables = replay(session, [[unknown], [nothing]])

    assert tables == replay(session, [[nothing], [unknown]]) == replay(session, [[nothing]])


def last_writer_wins(pages: Iterable[Sequence[Observation]]) -> list[list[Observation]]:
    """The naive rule: whatever arrives later is taken for newer."""
    arrival = iter(range(10_000))
    return [[replace(seen, merge_key=(0, next(arrival), 0)) for seen in page] for page in pages]


def rank_only(pages: Iterable[Sequence[Observation]]) -> list[list[Observation]]:
    """The naive rule: no attempts, the highest rank wins for ever."""
    return [[replace(seen, attempt=1, merge_key=(0, 0, seen.status.rank)) for seen in page] for page in pages]


def test_the_property_notices_last_writer_wins(session: Session) -> None:
    def differs(history: tuple[list[Observation], list[list[Observation]]]) -> bool:
        seen, pages = history
        return replay(session, last_writer_wins([seen])) != replay(session, last_writer_wins(pages))

    searching = settings(slow, phases=[Phase.generate], max_examples=500, derandomize=True)
    assert find(histories(), differs, settings=searching) is not None


def test_a_rule_without_attempts_hides_a_rerun_that_passed(session: Session) -> None:
    seen = [[a_build("failed", attempt=1)], [a_build("succeeded", attempt=2)]]

    shown = [tables["builds"][0][2] for tables in (replay(session, seen), replay(session, rank_only(seen)))]

    assert shown == ["succeeded", "failed"]
