"""A window is read from the longest spans that fit, and build by build at its edges: every instant counts once."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.metrics.cells import Grain
from shared.metrics.cover import NOWHERE, Cover, Piece, cover, uncovered
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
BOUNDS = st.lists(NEAR | FAR | st.just(LAST), min_size=2, max_size=8, unique=True).map(sorted)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return MIDNIGHT + timedelta(days=day, hours=hour, minutes=minute)


def by_grain(found: Cover) -> dict[Grain, list[Piece]]:
    """The pieces of each grain, in order."""
    return {grain: [piece for kind, piece in found.cells if kind is grain] for grain, _ in found.cells}


def test_days_in_the_middle_hours_around_them_and_builds_at_the_edges() -> None:
    found = cover([at(0, 21, 40), at(3, 2, 10)])

    assert by_grain(found) == {
        Grain.HOUR: [Piece(at(0, 22), at(1)), Piece(at(3), at(3, 2))],
        Grain.DAY: [Piece(at(1), at(3))],
    }
    assert found.raw == (Piece(at(0, 21, 40), at(0, 22)), Piece(at(3, 2), at(3, 2, 10)))


def test_a_day_most_of_which_is_wanted_is_counted_whole_and_the_rest_of_it_taken_away() -> None:
    found = cover([at(0, 3), at(1, 22)])

    assert by_grain(found) == {
        Grain.HOUR: [Piece(at(0), at(0, 3), counted_in=1), Piece(at(1, 22), at(2), counted_in=1)],
        Grain.DAY: [Piece(at(0), at(1), 1), Piece(at(1), at(2), 1)],
    }
    assert found.raw == ()


def test_a_day_that_two_slots_share_is_counted_in_the_one_that_has_more_of_it() -> None:
    found = cover([at(0), at(1, 5), at(2)])

    assert by_grain(found) == {
        Grain.HOUR: [Piece(at(1), at(1, 5), counted_in=2)],
        Grain.DAY: [Piece(at(0), at(1)), Piece(at(1), at(2), 2)],
    }


def test_what_is_taken_away_is_itself_the_most_of_something_less_its_rest() -> None:
    """The week is the window's but for Monday until 23 o'clock, which is Monday but for its last hour."""
    found = cover([EIGHTH_MONDAY + 23 * HOUR, EIGHTH_MONDAY + WEEK])

    assert by_grain(found) == {
        Grain.HOUR: [Piece(EIGHTH_MONDAY + 23 * HOUR, EIGHTH_MONDAY + DAY)],
        Grain.DAY: [Piece(EIGHTH_MONDAY, EIGHTH_MONDAY + DAY, NOWHERE, counted_in=1)],
        Grain.WEEK: [Piece(EIGHTH_MONDAY, EIGHTH_MONDAY + WEEK, 1)],
    }


def test_quarters_stand_between_days_and_hours_where_the_scope_has_them() -> None:
    found = cover([at(0, 17), at(3, 7)], has_quarters=True)

    assert by_grain(found) == {
        Grain.HOUR: [Piece(at(0, 17), at(0, 18)), Piece(at(3, 6), at(3, 7))],
        Grain.QUARTER: [Piece(at(0, 18), at(1)), Piece(at(3), at(3, 6))],
        Grain.DAY: [Piece(at(1), at(3))],
    }


def test_a_part_of_an_hour_is_read_build_by_build() -> None:
    found = cover([at(0, 5, 10), at(0, 5, 40)])

    assert (found.cells, found.raw) == ((), (Piece(at(0, 5, 10), at(0, 5, 40)),))


def test_most_of_an_hour_is_its_cell_less_the_rest() -> None:
    found = cover([at(0, 5, 10), at(0, 6, 50)])

    assert by_grain(found) == {Grain.HOUR: [Piece(at(0, 5), at(0, 6), 1), Piece(at(0, 6), at(0, 7), 1)]}
    assert found.raw == (Piece(at(0, 5), at(0, 5, 10), counted_in=1), Piece(at(0, 6, 50), at(0, 7), counted_in=1))
    assert found.cut == timedelta(minutes=20)


def test_days_of_utc_are_one_span_however_many_slots_they_make() -> None:
    found = cover([at(day) for day in range(1, 4)])

    assert (found.cells, found.raw) == (((Grain.DAY, Piece(at(1), at(3))),), ())


def test_weeks_of_utc_are_a_cell_each() -> None:
    found = cover([EIGHTH_MONDAY + week * WEEK for week in range(20)])

    assert (found.cells, found.raw) == (((Grain.WEEK, Piece(EIGHTH_MONDAY, EIGHTH_MONDAY + 19 * WEEK)),), ())


def test_of_a_window_without_an_end_nothing_past_is_read_but_what_lies_in_it() -> None:
    found = cover([at(0, 18), Window(at(0, 18)).ends], has_quarters=True)

    in_order = sorted((piece.starts_at, piece.ends_at, grain) for grain, piece in found.cells)
    assert in_order[:4] == [
        (at(0, 18), at(1), Grain.QUARTER),
        (at(1), MONDAY, Grain.DAY),
        (MONDAY, EIGHTH_MONDAY, Grain.WEEK),
        (EIGHTH_MONDAY, in_order[3][1], Grain.EIGHT_WEEKS),
    ]
    assert (in_order[-1][1], found.raw) == (LAST, ())


def test_days_of_a_zone_with_whole_hours_need_no_build() -> None:
    found = cover([at(day, 23) for day in range(4)])

    assert found.raw == ()


def test_what_no_cell_tells_apart_is_read_build_by_build() -> None:
    found = uncovered([at(0), at(1), at(2)])

    assert (found.bounds, found.cells, found.raw) == ((at(0), at(1), at(2)), (), (Piece(at(0), at(2)),))


@given(FAR, FAR, st.booleans())
def test_a_window_of_up_to_ten_years_is_read_from_few_cells(one: datetime, other: datetime, has_quarters: bool) -> None:
    since, until = sorted((one, other))

    found = cover([since, until], has_quarters=has_quarters)

    ends = 2 * (1 + 4 + 1 + 3 + 1 + (2 + 1 + 3 if has_quarters else 12) + 1)
    cells = sum((piece.ends_at - piece.starts_at) // STEPS[grain] for grain, piece in found.cells)
    assert cells <= ends + TEN_YEARS // 56
    assert found.cut <= HOUR


@given(BOUNDS, st.booleans())
def test_every_instant_counts_once_and_in_its_own_slot(bounds: list[datetime], has_quarters: bool) -> None:
    found = cover(bounds, has_quarters=has_quarters)

    pieces = [*(piece for _, piece in found.cells), *found.raw]
    edges = sorted({*bounds, *(edge for piece in pieces for edge in (piece.starts_at, piece.ends_at))})
    for start, end in pairwise(edges):
        counted = Counter[int]()
        for slot, sign in places(pieces, bounds, start):
            counted[slot] += sign
        wanted = slot_of(bounds, start)
        assert end <= start or {slot: n for slot, n in counted.items() if n and slot} == ({wanted: 1} if wanted else {})


@given(BOUNDS, st.booleans())
def test_cells_are_whole_and_reach_across_a_bound_only_where_their_slot_is_said(
    bounds: list[datetime], has_quarters: bool
) -> None:
    found = cover(bounds, has_quarters=has_quarters)

    for grain, piece in found.cells:
        inner = [bound for bound in bounds if piece.starts_at < bound < piece.ends_at]
        edges = [piece.starts_at, piece.ends_at, *(inner if piece.slot is None else [])]
        assert all((edge - EIGHTH_MONDAY) % STEPS[grain] == timedelta() for edge in edges)
        assert piece.slot is None or piece.ends_at - piece.starts_at == STEPS[grain]
    assert has_quarters or Grain.QUARTER not in by_grain(found)


def places(pieces: list[Piece], bounds: list[datetime], instant: datetime) -> Iterator[tuple[int, int]]:
    """Where an instant is added, and where it is taken away."""
    for piece in pieces:
        if piece.starts_at <= instant < piece.ends_at:
            yield (slot_of(bounds, instant) if piece.slot is None else piece.slot), 1
            yield piece.counted_in, -1


def slot_of(bounds: list[datetime], instant: datetime) -> int:
    """The slot an instant lies in, or NOWHERE."""
    slot = sum(bound <= instant for bound in bounds)
    return NOWHERE if slot == len(bounds) else slot
