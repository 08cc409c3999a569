"""Commits between two: exact where it is known, and honest where it is not."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.models import Instance, Repository, Source
from shared.ranges import MOST_COMMITS, Member, Wanted, broken_ranges, changes_of, commits_between, record_range
from shared.recorder import record
from tests.factories import NOON, a_build, minutes


@pytest.fixture
def repository(session: Session) -> int:
    instance = Instance(name="github.com", provider="github", base_url="https://api.github.com")
    session.add(instance)
    session.flush()
    found = Repository(instance_id=instance.id, external_id="1", name="acme/web")
    session.add(found)
    session.flush()
    return found.id


def chain(*shas: str) -> tuple[Member, ...]:
    """Commits, each made from the one before; the first is only a parent."""
    return tuple(Member(sha=sha, parents=(before,), message=sha) for before, sha in pairwise(shas))


def shas(commits: Sequence[dict[str, object]]) -> list[object]:
    return [commit["sha"] for commit in commits]


def test_a_straight_range_is_told_newest_first(session: Session, repository: int) -> None:
    record_range(session, Wanted(repository, "a", "d"), chain("a", "b", "c", "d"), is_complete=True)

    found = commits_between(session, repository, "a", "d")

    assert shas(found.commits) == ["d", "c", "b"]
    assert (found.is_complete, found.reason) == (True, None)


def test_what_the_base_has_by_another_way_is_no_part_of_the_range(session: Session, repository: int) -> None:
    """`e` merges `x`, which was made from `a`: older than the base `b`, although reached without passing it."""
    members = (*chain("z", "a", "b"), Member(sha="x", parents=("a",)), Member(sha="e", parents=("b", "x")))
    record_range(session, Wanted(repository, "z", "e"), members, is_complete=True)

    found = commits_between(session, repository, "b", "e")

    assert set(shas(found.commits)) == {"e", "x"}
    assert found.is_complete


def test_a_merge_of_a_branch_older_than_the_base_brings_only_what_the_comparison_told(
    session: Session, repository: int
) -> None:
    """`m` merges `f`, which was made from `a`, long before the base `b`: nobody told where `a` stands to `b`."""
    members = (Member(sha="f", parents=("a",), message="f"), Member(sha="m", parents=("b", "f"), message="m"))
    record_range(session, Wanted(repository, "b", "m"), members, is_complete=True)

    found = commits_between(session, repository, "b", "m")

    assert shas(found.commits) == ["m", "f"]
    assert (found.is_complete, found.reason) == (True, None)


def test_a_comparison_that_was_cut_short_tells_what_it_has(session: Session, repository: int) -> None:
    record_range(
        session, Wanted(repository, "a", "e"), chain("a", "b", "c"), is_complete=False, reason="2 of 4 commits"
    )

    found = commits_between(session, repository, "a", "e")

    assert shas(found.commits) == ["c", "b"]
    assert (found.is_complete, found.reason) == (False, "2 of 4 commits")


def test_a_head_that_the_base_has_already_brings_nothing(session: Session, repository: int) -> None:
    record_range(session, Wanted(repository, "b", "a"), (), is_complete=True)

    assert commits_between(session, repository, "b", "a").commits == []


def test_a_line_that_ends_before_the_base_makes_a_range_incomplete(session: Session, repository: int) -> None:
    record_range(session, Wanted(repository, "c", "e"), chain("c", "d", "e"), is_complete=True)

    found = commits_between(session, repository, "a", "e")

    assert shas(found.commits) == ["e", "d", "c"]
    assert not found.is_complete
    assert found.reason == "the provider was not asked for the commits between the two yet"


def test_a_range_that_could_not_be_had_says_why(session: Session, repository: int) -> None:
    record_range(session, Wanted(repository, "a", "e"), (), is_complete=False, reason="gone")

    assert commits_between(session, repository, "a", "e").reason == "gone"


def test_a_range_is_walked_no_further_than_its_bound(session: Session, repository: int) -> None:
    members = chain(*(f"{place:04}" for place in range(MOST_COMMITS + 50)))
    record_range(session, Wanted(repository, "0000", "elsewhere"), members, is_complete=True)

    found = commits_between(session, repository, "0000", members[-1].sha)

    assert (len(found.commits), found.is_complete) == (MOST_COMMITS, False)


def test_a_past_in_which_every_line_meets_every_other_is_walked_in_no_time(session: Session, repository: int) -> None:
    """20,000 commits of four parents each; walked by their ways to the head instead of once each, it takes forever."""
    session.execute(
        text("""INSERT INTO commit_parents SELECT :repository, n::text, (n - step)::text, 0
                FROM generate_series(100, 20100) n, unnest(ARRAY[1, 7, 20, 40]) step"""),
        {"repository": repository},
    )
    session.execute(text("SET LOCAL statement_timeout = '3s'"))

    near = commits_between(session, repository, "20000", "20100")
    far = commits_between(session, repository, "200", "20100")

    assert (len(near.commits), near.is_complete) == (100, True)
    assert (len(far.commits), far.is_complete) == (MOST_COMMITS, False)


class History:
    """Builds of one source, one after the other."""

    def __init__(self, session: Session) -> None:
        self.session = session
        instance = Instance(name="gitlab.com", provider="gitlab", base_url="https://gitlab.com")
        session.add(instance)
        session.flush()
        source = Source(instance_id=instance.id, scope="acme/web")
        session.add(source)
        session.flush()
        self.instance_id, self.source_id, self.count = instance.id, source.id, 0

    def add(self, status: str, sha: str, branch: str = "main", event: str = "push") -> None:
        self.count += 1
        at = NOON + minutes(self.count)
        build = a_build(status, external_id=str(self.count), queued_at=at, commit_sha=sha, branch=branch, event=event)
        record(self.session, [build], instance_id=self.instance_id, source_id=self.source_id, is_backfill=False)

    def ranges(self) -> list[tuple[str, str]]:
        found = broken_ranges(self.session, self.source_id, NOON, most=10)
        return [(wanted.base_sha, wanted.head_sha) for wanted in found]


def test_ranges_are_wanted_where_a_branch_broke_and_only_once(session: Session) -> None:
    history = History(session)
    history.add("succeeded", "a")
    history.add("cancelled", "b")
    history.add("failed", "c")
    history.add("failed", "d")
    history.add("succeeded", "e", branch="feature")
    history.add("failed", "e", branch="feature")

    wanted = history.ranges()
    first = broken_ranges(session, history.source_id, NOON, most=1)[0]
    record_range(session, first, (), is_complete=False, reason="gone")

    assert wanted == [("a", "c")]
    assert history.ranges() == []


def test_the_changes_of_a_build_are_those_since_the_last_that_succeeded_on_its_branch(session: Session) -> None:
    history = History(session)
    history.add("succeeded", "a")
    history.add("succeeded", "b", branch="feature")
    history.add("failed", "c")
    history.add("failed", "d")
    wanted = broken_ranges(session, history.source_id, NOON, most=1)[0]
    record_range(session, wanted, chain("a", "b", "c"), is_complete=True)

    by_number = {row.external_id: row.id for row in session.connection().exec_driver_sql("SELECT * FROM builds")}
    first, third, last = (changes_of(session, by_number[number]) for number in ("1", "3", "4"))

    assert third is not None
    assert (third["base_sha"], third["head_sha"], shas(third["commits"])) == ("a", "c", ["c", "b"])  # type: ignore[arg-type]
    assert first is not None
    assert (first["base_sha"], first["reason"]) == (None, "no build succeeded on this branch before")
    assert last is not None
    assert (last["base_sha"], last["is_complete"]) == ("a", False)
    assert changes_of(session, 10**9) is None


def test_a_request_from_a_forks_branch_of_the_same_name_is_nothing_that_the_branch_built(session: Session) -> None:
    history = History(session)
    history.add("succeeded", "a")
    history.add("succeeded", "f", event="pull_request")
    history.add("failed", "b")
    history.add("failed", "g", event="pull_request")

    by_number = {row.external_id: row.id for row in session.connection().exec_driver_sql("SELECT * FROM builds")}
    broken, request = (changes_of(session, by_number[number]) for number in ("3", "4"))

    assert set(history.ranges()) == {("a", "b"), ("f", "g")}
    assert broken is not None
    assert broken["base_sha"] == "a"
    assert request is not None
    assert request["base_sha"] == "f"
