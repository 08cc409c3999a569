"""A window is read from the longest spans that fit, and build by build at its edges: every instant once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.metrics.cells import Grain
from shared.metrics.cover import Cover, CutHour, Span, cover, uncovered
from shared.metrics.window import DAY, HOUR, LAST, Window

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
EIGHTH_MONDAY = datetime(2027, 1, 4, tzinfo=UTC)
WEEK = 7 * DAY
STEPS = {Grain.HOUR: HOUR, Grain.QUARTER: 6 * HOUR, Grain.DAY: DAY, Grain.WEEK: WEEK, Grain.EIGHT_WEEKS: 8 * WEEK}
TEN_YEARS = 3653


def instants(unit: timedelta) -> st.SearchStrategy[datetime]:
    """Multiples of a unit, within ten years."""
    return st.integers(0, TEN_YEARS * DAY // unit).map(lambda count: MIDNIGHT + count * unit)


NEAR = st.integers(0, 8 * 24 * 60).map(lambda minute: MIDNIGHT + timedelta(minutes=minute))
FAR = st.one_of(instants(timedelta(seconds=1)), instants(HOUR), instants(DAY))


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
    assert sum((end - start) // STEPS[grain] for grain, start, end in found.cells if end <= at(1)) == 14


def test_a_window_without_an_end_takes_today_and_what_is_queued_later_as_days() -> None:
    found = cover([at(0, 18), Window(at(0, 18)).ends], has_quarters=True)

    in_order = sorted((start, end, grain) for grain, start, end in found.cells)
    assert in_order[:4] == [
        (at(0, 18), at(1), Grain.QUARTER),
        (at(1), MONDAY, Grain.DAY),
        (MONDAY, EIGHTH_MONDAY, Grain.WEEK),
        (EIGHTH_MONDAY, in_order[3][1], Grain.EIGHT_WEEKS),
    ]
    assert (in_order[-1][1], found.raw) == (LAST, ())


def test_a_small_part_of_an_hour_is_read_build_by_build() -> None:
    found = cover([at(0, 5, 10), at(0, 5, 40)])

    assert (found.cells, found.raw, found.cut_hours) == ((), ((at(0, 5, 10), at(0, 5, 40)),), ())


def test_most_of_an_hour_is_its_cell_less_the_rest() -> None:
    found = cover([at(0, 5, 10), at(0, 6, 50)])

    assert (found.cells, found.raw) == ((), ())
    assert found.cut_hours == (
        CutHour(at(0, 5), 1, ((at(0, 5), at(0, 5, 10)),)),
        CutHour(at(0, 6), 1, ((at(0, 6, 50), at(0, 7)),)),
    )
    assert found.cut == timedelta(minutes=20)


def test_an_hour_that_two_slots_share_is_the_cell_of_the_one_that_has_more_of_it() -> None:
    early, late = cover([at(0), at(0, 5, 10), at(1)]), cover([at(0), at(0, 5, 50), at(1)])

    assert early.cut_hours == (CutHour(at(0, 5), 2, ((at(0, 5), at(0, 5, 10)),)),)
    assert late.cut_hours == (CutHour(at(0, 5), 1, ((at(0, 5, 50), at(0, 6)),)),)


def test_a_slot_in_the_middle_of_an_hour_is_its_cell_less_both_ends() -> None:
    found = cover([at(0, 5, 10), at(0, 5, 50)])

    assert found.cut_hours == (CutHour(at(0, 5), 1, ((at(0, 5), at(0, 5, 10)), (at(0, 5, 50), at(0, 6)))),)


def test_days_of_utc_are_one_span_however_many_slots_they_make() -> None:
    found = cover([at(day) for day in range(6)])

    assert (found.cells, found.raw) == (((Grain.DAY, at(0), at(5)),), ())


def test_weeks_of_utc_are_a_cell_each() -> None:
    found = cover([EIGHTH_MONDAY + week * WEEK for week in range(20)])

    assert (found.cells, found.raw) == (((Grain.WEEK, EIGHTH_MONDAY, EIGHTH_MONDAY + 19 * WEEK),), ())


def test_eight_weeks_lie_between_weeks_and_weeks_between_days() -> None:
    found = cover([MONDAY - 2 * DAY, EIGHTH_MONDAY + 17 * WEEK + DAY])

    assert found.cells == (
        (Grain.DAY, MONDAY - 2 * DAY, MONDAY),
        (Grain.DAY, EIGHTH_MONDAY + 17 * WEEK, EIGHTH_MONDAY + 17 * WEEK + DAY),
        (Grain.WEEK, MONDAY, EIGHTH_MONDAY),
        (Grain.WEEK, EIGHTH_MONDAY + 16 * WEEK, EIGHTH_MONDAY + 17 * WEEK),
        (Grain.EIGHT_WEEKS, EIGHTH_MONDAY, EIGHTH_MONDAY + 16 * WEEK),
    )


@given(FAR, FAR, st.booleans())
def test_a_window_of_up_to_ten_years_is_read_from_few_cells(one: datetime, other: datetime, has_quarters: bool) -> None:
    since, until = sorted((one, other))

    found = cover([since, until], has_quarters=has_quarters)

    ends = 2 * (7 + 6 + (3 + 5 if has_quarters else 23))
    assert sum((end - start) // STEPS[grain] for grain, start, end in found.cells) <= ends + TEN_YEARS // 56
    assert found.cut <= HOUR


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


@given(st.lists(NEAR | FAR, min_size=2, max_size=8, unique=True).map(sorted), st.booleans())
def test_every_instant_is_read_once_and_no_cell_reaches_across_a_bound(
    bounds: list[datetime], has_quarters: bool
) -> None:
    found = cover(bounds, has_quarters=has_quarters)
    of_hours = [part for hour in found.cut_hours for part in parts(hour, found)]
    spans = sorted([*found.raw, *of_hours, *((start, end) for _, start, end in found.cells)])

    assert spans[0][0] == bounds[0]
    assert spans[-1][1] == bounds[-1]
    assert all(former[1] == latter[0] for former, latter in pairwise(spans))
    for grain, start, end in found.cells:
        edges = [start, end, *(bound for bound in bounds if start < bound < end)]
        assert all((edge - EIGHTH_MONDAY) % STEPS[grain] == timedelta() for edge in edges)
    assert has_quarters or Grain.QUARTER not in {grain for grain, _, _ in found.cells}


def parts(hour: CutHour, found: Cover) -> list[Span]:
    """A cut hour as what its cell is taken for, and what of the rest lies in any slot."""
    edges = [hour.starts_at, *(edge for span in hour.rest for edge in span), hour.starts_at + HOUR]
    taken = [(start, end) for start, end in pairwise(edges) if start < end and (start, end) not in hour.rest]
    assert taken == [(max(hour.starts_at, found.bounds[hour.slot - 1]), min(edges[-1], found.bounds[hour.slot]))]
    clipped = [(max(start, found.bounds[0]), min(end, found.bounds[-1])) for start, end in hour.rest]
    return [*taken, *((start, end) for start, end in clipped if start < end)]
