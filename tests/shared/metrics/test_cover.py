"""A window is read from whole days, quarters of days and hours, and build by build at its edges: every instant once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.metrics.cells import Grain
from shared.metrics.cover import cover, uncovered
from shared.metrics.window import DAY, HOUR, LAST, Window, floor

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
STEPS = {Grain.HOUR: HOUR, Grain.QUARTER: 6 * HOUR, Grain.DAY: DAY}
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


def test_quarters_stand_between_days_and_hours_where_the_scope_has_them() -> None:
    found = cover([at(0, 10, 40), at(3, 13, 10)], has_quarters=True)

    assert found.cells == (
        (Grain.HOUR, at(0, 11), at(0, 12)),
        (Grain.HOUR, at(3, 12), at(3, 13)),
        (Grain.QUARTER, at(0, 12), at(1)),
        (Grain.QUARTER, at(3), at(3, 12)),
        (Grain.DAY, at(1), at(3)),
    )
    assert found.raw == ((at(0, 10, 40), at(0, 11)), (at(3, 13), at(3, 13, 10)))


def test_a_window_of_hours_that_holds_no_quarter_is_read_from_hours() -> None:
    assert cover([at(0, 1), at(0, 11)], has_quarters=True).cells == ((Grain.HOUR, at(0, 1), at(0, 11)),)
    assert cover([at(0, 5), at(0, 12)], has_quarters=True).cells == (
        (Grain.HOUR, at(0, 5), at(0, 6)),
        (Grain.QUARTER, at(0, 6), at(0, 12)),
    )


def test_a_bound_within_a_quarter_leaves_it_to_the_hours() -> None:
    found = cover([at(0), at(0, 8), at(1)], has_quarters=True)

    assert found.cells == (
        (Grain.HOUR, at(0, 6), at(0, 12)),
        (Grain.QUARTER, at(0), at(0, 6)),
        (Grain.QUARTER, at(0, 12), at(1)),
    )


def test_the_last_day_and_the_one_before_are_read_from_few_cells() -> None:
    """As many cells as by hours alone would be hours: 35 spans of time."""
    frame = Window(at(0, 14), None, at(1, 14, 30))
    assert frame.before is not None

    found = cover([frame.before.begins, frame.begins, frame.ends], has_quarters=True)

    assert found.raw == ()
    assert sum((end - start) // STEPS[grain] for grain, start, end in found.cells if end < LAST) == 14


def test_a_window_without_an_end_takes_today_and_what_is_queued_later_as_days() -> None:
    found = cover([at(0, 18), Window(at(0, 18)).ends], has_quarters=True)

    assert (found.cells, found.raw) == (((Grain.QUARTER, at(0, 18), at(1)), (Grain.DAY, at(1), LAST)), ())


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


@given(st.lists(INSTANTS, min_size=2, max_size=8, unique=True).map(sorted), st.booleans())
def test_every_instant_is_read_once_and_no_cell_reaches_across_a_bound(
    bounds: list[datetime], has_quarters: bool
) -> None:
    found = cover(bounds, has_quarters=has_quarters)
    spans = sorted([*found.raw, *((start, end) for _, start, end in found.cells)])

    assert spans[0][0] == bounds[0]
    assert spans[-1][1] == bounds[-1]
    assert all(former[1] == latter[0] for former, latter in pairwise(spans))
    for grain, start, end in found.cells:
        step = STEPS[grain]
        assert (floor(start, step), floor(end, step)) == (start, end)
        assert all(floor(bound, step) == bound for bound in bounds if start < bound < end)
    assert has_quarters or Grain.QUARTER not in {grain for grain, _, _ in found.cells}
