"""Where branches point: pushes in any order and any number of times end the same."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.branches import BranchChange, PushedCommit, PushedRepository, known_sha, parents, record
from tests.factories import NOON, minutes

A, B, C, D = (character * 40 for character in "abcd")
REPOSITORY = PushedRepository(external_id="1", name="acme/web")


@pytest.fixture
def instance(session: Session) -> int:
    statement = text("INSERT INTO instances (name, provider, base_url) VALUES ('x', 'github', 'x') RETURNING id")
    return int(session.execute(statement).scalar_one())


def a_push(before: str | None, head: str | None, *, at: timedelta = timedelta(), **overrides: Any) -> BranchChange:
    commits = () if head is None else (PushedCommit(sha=head, message="Fix", author="Ada"),)
    fields: dict[str, Any] = {
        "repository": REPOSITORY,
        "name": "main",
        "at": NOON + at,
        "before_sha": before,
        "head_sha": head,
        "is_deleted": head is None,
        "commits": commits,
        "is_complete": True,
        "is_forced": False,
    }
    return BranchChange(**(fields | overrides))


def head(session: Session) -> tuple[str | None, bool]:
    row = session.execute(text("SELECT head_sha, deleted_at FROM branches WHERE name = 'main'")).one()
    return row.head_sha, row.deleted_at is not None


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_pushes_in_any_order_leave_the_branch_at_the_last(
    session: Session, instance: int, order: tuple[int, ...]
) -> None:
    pushes = [a_push(A, B), a_push(B, C, at=minutes(1)), a_push(C, D, at=minutes(2))]

    for place in (*order, *order):
        record(session, instance, pushes[place])

    assert head(session) == (D, False)
    edges = session.execute(text("SELECT sha, parent_sha FROM commit_parents ORDER BY sha"))
    assert [tuple(row) for row in edges] == [(B, A), (C, B), (D, C)]
    assert session.scalar(text("SELECT count(*) FROM commits")) == 3


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2), (3, 2, 1, 0)])
def test_pushes_that_only_tell_when_they_came_are_ordered_by_what_they_follow(
    session: Session, instance: int, order: tuple[int, ...]
) -> None:
    pushes = [a_push(A, B), a_push(B, None), a_push(None, C), a_push(C, D)]

    for turn, place in enumerate(order):
        record(session, instance, replace(pushes[place], at=NOON + minutes(turn), is_dated=False))

    assert head(session) == (D, False)


def test_a_branch_that_is_put_back_is_put_back(session: Session, instance: int) -> None:
    record(session, instance, a_push(A, B, is_dated=False))

    record(session, instance, a_push(B, A, at=minutes(1), is_dated=False))

    assert head(session) == (A, False)


def test_of_two_pushes_in_one_second_the_one_that_came_after_the_other_stands(session: Session, instance: int) -> None:
    record(session, instance, a_push(B, C))
    record(session, instance, a_push(A, B))

    assert head(session) == (C, False)


def test_a_push_in_the_same_second_that_follows_is_taken(session: Session, instance: int) -> None:
    record(session, instance, a_push(A, B))

    assert record(session, instance, a_push(B, C)) is True
    assert head(session) == (C, False)


def test_a_deleted_branch_keeps_where_it_pointed_and_lives_again_when_pushed(session: Session, instance: int) -> None:
    record(session, instance, a_push(A, B))
    record(session, instance, a_push(B, None, at=minutes(1)))
    assert head(session) == (B, True)

    record(session, instance, a_push(None, C, at=minutes(2)))

    assert head(session) == (C, False)


def test_a_branch_made_again_points_where_its_push_says_though_create_was_faster(
    session: Session, instance: int
) -> None:
    record(session, instance, a_push(A, B))
    record(session, instance, a_push(B, None, at=minutes(1)))

    record(session, instance, BranchChange(repository=REPOSITORY, name="main", at=NOON + minutes(2)))
    record(session, instance, a_push(None, C, at=minutes(2)))

    assert head(session) == (C, False)


def test_several_commits_prove_no_parents_whatever_their_messages() -> None:
    side = PushedCommit(sha=B, message="Work on the side")
    merge = PushedCommit(sha=C, message="Add a thing (#12)")

    assert parents(a_push(A, C, commits=(side, merge))) == ()


def test_a_repeated_push_changes_nothing(session: Session, instance: int) -> None:
    assert record(session, instance, a_push(A, B)) is True

    assert record(session, instance, a_push(A, B)) is False


def test_a_branch_known_from_a_build_gets_its_head(session: Session, instance: int) -> None:
    record(session, instance, a_push(A, B, name="other"))
    session.execute(text("INSERT INTO branches (repository_id, name) SELECT id, 'main' FROM repositories"))

    record(session, instance, a_push(A, B))

    assert head(session) == (B, False)


def test_zeros_and_nonsense_are_no_commit() -> None:
    assert [known_sha(told) for told in (A, "0" * 40, "0" * 64, "main", None)] == [A, None, None, None, None]
