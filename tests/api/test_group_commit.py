"""Many writes in few commits: everyone gets their own answer, in time, and only after the commit."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.group_commit import GroupCommit, NotCommitted


class Ledger:
    """Commits that take a moment and can be held up, and what they were."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.is_open = threading.Event()
        self.is_open.set()
        self.has_begun = threading.Event()

    def commit(self, items: Sequence[int]) -> list[int]:
        self.has_begun.set()
        assert self.is_open.wait(20)
        self.groups.append(list(items))
        if -1 in items:
            raise LookupError("poison")
        return [item * 10 for item in items]


def test_alone_a_write_is_committed_at_once() -> None:
    ledger = Ledger()

    assert GroupCommit(ledger.commit).write(7) == 70
    assert ledger.groups == [[7]]


def test_what_arrives_during_a_commit_shares_the_next() -> None:
    ledger = Ledger()
    ledger.is_open.clear()
    group = GroupCommit(ledger.commit)

    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(group.write, 0)
        assert ledger.has_begun.wait(5)
        others = [pool.submit(group.write, number) for number in range(1, 20)]
        while group.waiting < 19:
            time.sleep(0.001)
        ledger.is_open.set()
        answers = [first.result(5), *(other.result(5) for other in others)]

    assert answers == [number * 10 for number in range(20)]
    assert [len(items) for items in ledger.groups] == [1, 19]


def test_nobody_is_passed_over_however_busy_the_others_are() -> None:
    ledger = Ledger()
    group = GroupCommit(ledger.commit)

    def write_many(start: int) -> list[int]:
        return [group.write(number) for number in range(start, start + 50)]

    with ThreadPoolExecutor(30) as pool:
        answers = [answer for part in pool.map(write_many, range(0, 1500, 50)) for answer in part]

    assert answers == [number * 10 for number in range(1500)]


def test_a_failed_commit_is_told_once_and_is_no_success_for_anybody() -> None:
    ledger = Ledger()
    ledger.is_open.clear()
    group = GroupCommit(ledger.commit)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(group.write, 0)
        assert ledger.has_begun.wait(5)
        others = [pool.submit(group.write, -1) for _ in range(3)]
        while group.waiting < 3:
            time.sleep(0.001)
        ledger.is_open.set()
        errors = sorted(type(other.exception(5)).__name__ for other in others)

    assert first.result() == 0
    assert errors == ["LookupError", "NotCommitted", "NotCommitted"]
    assert group.write(5) == 50


def test_after_a_commit_that_answers_too_little_writes_go_on() -> None:
    answers = iter(([], [30]))
    group = GroupCommit[int, int](lambda _: next(answers))
    with pytest.raises(ValueError, match="shorter"):
        group.write(2)

    assert group.write(3) == 30


def test_a_commit_that_hangs_is_not_waited_for_and_what_gave_up_is_not_committed_later() -> None:
    ledger = Ledger()
    ledger.is_open.clear()
    group = GroupCommit(ledger.commit, patience_seconds=0.05)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(group.write, 1)
        assert ledger.has_begun.wait(5)
        with pytest.raises(NotCommitted):
            group.write(2)
        with pytest.raises(NotCommitted):
            first.result(5)
    ledger.is_open.set()

    assert group.write(3) == 30
    assert [2] not in ledger.groups


def test_too_many_who_wait_are_sent_away_at_once() -> None:
    ledger = Ledger()
    ledger.is_open.clear()
    group = GroupCommit(ledger.commit, most_waiting=1)

    with ThreadPoolExecutor(2) as pool:
        pool.submit(group.write, 1)
        assert ledger.has_begun.wait(5)
        pool.submit(group.write, 2)
        while not group.waiting:
            time.sleep(0.001)
        with pytest.raises(NotCommitted):
            group.write(3)
        ledger.is_open.set()
