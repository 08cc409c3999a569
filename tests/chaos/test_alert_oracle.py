"""The judge of the alerts can find them guilty: each promise, broken by hand."""

import pytest

from tests.chaos.alert_oracle import Incident, Told, of_arrivals, of_incidents, of_repeats
from tests.chaos.endpoints import Taken

OPEN = Incident(1, "ci on main", is_open=True, is_news=True)
OVER = Incident(1, "ci on main", is_open=False, is_news=True)
OLD = Incident(1, "ci on main", is_open=True, is_news=False)


def an_account(*kinds: str, titles: tuple[str, ...] = ("ci broke",), given_up: int = 0) -> Told:
    return Told({1: kinds} if kinds else {}, frozenset((1, kind) for kind in kinds), titles, given_up)


def a_message(kind: str = "broke", *, title: str = "ci broke", is_repeat: bool = False) -> Taken:
    return Taken(title, is_repeat, title, ((1, kind),))


@pytest.mark.parametrize(
    ("incident", "kinds"),
    [(OPEN, ["broke"]), (OVER, ["recovered"]), (OVER, ["broke", "still_failing", "still_failing", "fixed"]), (OLD, [])],
)
def test_what_was_told_as_it_stands_is_no_breach(incident: Incident, kinds: list[str]) -> None:
    found = list(of_incidents([incident], an_account(*kinds), has_all=True))

    assert found == []


@pytest.mark.parametrize(
    ("incident", "kinds", "words"),
    [
        (OPEN, [], "1 incidents were never told, such as ci on main"),
        (OLD, ["broke"], "1 incidents were told that are no news, such as ci on main"),
        (OVER, ["broke"], "1 incidents stand otherwise than was told last, such as ci on main (broke)"),
        (OPEN, ["broke", "fixed"], "1 incidents stand otherwise than was told last, such as ci on main (fixed)"),
        (OVER, ["fixed"], "1 recoveries were told of what was never told to be broken, such as ci on main"),
        (OPEN, ["broke", "broke"], "1 incidents were told twice by messages that count as sent, such as ci on main"),
    ],
)
def test_what_was_told_otherwise_is_a_breach(incident: Incident, kinds: list[str], words: str) -> None:
    found = list(of_incidents([incident], an_account(*kinds), has_all=True))

    assert found == [words]


def test_a_message_that_counts_as_sent_and_never_arrived_is_a_breach() -> None:
    found = list(of_arrivals(an_account("broke"), []))

    assert [words.partition(",")[0] for words in found] == [
        "1 messages count as sent and never arrived",
        "1 lines count as told and stood in no message",
    ]


def test_a_title_that_a_channel_escaped_has_arrived() -> None:
    found = list(
        of_arrivals(an_account("broke", titles=("ci @ing <b> broke",)), [a_message(title="ci @\u200bing <b> broke")])
    )

    assert found == []


def test_a_labelled_repeat_is_excused_by_as_many_kills() -> None:
    taken = [a_message(), a_message(is_repeat=True)]

    assert list(of_repeats(an_account("broke"), taken, 1)) == []
    assert list(of_repeats(an_account("broke"), taken, 0)) == [
        "1 messages more than were meant, and only 0 kills and doubtful answers to excuse them"
    ]


def test_a_repeat_without_its_label_is_a_breach_whatever_was_killed() -> None:
    found = list(of_repeats(an_account("broke"), [a_message(), a_message()], 5))

    assert found == [
        "1 messages more than were meant, of which 0 say that they may be a repeat",
        "said again and not as a possible repeat: ci broke",
    ]


def test_a_message_that_was_given_up_may_have_been_taken() -> None:
    account = an_account("broke", titles=("ci broke",), given_up=1)

    found = list(of_repeats(account, [a_message("fixed", title="ci is fixed"), a_message()], 1))

    assert found == []
