"""What sockets at the same place share: worked out once, and never another answer than each would get alone."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.portion import MAX_HELD_BYTES, Place, Portions, cut
from api.ring import Entry, Ring
from api.subscription import Filter
from tests.api.test_stream_ring import a_row, an_event, entries, frames

BRANCHES = ["main", "dev"]
MAIN = Filter((("branch", "main"),))
WISHES = [Filter(), MAIN, Filter((("branch", "dev"),))]


class CountingFacts(dict[str, Any]):
    """What filters ask about, and how often they did."""

    questions = 0

    def get(self, *question: Any) -> Any:
        self.questions += 1
        return super().get(*question)


def an_entry(pos: int, branch: str = "main", *, is_backfill: bool = False, message: str = "") -> Entry:
    rows = (a_row(pos, branch=branch, commit_message=message),)
    return entries(an_event(pos, build_id=pos, is_backfill=is_backfill), rows=rows)[0]


def a_place(cursor: int = 0, prev_pos: int = 0, wanted: Filter = MAIN) -> Place:
    return Place(wanted, include_backfill=False, cursor=cursor, prev_pos=prev_pos)


socket_states = st.tuples(st.sampled_from(WISHES), st.booleans(), st.integers(0, 8), st.integers(0, 3))
histories = st.lists(st.tuples(st.sampled_from(BRANCHES), st.booleans()), min_size=1, max_size=8)


@given(histories, st.lists(socket_states, min_size=1, max_size=8), st.integers(0, 40_000))
def test_every_socket_gets_what_it_would_get_alone(
    history: list[tuple[str, bool]], sockets: list[tuple[Filter, bool, int, int]], size: int
) -> None:
    ring = Ring(head=0)
    portions = Portions(ring)
    pairs = [
        [Place(wanted, include_backfill, cursor=0, prev_pos=-before) for _ in range(2)]
        for wanted, include_backfill, before, _ in sockets
    ]
    for pos, (branch, is_backfill) in enumerate(history, 1):
        ring.append(an_entry(pos, branch, is_backfill=is_backfill, message="x" * size))
        for (shared, alone), (_, _, _, lag) in zip(pairs, sockets, strict=True):
            if pos % (1 + lag) == 0:
                assert portions.take(shared) == alone.take(ring.after(alone.cursor))
                assert shared == alone


def test_a_filter_is_asked_once_for_all_sockets_at_the_same_place() -> None:
    ring = Ring(head=0)
    entry = an_entry(1)
    facts = entry.shown.facts = CountingFacts(entry.shown.facts)
    ring.append(entry)
    portions = Portions(ring)

    got = {id(portions.take(a_place())) for _ in range(100)}
    late = [portions.take(a_place(prev_pos=-number)) for number in range(1, 100)]

    assert len(got) == 1
    assert facts.questions == 1
    assert [frames(each)[0]["prev_pos"] for each in late] == [-number for number in range(1, 100)]


def test_a_filter_that_passes_nothing_is_asked_once_too_and_keeps_the_chain() -> None:
    ring = Ring(head=4)
    entry = an_entry(5, "dev")
    facts = entry.shown.facts = CountingFacts(entry.shown.facts)
    ring.append(entry)
    portions = Portions(ring)
    places = [a_place(cursor=4, prev_pos=number) for number in range(4)]

    assert [portions.take(place) for place in places] == [b""] * 4
    assert [(place.cursor, place.prev_pos) for place in places] == [(5, 0), (5, 1), (5, 2), (5, 3)]
    assert facts.questions == 1


def test_what_was_worked_out_is_forgotten_when_the_ring_grows() -> None:
    ring = Ring(head=0)
    portions = Portions(ring)
    for pos, status in ((1, "running"), (2, "succeeded")):
        ring.append(entries(an_event(pos, to_status=status), rows=(a_row(status=status),))[0])
        got = frames(portions.take(a_place()))

    assert [message["data"]["to_status"] for message in got] == ["running", "succeeded"]
    assert [message["data"]["build"]["status"] for message in got] == ["succeeded", "succeeded"]


def test_sockets_with_nothing_in_common_do_not_fill_the_memory() -> None:
    ring = Ring(head=0)
    ring.append(an_entry(1, message="x" * 100_000))
    portions = Portions(ring)

    for number in range(200):
        portions.take(a_place(prev_pos=-number))
        assert portions.held_bytes <= MAX_HELD_BYTES + 2 * 110_000


def test_a_portion_ends_once_enough_is_together() -> None:
    ring = Ring(head=0)
    for pos in range(1, 11):
        ring.append(an_entry(pos, message="x" * 1000))

    portion = cut(a_place(), ring.after(0), max_bytes=3500)

    assert (portion.cursor, portion.last_pos) == (3, 3)
    assert [message["pos"] for message in frames(portion.frames(0))] == [1, 2, 3]
