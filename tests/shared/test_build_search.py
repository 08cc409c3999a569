"""Search: a build is found by the words of everything that describes it, and by their beginnings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.build_list import GLIMPSED
from shared.models import Instance
from shared.queries import BuildFilter, list_builds
from shared.recorder import record
from shared.search import CHUNK_SECONDS, CHUNK_SQL, PREFIX_SQL
from shared.status import Status
from tests.factories import a_build
from tests.shared.test_queries import an_instance

CHUNK = timedelta(seconds=CHUNK_SECONDS)
BOUNDARY = datetime.fromtimestamp(61_000 * CHUNK_SECONDS, UTC)
"""The first instant of a chunk."""


_CROWD = """
    INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished, pipeline_name,
                        queued_at, commit_message)
    SELECT pipeline_id, project_id, 'crowd-' || n, 1, status, raw_status, true, pipeline_name,
           CAST(:before AS timestamptz) - n * interval '1 second', CASE WHEN n % 16 = 0 THEN 'burst' ELSE 'calm' END
    FROM builds CROSS JOIN generate_series(1, :many) n WHERE external_id = 'pattern'
"""
_CROWD_WORDS = f"""
    INSERT INTO build_search (build_id, queued_at, words)
    SELECT id, queued_at, array_to_tsvector(ARRAY[
        {PREFIX_SQL.format(chunk=CHUNK_SQL.format(queued_at="queued_at"))} || commit_message])
    FROM builds WHERE external_id LIKE 'crowd-%'
"""


def crowd(session: Session, github: Instance, many: int, before: datetime) -> None:
    """So many builds, one a second down from an instant; every sixteenth has the word "burst"."""
    keep(session, github, "pattern", queued_at=before)
    session.execute(text(_CROWD), {"many": many, "before": before})
    session.execute(text(_CROWD_WORDS))
    session.execute(text("SELECT gin_clean_pending_list('ix_build_search_words')"))
    session.execute(text("ANALYZE builds, build_search"))


@pytest.fixture
def github(session: Session) -> Instance:
    return an_instance(session, "github.com", "github")


def keep(session: Session, instance: Instance, external_id: str, **described: Any) -> None:
    build = a_build(external_id=external_id, **described)
    record(session, [build], instance_id=instance.id, source_id=None, is_backfill=False)


def found(session: Session, words: str, limit: int = 50, **narrowed: Any) -> list[str]:
    """The external ids of what is found, page by page to the end."""
    page = list_builds(session, BuildFilter(text=words, **narrowed), limit=limit)
    rows = list(page.rows)
    while page.next is not None:
        page = list_builds(session, BuildFilter(text=words, **narrowed), limit=limit, after=page.next)
        rows += page.rows
    return [str(row["external_id"]) for row in rows]


@pytest.mark.parametrize(
    "words",
    [
        "checkout",
        "CHECKOUT",
        "check",
        "acme web",
        "dependabot",
        "release 2",
        "deadbeef",
        "login flicker",
        "größe",
        "fl",
    ],
)
def test_every_text_of_a_build_can_be_searched_by_words_and_beginnings(
    session: Session, github: Instance, words: str
) -> None:
    keep(session, github, "other", branch="main", commit_message="Nothing", commit_sha="f00d" * 10, author="ada",
         pipeline_name="ci", pipeline_external_id="1/11", repository_external_id="2",
         repository_name="umbrella/shop")  # fmt: skip
    keep(session, github, "this", pipeline_name="checkout tests", repository_name="acme/web", branch="release/2.x",
         commit_sha="deadbeef" * 5, author="dependabot[bot]",
         commit_message="Login: no flicker, Größe stays")  # fmt: skip

    assert found(session, words) == ["this"]


@pytest.mark.parametrize("words", ["eckout", "check login nothing", "deadbeef0", "'", "a' & 'b", "!check", ":*"])
def test_what_is_no_beginning_of_a_word_or_not_all_there_is_not_found(
    session: Session, github: Instance, words: str
) -> None:
    keep(session, github, "this", pipeline_name="checkout tests", commit_sha="deadbeef" * 5)

    assert found(session, words) == ([] if words != "!check" else ["this"])


def test_builds_at_a_chunk_s_edge_come_once_and_in_order(session: Session, github: Instance) -> None:
    """Before, at and after the first instant of a chunk, and many chunks further down; too rare to be met at once."""
    instants = [timedelta(), -timedelta(milliseconds=1), timedelta(milliseconds=1), -timedelta(milliseconds=600),
                -CHUNK, -CHUNK * 40, CHUNK - timedelta(microseconds=1)]  # fmt: skip
    for number, instant in enumerate(instants):
        keep(session, github, f"{number}", queued_at=BOUNDARY + instant, commit_message="Edge")
    newer = [a_build(external_id=f"n{number}", queued_at=BOUNDARY + 2 * CHUNK) for number in range(GLIMPSED + 1)]
    record(session, newer, instance_id=github.id, source_id=None, is_backfill=False)
    in_order = sorted(range(len(instants)), key=lambda number: instants[number], reverse=True)

    for limit in (1, 2, 50):
        assert found(session, "edge", limit=limit) == [str(number) for number in in_order]


def test_words_that_are_too_many_for_the_index_and_too_few_for_a_glimpse_are_all_found(
    session: Session, github: Instance
) -> None:
    """More in one chunk than a step looks into, far below builds that have none of them."""
    many = 17_600
    crowd(session, github, many, before=BOUNDARY - CHUNK * 29)
    newer = [a_build(external_id=f"n{number}", queued_at=BOUNDARY) for number in range(2 * GLIMPSED)]
    record(session, newer, instance_id=github.id, source_id=None, is_backfill=False)

    assert found(session, "burst") == [f"crowd-{number}" for number in range(16, many + 1, 16)]


def test_of_several_words_any_may_be_the_rare_one(session: Session, github: Instance) -> None:
    crowd(session, github, 2_000, before=BOUNDARY)
    keep(session, github, "both", queued_at=BOUNDARY - CHUNK * 3, commit_message="A rarity", branch="burst")
    keep(session, github, "rare", queued_at=BOUNDARY - CHUNK * 2, commit_message="A rarity")

    for words in ("burst rarity", "rarity burst", "rar bur"):
        assert found(session, words) == ["both"]
    assert found(session, "burst calm") == []


def test_words_narrow_what_other_filters_give(session: Session, github: Instance) -> None:
    for number, (status, message) in enumerate([("failed", "Fix"), ("succeeded", "Fix"), ("failed", "Break")]):
        keep(session, github, f"{number}", status=status, commit_message=message, raw_status=status)

    assert found(session, "fix", status=(Status.FAILED,)) == ["0"]
    assert found(session, "fix", since=BOUNDARY + timedelta(days=36_500)) == []


def test_where_nothing_is_recorded_nothing_is_found(session: Session) -> None:
    assert found(session, "anything") == []
