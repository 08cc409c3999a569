"""A window is read from whole days and hours, and build by build at its edges: every instant once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.metrics.cells import Grain
from shared.metrics.cover import cover, uncovered
from shared.metrics.window import DAY, HOUR, floor

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
INSTANTS = st.integers(0, 8 * 24 * 60).map(lambda minute: MIDNIGHT + timedelta(minutes=minute))


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return MIDNIGHT + timedelta(days=day, hours=hour, minutes=minute)


def test_days_in_the_middle_hours_around_them_and_builds_at_the_edges() -> None:
    found = cover([at(0, 21, 40), at(3, 2, 10)])

    assert found.cells == (
        (Grain.HOUR, at(0, 22), at(1)),
        (Grain.HOUR, at(3), at(3, 2)),
        (Grain.DAY, at(1), at(3)),
    )
    assert found.raw == ((at(0, 21, 40), at(0, 22)), (at(3, 2), at(3, 2, 10)))


def test_a_window_within_an_hour_is_read_build_by_build() -> None:
    assert cover([at(0, 5, 10), at(0, 6, 50)]).raw == ((at(0, 5, 10), at(0, 6, 50)),)
    assert cover([at(0, 5, 10), at(0, 5, 20)]).cells == ()


def test_days_of_utc_are_one_span_however_many_slots_they_make() -> None:
    found = cover([at(day) for day in range(6)])

    assert (found.cells, found.raw) == (((Grain.DAY, at(0), at(5)),), ())


def test_days_of_a_zone_with_whole_hours_are_read_from_hours_alone() -> None:
    found = cover([at(day, 23) for day in range(4)])

    assert {grain for grain, _, _ in found.cells} == {Grain.HOUR}
    assert found.raw == ()


def test_an_hour_that_a_boundary_cuts_is_read_once_for_both_sides() -> None:
    found = cover([at(0), at(1, 18, 30), at(2)])

    assert found.raw == ((at(1, 18), at(1, 19)),)
    assert found.cut == HOUR


def test_what_no_cell_tells_apart_is_read_build_by_build() -> None:
    found = uncovered([at(0), at(1), at(2)])

    assert (found.bounds, found.cells, found.raw) == ((at(0), at(1), at(2)), (), ((at(0), at(2)),))


@given(st.lists(INSTANTS, min_size=2, max_size=8, unique=True).map(sorted))
def test_every_instant_is_read_once_and_no_cell_reaches_across_a_bound(bounds: list[datetime]) -> None:
    found = cover(bounds)
    spans = sorted([*found.raw, *((start, end) for _, start, end in found.cells)])

    assert spans[0][0] == bounds[0]
    assert spans[-1][1] == bounds[-1]
    assert all(former[1] == latter[0] for former, latter in pairwise(spans))
    for grain, start, end in found.cells:
        step = DAY if grain is Grain.DAY else HOUR
        assert (floor(start, step), floor(end, step)) == (start, end)
        assert all(floor(bound, step) == bound for bound in bounds if start < bound < end)
