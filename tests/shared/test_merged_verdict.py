"""What several results of one thing come to, by SQL and by a plain reading of the rule."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from shared.merged_verdict import MERGED, MERGED_SUMS, RANK_SQL
from shared.status import BROKEN, VERDICTS, Status


@dataclass(frozen=True)
class Result:
    """One try of something; tries of one place ran side by side."""

    place: int
    status: Status
    is_open: bool


def merged(history: list[Result]) -> tuple[Status, Status | None, bool, bool]:
    """The rule read out: what is shown, what was so far, whether it is flaky, whether it is broken."""
    in_order = sorted(history, key=lambda result: (result.place, result.status.rank))
    ended = [result.status for result in in_order if not result.is_open]
    verdicts = [status for status in ended if status in VERDICTS]
    decided = verdicts[-1] if verdicts else ended[-1] if ended else None
    is_flaky = decided is Status.SUCCEEDED and not BROKEN.isdisjoint(verdicts)
    is_open = [result.status for result in in_order if result.is_open]
    shown = is_open[-1] if is_open else decided
    assert shown is not None
    return shown, decided if is_open else None, is_flaky, decided in BROKEN


_MERGE = text(f"""
    WITH history AS (
        SELECT place, {RANK_SQL.format(status="status")} AS rank, is_open
        FROM unnest(CAST(:places AS bigint[]), CAST(:statuses AS text[]), CAST(:opens AS boolean[]))
             AS u(place, status, is_open)
    )
    SELECT {MERGED} FROM (SELECT {MERGED_SUMS} FROM history h) g
""")

results = st.builds(Result, st.integers(0, 2**50), st.sampled_from(Status), st.booleans())


def test_every_history_is_merged_as_the_rule_reads(database: Engine) -> None:
    with database.connect() as connection:

        @settings(max_examples=1_000, deadline=None)
        @given(
            st.lists(results | st.builds(Result, st.integers(0, 3), st.sampled_from(Status), st.booleans()), min_size=1)
        )
        def check(history: list[Result]) -> None:
            given_ = {
                "places": [result.place for result in history],
                "statuses": [str(result.status) for result in history],
                "opens": [result.is_open for result in history],
            }
            assert tuple(connection.execute(_MERGE, given_).one()) == merged(history)

        check()
