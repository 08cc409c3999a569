"""What recording says has changed in the figures: summed up it is what the builds add up to, after any history."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.observation import Observation, finished_first, latest_first
from shared.recorder import record
from shared.status import FINISHED, CancelReason, Status
from tests.factories import NOON, a_build, minutes

Pages = Sequence[Sequence[Observation]]
Row = tuple[Any, ...]


@dataclass
class Books:
    """An instance of its own whose pages are recorded, and what is on record of its builds."""

    session: Session
    instance_id: int

    def see(self, *page: Observation) -> None:
        record(self.session, page, instance_id=self.instance_id, source_id=None, is_backfill=False)

    def changes(self) -> list[Row]:
        """Every change: branch, status, reason, then how many builds and first tries, and their milliseconds."""
        statement = """SELECT branch, status, cancel_reason, builds, first_tries, duration_ms, queued_ms
                       FROM metric_changes ORDER BY ctid"""
        return [tuple(row) for row in self.session.execute(text(statement))]

    def balance(self) -> Counter[Row]:
        """The changes added up, by place and by milliseconds; durations go with builds."""
        sums: Counter[Row] = Counter()
        for row in self.session.execute(text("SELECT * FROM metric_changes")).mappings():
            spot = (row["build_id"], row["pipeline_id"], row["branch"], row["queued_at"])
            verdict = (row["status"], row["cancel_reason"])
            sums[(*spot, "builds", *verdict, row["duration_ms"], row["queued_ms"])] += row["builds"]
            sums[(*spot, "first tries", *verdict)] += row["first_tries"]
        return Counter({key: count for key, count in sums.items() if count})

    def builds_add_up_to(self) -> Counter[Row]:
        """The same from builds and attempts alone."""
        sums: Counter[Row] = Counter()
        attempts = {row["build_id"]: row for row in self._rows("attempts") if row["number"] == 1}
        for build in self._rows("builds"):
            spot = (build["id"], build["pipeline_id"], build["branch"], build["queued_at"])
            if build["is_finished"]:
                took, waited = _milliseconds(build["duration_seconds"]), _milliseconds(build["queued_seconds"])
                sums[(*spot, "builds", build["status"], build["cancel_reason"], took, waited)] += 1
            first = attempts.get(build["id"])
            if first is not None and first["is_finished"]:
                sums[(*spot, "first tries", first["status"], first["cancel_reason"])] += 1
        return sums

    def judged(self) -> dict[int, Row]:
        """What flakes of a build depend on: its finished attempts and what they have in common with others."""
        finished: dict[int, list[Row]] = {}
        for row in self._rows("attempts"):
            if row["is_finished"]:
                finished.setdefault(row["build_id"], []).append((row["number"], row["status"]))
        builds = {row["id"]: (row["branch"], row["event"], row["commit_sha"]) for row in self._rows("builds")}
        return {build_id: (sorted(rows), builds[build_id]) for build_id, rows in finished.items()}

    def touched_since(self, count: int) -> set[int]:
        """The builds named by the changes after the first `count`."""
        statement = text("SELECT build_id FROM metric_changes ORDER BY ctid OFFSET :count")
        return set(self.session.scalars(statement, {"count": count}))

    def _rows(self, table: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.session.execute(text(f"SELECT * FROM {table}")).mappings()]


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def opened(session: Session) -> Books:
    insert = "INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x') RETURNING id"
    return Books(session, session.execute(text(insert)).scalar_one())


@pytest.fixture
def books(session: Session) -> Books:
    return opened(session)


@st.composite
def sightings(draw: st.DrawFn, *, is_finish_guessed: bool) -> Observation:
    """One of three builds of two pipelines, in one of four attempts, in any state, described or not."""
    status = draw(st.sampled_from(Status))
    is_finished = status in FINISHED or (status is Status.UNKNOWN and draw(st.booleans()))
    instants = st.integers(0, 4).map(lambda count: NOON + timedelta(seconds=7.3 * count))
    order = finished_first if is_finish_guessed else latest_first
    external_id = draw(st.sampled_from(["1", "2", "3"]))
    return a_build(
        status,
        external_id=external_id,
        pipeline_external_id="1/11" if external_id == "3" else "1/10",
        queued_at=NOON + draw(st.sampled_from([minutes(0), minutes(1)])),
        attempt=draw(st.sampled_from([1, 1, 2, 2, 3, 4])),
        is_finished=is_finished,
        merge_key=order(is_finished, draw(instants), status),
        started_at=draw(st.none() | st.just(NOON)),
        finished_at=draw(instants) if is_finished else None,
        duration_seconds=None if is_finish_guessed else draw(st.none() | st.sampled_from([0.0, 0.0005, 61.2345])),
        is_finish_guessed=is_finish_guessed,
        cancel_reason=draw(st.none() | st.sampled_from(CancelReason)) if status is Status.CANCELLED else None,
        queued_seconds=draw(st.none() | st.sampled_from([0.0, 3.25, 60.0])),
        branch=draw(st.none() | st.sampled_from(["main", "next"])),
        commit_sha=draw(st.none() | st.just("a" * 40)),
        event=draw(st.none() | st.just("push")),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[list[Observation]]:
    """Pages of any size, with repetitions; providers whose builds may re-open among them."""
    seen = draw(st.lists(sightings(is_finish_guessed=draw(st.booleans())), min_size=1, max_size=12))
    again = draw(st.permutations(seen + draw(st.lists(st.sampled_from(seen), max_size=4))))
    cuts = sorted({0, len(again), *draw(st.lists(st.integers(0, len(again)), max_size=6))})
    return [list(again[first:last]) for first, last in pairwise(cuts)]


slow = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def tell(session: Session, pages: Pages, check: Callable[[Books, Sequence[Observation], int], None]) -> None:
    """Record page by page on an empty database and check after each, knowing how many changes there were before it."""
    savepoint = session.begin_nested()
    try:
        books = opened(session)
        for page in pages:
            count = len(books.changes())
            books.see(*page)
            check(books, page, count)
    finally:
        savepoint.rollback()


@slow
@given(histories())
def test_the_changes_added_up_are_what_the_builds_add_up_to_at_any_time(session: Session, pages: Pages) -> None:
    def adds_up(books: Books, _page: Sequence[Observation], _count: int) -> None:
        assert books.balance() == books.builds_add_up_to()

    tell(session, pages, adds_up)


@slow
@given(histories())
def test_a_history_told_again_changes_nothing(session: Session, pages: Pages) -> None:
    written = []

    tell(session, [*pages, *pages], lambda books, _, count: written.append(books.touched_since(count)))

    assert not any(written[len(pages) :])


@slow
@given(histories())
def test_a_build_is_named_when_its_figures_or_verdicts_or_commit_changed_and_not_else(
    session: Session, pages: Pages
) -> None:
    judged: dict[int, Row] = {}
    counted: Counter[Row] = Counter()

    def is_named(books: Books, page: Sequence[Observation], count: int) -> None:
        nonlocal judged, counted
        was_judged, judged = judged, books.judged()
        was_counted, counted = counted, books.builds_add_up_to()
        changed = {build for build in judged.keys() | was_judged.keys() if judged.get(build) != was_judged.get(build)}
        changed |= {key[0] for key in counted.keys() | was_counted.keys() if counted[key] != was_counted[key]}
        touched = books.touched_since(count)
        # A page that shows an attempt twice may change a build and change it back.
        is_plain = len({(seen.external_id, seen.attempt) for seen in page}) == len(page)
        assert touched == changed if is_plain else touched >= changed

    tell(session, pages, is_named)


def test_a_build_that_only_begins_to_run_changes_no_figure(books: Books) -> None:
    books.see(a_build("queued", branch=None), a_build("queued", external_id="101"))
    books.see(a_build("running", branch="main", updated_at=NOON + minutes(1)))

    assert books.changes() == []


def test_a_build_that_finishes_at_the_first_try_is_one_row(books: Books) -> None:
    books.see(a_build("running"))
    books.see(a_build("succeeded", queued_seconds=2.5))

    assert books.changes() == [("main", "succeeded", None, 1, 1, 300_000, 2_500)]


def test_a_rerun_takes_the_build_back_and_leaves_its_first_try(books: Books) -> None:
    books.see(a_build("failed"))
    books.see(a_build("running", attempt=2, updated_at=NOON + minutes(9)))
    books.see(a_build("succeeded", attempt=2, updated_at=NOON + minutes(9), finished_at=NOON + minutes(9)))

    assert books.changes() == [
        ("main", "failed", None, 1, 1, 300_000, None),
        ("main", "failed", None, -1, 0, 300_000, None),
        ("main", "succeeded", None, 1, 0, 540_000, None),
    ]


def test_a_verdict_in_between_is_a_row_of_zeros(books: Books) -> None:
    books.see(a_build("failed"), a_build("running", attempt=2), a_build("running", attempt=3))
    before = len(books.changes())

    books.see(a_build("succeeded", attempt=2))

    assert books.changes()[before:] == [("main", "running", None, 0, 0, None, None)]


def test_a_branch_learnt_late_moves_the_build_and_its_first_try(books: Books) -> None:
    books.see(a_build("failed", branch=None), a_build("succeeded", attempt=2, branch=None))
    before = len(books.changes())

    books.see(a_build("queued", branch="main"))

    assert sorted(row[:5] for row in books.changes()[before:] if row[0]) == [
        ("main", "failed", None, 0, 1),
        ("main", "succeeded", None, 1, 0),
    ]
    assert books.balance() == books.builds_add_up_to()


def test_a_commit_learnt_late_has_flakes_looked_at_again(books: Books) -> None:
    books.see(a_build("failed", commit_sha=None), a_build("succeeded", attempt=2, commit_sha=None))
    before = len(books.changes())

    books.see(a_build("queued", commit_sha="b" * 40))

    assert books.changes()[before:] == [("main", "succeeded", None, 0, 0, None, None)]


def test_those_who_record_the_same_builds_at_once_add_up_too(database: Engine) -> None:
    with Session(database) as session, session.begin():
        instance_id = opened(session).instance_id

    def record_some(seed: int) -> None:
        chance = Random(seed)
        for _ in range(15):
            page = [
                a_build(
                    chance.choice(["running", "failed", "succeeded", "cancelled"]),
                    external_id=str(number),
                    attempt=chance.randint(1, 3),
                    updated_at=NOON + minutes(chance.randint(1, 9)),
                    branch=chance.choice([None, "main"]),
                )
                for number in range(4)
            ]
            with Session(database) as session, session.begin():
                Books(session, instance_id).see(*page)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(record_some, range(3)))

    with Session(database) as session:
        books = Books(session, instance_id)
        assert books.balance() == books.builds_add_up_to() != Counter()
