"""The bisection itself: windows that hold every second once, whatever is asked."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.window import GRAIN, Span, cut, halves, span_between, told_down_to
from tests.factories import NOON

INSTANTS = st.integers(0, 5_000_000_000).map(lambda millis: NOON + timedelta(milliseconds=millis))


def seconds(span: Span | None) -> int:
    return 0 if span is None else int((span.last - span.first) / GRAIN) + 1


@given(since=INSTANTS, until=INSTANTS, at=INSTANTS)
def test_a_span_holds_what_was_created_in_it_and_begins_and_ends_on_whole_seconds(
    since: datetime, until: datetime, at: datetime
) -> None:
    span = span_between(since, until)

    shown = at.replace(microsecond=0)
    if since <= at < until:
        assert span is not None
        assert span.first <= shown <= span.last
    if span is not None:
        assert span.last < until
        assert span.first > since - GRAIN


@given(since=INSTANTS, length=st.integers(1, 10**7))
def test_the_halves_of_a_span_hold_each_of_its_seconds_once(since: datetime, length: int) -> None:
    first = since.replace(microsecond=0)
    span = Span(first, first + length * GRAIN)

    newer, older = halves(span)

    assert (older.first, newer.last) == (span.first, span.last)
    assert newer.first == older.last + GRAIN
    assert abs(seconds(newer) - seconds(older)) <= 1


def test_a_single_second_cannot_be_halved() -> None:
    with pytest.raises(ValueError, match="the grain"):
        halves(Span(NOON, NOON))


@given(length=st.integers(0, 10**7), widest=st.integers(1, 10**6))
def test_the_newest_stretch_is_cut_off_and_nothing_is_lost(length: int, widest: int) -> None:
    span = Span(NOON, NOON + length * GRAIN)

    newest, rest = cut(span, widest * GRAIN)

    assert newest.last == span.last
    assert seconds(newest) == min(widest, seconds(span))
    assert seconds(newest) + seconds(rest) == seconds(span)
    assert rest is None or rest.last + GRAIN == newest.first


def test_a_page_tells_everything_down_to_above_its_last_second() -> None:
    newest_first = [NOON, NOON - timedelta(seconds=5, milliseconds=400)]

    assert told_down_to(newest_first) == NOON - timedelta(seconds=5)
    assert told_down_to(newest_first[::-1]) is None
    assert told_down_to([]) is None
