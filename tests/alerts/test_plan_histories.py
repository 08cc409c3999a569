"""Random histories of a branch under random routes: incidents, events and routings are those of the log."""

from collections.abc import Sequence
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.plan import plan_events
from alerts.rules import Rules
from shared.config.routes import RouteSettings
from shared.observation import Observation, latest_first
from shared.status import FINISHED, Status
from tests.alerts.history import History, a_route, a_run, rules
from tests.alerts.incident_oracle import stored_incidents, true_incidents
from tests.alerts.route_oracle import stored_routings, true_routings
from tests.factories import NOON, minutes

NOW = NOON + minutes(300)
OPS = rules()

VERDICTS = ["failed", "succeeded"]
SIGHTED = [*VERDICTS * 4, "timed_out", "cancelled", "running"]

Page = tuple[list[Observation], bool]


@st.composite
def attempts(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What is seen of one attempt, as (status, how many builds later it is seen): mostly one verdict, at once."""
    first = draw(st.sampled_from(SIGHTED)), draw(st.sampled_from([0] * 7 + [1, 6]))
    corrected = draw(st.sampled_from([None] * 7 + VERDICTS))
    return [first] if corrected is None else [first, (corrected, first[1] + draw(st.integers(0, 2)))]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Page], list[bool]]:
    """Pages of what was seen of one branch, which of them are a backfill's, and after which the planner plans.

    Two and two builds are of the same instant. An attempt has one finish whatever its verdicts, so that it does not
    matter when the planner reads it.
    """
    tried = st.lists(attempts(), min_size=1, max_size=2)
    builds = draw(st.lists(tried, min_size=draw(st.sampled_from([1, 10, 15])), max_size=20))
    spacing = draw(st.sampled_from([2, 5, 20]))
    seen = []
    for number, tries in enumerate(builds, 1):
        queued_at = NOON + minutes(spacing * (number // 2))
        for attempt, sightings in enumerate(tries, 1):
            finished_at = queued_at + minutes(draw(st.integers(attempt, 10)))
            seen += [(number + late, number, attempt, status, queued_at, finished_at) for status, late in sightings]
    in_order = sorted(seen, key=lambda each: each[0])
    observations = [sighting(place, *each[1:]) for place, each in enumerate(in_order)]
    size = draw(st.integers(1, 4))
    starts = range(0, len(observations), size)
    pages = [(observations[n : n + size], draw(st.integers(0, 5)) == 5) for n in starts]
    return pages, [draw(st.booleans()) for _ in pages]


def sighting(
    place: int, number: int, attempt: int, status: str, queued_at: datetime, finished_at: datetime
) -> Observation:
    is_finished = Status(status) in FINISHED
    return a_run(
        number,
        status,
        attempt=attempt,
        queued_at=queued_at,
        finished_at=finished_at if is_finished else None,
        is_finish_guessed=False,
        merge_key=latest_first(is_finished, NOON + minutes(place), Status(status)),
    )


def live_through(session: Session, pages: Sequence[Page], plans: Sequence[bool], in_force: Rules = OPS) -> None:
    history = History(session)
    for (page, is_backfill), is_planned in zip(pages, plans, strict=True):
        history.see(*page, is_backfill=is_backfill)
        if is_planned:
            plan_events(session, in_force, NOW)
    plan_events(session, in_force, NOW)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_whatever_comes_in_whatever_batches_the_incidents_are_those_of_the_log(
    session: Session, lived: tuple[list[Page], list[bool]]
) -> None:
    savepoint = session.begin_nested()
    live_through(session, *lived)

    assert stored_incidents(session) == true_incidents(session)
    savepoint.rollback()


WORDS = st.sets(st.sampled_from(["broke", "still_failing", "flapping", "fixed"]), min_size=1)


@st.composite
def routes(draw: st.DrawFn) -> list[RouteSettings]:
    """One to three routes to one or both of two receivers; some fit no build of the branch."""
    return [
        a_route(
            f"route-{number}",
            receivers=sorted(draw(st.sets(st.sampled_from(["ops", "dev"]), min_size=1))),
            branch=draw(st.sampled_from(["@default", "*", "@default", "dev"])),
            on=sorted(draw(WORDS)),
            confirm=draw(st.sampled_from([1, 1, 2, 3])),
            novel_only=draw(st.booleans()),
        )
        for number in range(draw(st.integers(1, 3)))
    ]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), routes())
def test_whatever_comes_in_whatever_batches_the_routes_decide_as_by_hand(
    session: Session, lived: tuple[list[Page], list[bool]], asked: list[RouteSettings]
) -> None:
    savepoint = session.begin_nested()
    live_through(session, *lived, in_force=rules(*asked, receivers=("ops", "dev")))

    decided = stored_routings(session)

    assert decided == true_routings(session, asked)
    to_hear = {(row["incident"], row["receiver"]) for row in decided if row["outcome"] == "queued"}
    assert session.scalar(text("SELECT count(*) FROM tellings")) == len(to_hear)
    savepoint.rollback()


_LIVES = text("""
    SELECT i.version, i.status, array_agg(e.version ORDER BY e.pos) AS versions,
           array_agg(e.from_status ORDER BY e.pos) AS from_statuses,
           array_agg(e.to_status ORDER BY e.pos) AS to_statuses
    FROM incidents i JOIN events e ON e.subject_kind = 'incident' AND e.subject_id = i.id GROUP BY i.id
""")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_an_incidents_events_lead_from_nothing_to_how_it_stands(
    session: Session, lived: tuple[list[Page], list[bool]]
) -> None:
    savepoint = session.begin_nested()
    live_through(session, *lived)

    lives = session.execute(_LIVES).all()
    assert len(lives) == session.scalar(text("SELECT count(*) FROM incidents"))
    for life in lives:
        assert life.versions == list(range(1, life.version + 1))
        assert life.from_statuses == [None, *life.to_statuses[:-1]]
        assert life.to_statuses[-1] == life.status
    savepoint.rollback()
