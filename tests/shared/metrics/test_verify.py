"""Verifying finds whatever was tampered with, names it, and rebuilding repairs it."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.metrics import drift
from shared.metrics.fold import alone, fold_once
from shared.metrics.rebuild import rebuild
from shared.metrics.recount import recount
from shared.metrics.verify import Verification, verify
from tests.factories import NOON, a_build, minutes
from tests.incidents import an_incident
from tests.shared.metrics import oracle
from tests.shared.metrics.counted import an_instance, recorded


def quiet(what: str, done: int, total: int) -> None:
    assert done <= total


@pytest.fixture
def counted(session: Session) -> Session:
    """Three builds of one commit, one of them flaky, added up."""
    recorded(
        session,
        an_instance(session),
        a_build("failed", external_id="1", queued_seconds=2.0),
        a_build(external_id="2", queued_at=NOON + minutes(119.995), queued_seconds=4.0),
        a_build("cancelled", external_id="3", cancel_reason="person", branch="feature/x"),
    )
    fold_once(session)
    return session


def words(session: Session, found: Verification) -> dict[str, str]:
    return {each.subject.partition(" (")[0]: each.words for each in drift.told(session, found)}


def test_figures_that_are_right_are_found_right(counted: Session) -> None:
    found = verify(counted, quiet)

    assert (found.is_right, found.builds, found.flakes, found.counting) == (True, 3, 1, 0)
    assert found.cells == counted.scalar(text("SELECT count(*) FROM metric_cells"))


def test_what_is_not_folded_yet_is_no_difference(counted: Session) -> None:
    instance = counted.scalar(text("SELECT id FROM instances"))
    assert isinstance(instance, int)
    recorded(counted, instance, a_build(external_id="4"))

    assert verify(counted, quiet).is_right


TAMPERING = {
    "builds": "UPDATE metric_cells SET builds = builds + 1 WHERE scope = {scope} AND grain = {grain} AND status = 8",
    "first_tries": "UPDATE metric_cells SET first_tries = 7 WHERE scope = {scope} AND grain = {grain} AND status = 8",
    "flaky": "UPDATE metric_cells SET flaky = 0 WHERE scope = {scope} AND grain = {grain} AND status = 6",
    "timed": "UPDATE metric_cells SET timed = 9 WHERE scope = {scope} AND grain = {grain} AND status = 8",
    "waited": "UPDATE metric_cells SET waited = 9 WHERE scope = {scope} AND grain = {grain} AND status = 8",
    "duration_ms": "UPDATE metric_cells SET duration_ms = 1 WHERE scope = {scope} AND grain = {grain} AND status = 8",
    "queued_ms": "UPDATE metric_cells SET queued_ms = 1 WHERE scope = {scope} AND grain = {grain} AND status = 8",
    "duration_bins": """UPDATE metric_cells SET duration_bins = '{{5}}'
                        WHERE scope = {scope} AND grain = {grain} AND status = 8""",
    "queued_counts": """UPDATE metric_cells SET queued_counts = '{{5}}'
                        WHERE scope = {scope} AND grain = {grain} AND status = 8""",
    "branch class": """UPDATE metric_cells SET branch_class = 2
                       WHERE scope = {scope} AND grain = {grain} AND status = 8""",
    "reason": "UPDATE metric_cells SET cancel_reason = 1 WHERE scope = {scope} AND grain = {grain} AND status = 5",
    "hour": """UPDATE metric_cells SET starts_at = starts_at + interval '1 day'
               WHERE scope = {scope} AND grain = {grain} AND status = 8 AND starts_at > '-infinity'""",
    "gone": "DELETE FROM metric_cells WHERE scope = {scope} AND grain = {grain} AND status = 5",
}


PLACES = [("builds", scope, grain) for scope in range(5) for grain in range(6) if scope < 3 or grain != 3]
WAYS = [(what, scope, grain) for what in TAMPERING for scope, grain in ((4, 0), (2, 1), (1, 3), (3, 4), (0, 5))]


@pytest.mark.parametrize(("what", "scope", "grain"), [*PLACES, *WAYS])
def test_whatever_is_tampered_with_is_found_and_repaired(counted: Session, what: str, scope: int, grain: int) -> None:
    counted.execute(text(TAMPERING[what].format(scope=scope, grain=grain)))

    found = verify(counted, quiet)
    rebuild(counted, quiet)

    assert not found.is_right
    assert verify(counted, quiet).is_right
    assert oracle.kept(counted) == oracle.counted(counted)


def test_a_difference_is_told_in_words_with_an_example(counted: Session) -> None:
    counted.execute(text("UPDATE metric_cells SET builds = 4 WHERE scope = 4 AND grain = 0 AND status = 8"))

    found = words(counted, verify(counted, quiet))

    assert found["pipeline acme/web ci"] == (
        "2 figures differ; the first: builds of failed on the default branch, hour from 2026-11-20 12:00 UTC: "
        "kept 4, counted 1"
    )
    assert "instance ci" in found


@pytest.mark.parametrize(
    ("grain", "span"),
    [
        (0, "hour from 2026-11-20 12:00 UTC"),
        (3, "six hours from 2026-11-20 12:00 UTC"),
        (1, "2026-11-20"),
        (4, "week from 2026-11-16"),
        (5, "eight weeks from 2026-11-09"),
        (2, "of all time"),
    ],
)
def test_a_difference_names_the_span_of_time(counted: Session, grain: int, span: str) -> None:
    counted.execute(text(f"UPDATE metric_cells SET builds = 4 WHERE scope = 0 AND grain = {grain} AND status = 8"))

    assert f"on the default branch, {span}: kept 4" in words(counted, verify(counted, quiet))["everything"]


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("builds = builds + 1 WHERE status = 9", "incidents of opened on the default branch"),
        ("queued_ms = queued_ms + 1 WHERE status = 10", "queued_ms of fixed on the default branch"),
        ("duration_counts = '{2}' WHERE status = 10", "duration_bins[379] of fixed on the default branch"),
    ],
)
def test_a_cell_of_incidents_that_is_tampered_with_is_found_and_repaired(
    database: Engine, tampering: str, words: str
) -> None:
    with Session(database) as session, session.begin():
        recorded(session, an_instance(session), a_build())
    an_incident(database, fixed_at=NOON + minutes(45))
    with Session(database) as session:
        assert verify(session, quiet).is_right
        session.execute(text(f"UPDATE metric_cells SET {tampering} AND scope = 4 AND grain = 0"))
        found = verify(session, quiet)
        told = drift.told(session, found)
        rebuild(session, quiet)

        assert not found.is_right
        assert words in told[0].words
        assert verify(session, quiet).is_right


def test_a_flake_that_is_missing_or_wrong_is_found(counted: Session) -> None:
    counted.execute(text("UPDATE flakes SET failed_attempt = 2"))

    found = verify(counted, quiet)

    assert (found.wrong_flakes, found.differences) == (1, 0)
    assert "wrongly" in words(counted, found)["pipeline acme/web ci"]


def test_one_pipeline_can_be_counted_anew_with_the_sums_it_is_part_of(counted: Session) -> None:
    counted.execute(text("UPDATE builds SET status = 'failed' WHERE external_id = '2'"))
    counted.execute(text("UPDATE attempts SET status = 'failed' WHERE build_id IN (SELECT build_id FROM flakes)"))
    before = verify(counted, quiet).is_right

    recount(counted, list(counted.scalars(text("SELECT id FROM pipelines"))))

    assert not before
    assert verify(counted, quiet).is_right


def test_verifying_and_rebuilding_stop_no_recording(database: Engine) -> None:
    with Session(database) as session, session.begin():
        instance = an_instance(session)
        recorded(session, instance, a_build(external_id="1"))
    with alone(database) as figures:
        rebuild(figures, quiet)
        verify(figures, quiet)
        with Session(database) as session, session.begin():
            session.execute(text("SET LOCAL lock_timeout = '1s'"))
            recorded(session, instance, a_build(external_id="2"))
    with alone(database) as figures:
        found = verify(figures, quiet)

    assert (found.is_right, found.builds) == (True, 2)
