"""Rankings of pipelines: what is flaky or slower for certain comes first, what may be chance not at all."""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from shared.metrics import Window, flaky, slowdowns
from shared.metrics.fold import fold_once
from shared.metrics.slowdowns import compare
from shared.observation import Observation
from shared.queries import BuildFilter
from shared.recorder import record
from shared.scope import Scope
from tests.factories import NOON, a_build
from tests.shared.metrics.counted import an_instance

DAY = timedelta(days=1)
TODAY = Window(NOON - DAY, NOON)


def builds(
    pipeline: str,
    statuses: list[str],
    *,
    at: Any = NOON - timedelta(hours=6),
    seconds: float = 60,
    same_commit: bool = False,
) -> list[Observation]:
    """One build of each status, a minute apart; on one commit or each on its own."""
    return [
        a_build(
            status,
            external_id=f"{at:%d%H}-{place}",
            pipeline_external_id=pipeline,
            pipeline_name=pipeline,
            commit_sha=("f" * 40) if same_commit else f"{hash((pipeline, at, place)) % 2**60:040x}",
            queued_at=at + timedelta(minutes=place),
            finished_at=at + timedelta(minutes=place, seconds=seconds + place % 7),
        )
        for place, status in enumerate(statuses)
    ]


def recorded(session: Session, *pages: list[Observation]) -> None:
    instance = an_instance(session)
    for page in pages:
        record(session, page, instance_id=instance, source_id=None, is_backfill=False)
    fold_once(session)


def names(found: list[dict[str, object]]) -> list[object]:
    return [row["pipeline_name"] for row in found]


def test_what_is_flaky_for_certain_comes_before_a_chance_find(session: Session) -> None:
    once = builds("once", ["failed", "succeeded"], same_commit=True)
    often = builds("often", ["failed", "succeeded"] * 20, same_commit=True)
    steady = builds("steady", ["succeeded"] * 30)
    broken = builds("broken", ["failed"] * 30, same_commit=True)
    recorded(session, once, often, steady, broken)

    found = flaky.ranking(session, BuildFilter(), TODAY, limit=10).rows

    assert names(found) == ["often", "once"]
    assert [(row["builds"], row["verdicts"], row["rate"]) for row in found] == [(20, 40, 0.5), (1, 2, 0.5)]
    last = found[0]["last_flake"]
    assert isinstance(last, dict)
    assert last["commit_sha"] == "f" * 40
    assert names(flaky.ranking(session, BuildFilter(), TODAY, limit=1).rows) == ["often"]
    assert flaky.ranking(session, BuildFilter(scope=Scope(repository=("acme/none",))), TODAY, limit=5).rows == []
    assert flaky.ranking(session, BuildFilter(), Window(NOON, NOON + DAY), limit=5).rows == []


def test_a_second_attempt_alone_is_not_flaky(session: Session) -> None:
    again = a_build("succeeded", external_id="7", attempt=2, queued_at=NOON - timedelta(hours=2))
    recorded(session, [a_build("succeeded", external_id="7", queued_at=NOON - timedelta(hours=2))], [again])

    assert flaky.ranking(session, BuildFilter(), TODAY, limit=5).rows == []


def test_only_what_became_slower_for_certain_is_ranked_the_greatest_growth_first(session: Session) -> None:
    before = NOON - timedelta(hours=36)
    passing = ["succeeded"] * 15
    recorded(
        session,
        *(
            builds(name, passing, at=at, seconds=seconds)
            for name, seconds_then, seconds_now in (
                ("twice", 100, 200), ("half again", 100, 150), ("a little", 100, 106),
                ("faster", 100, 50), ("same", 100, 100),
            )
            for at, seconds in ((before, seconds_then), (NOON - timedelta(hours=9), seconds_now))
        ),
        builds("few", passing[:9], at=before),
        builds("few", passing[:9], at=NOON - timedelta(hours=9), seconds=900),
    )  # fmt: skip

    found = slowdowns.ranking(session, BuildFilter(), TODAY, limit=10).rows

    assert names(found) == ["twice", "half again"]
    assert all(row["is_slower"] and isinstance(row["p_value"], float) and row["p_value"] < 0.01 for row in found)
    assert str(found[0]["words"]).startswith("the median went from 10")


def test_failing_faster_is_no_change_of_speed(session: Session) -> None:
    before, now = NOON - timedelta(hours=36), NOON - timedelta(hours=9)
    recorded(
        session,
        builds("fails", ["succeeded"] * 12 + ["failed"] * 12, at=before, seconds=100),
        builds("fails", ["succeeded"] * 12, at=now, seconds=100),
        builds("fails", ["failed"] * 12, at=now + timedelta(hours=1), seconds=1000),
    )

    assert slowdowns.ranking(session, BuildFilter(), TODAY, limit=10).rows == []


def test_one_build_that_hung_slows_nothing_down() -> None:
    usual = dict.fromkeys(range(200, 220), 1)

    assert not compare(usual, usual | {500: 1}).is_real
    assert compare(usual, {bin_ + 15: 1 for bin_ in usual}).is_real
    assert "at least 10 each" in str(compare({200: 9}, {260: 50}).as_row["words"])
