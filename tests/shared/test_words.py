"""Text as words, and the words by which a recorded build is found."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.observation import Observation
from shared.recorder import record
from shared.search import CHUNK_SQL, PREFIX_SQL, question
from shared.words import MOST_CHARACTERS, MOST_WORDS, words_of
from tests.factories import NOON, a_build, minutes

TEXTS = ("branch", "commit_sha", "author", "commit_message")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("acme/web", ["acme", "web"]),
        ("feature/JIRA-123_login", ["feature", "jira", "123", "login"]),
        ("Straße \uff21\uff22 \ufb01x", ["strasse", "ab", "fix"]),
        ("修复 Привет", ["修复", "привет"]),
        ("it's 'a':* & !b | <-> \\c", ["it", "s", "a", "b", "c"]),
        ("one\x07two\u200bthree\x00four", ["one", "two", "three", "four"]),
        ("again Again AGAIN", ["again"]),
        ("🎉 -- \n\t", []),
    ],
)
def test_a_text_is_its_runs_of_letters_and_digits(written: str, words: list[str]) -> None:
    assert words_of([written]) == words


def test_long_words_and_many_words_are_cut() -> None:
    assert words_of(["x" * 1000]) == ["x" * MOST_CHARACTERS]
    assert len(words_of([" ".join(map(str, range(1000)))])) == MOST_WORDS


class Shelf:
    """Records builds of one instance and finds them by their words, as Postgres understands the question."""

    def __init__(self, session: Session) -> None:
        insert = "INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x') RETURNING id"
        self.session = session
        self.instance_id = session.execute(text(insert)).scalar_one()

    def see(self, *page: Observation) -> None:
        record(self.session, page, instance_id=self.instance_id, source_id=None, is_backfill=False)

    def find(self, *texts: str) -> list[str]:
        chunk = PREFIX_SQL.format(chunk=CHUNK_SQL.format(queued_at="s.queued_at"))
        statement = f"""
            SELECT b.external_id FROM build_search s JOIN builds b ON b.id = s.build_id
            WHERE s.words @@ CAST(replace(:question, '@', {chunk}) AS tsquery) ORDER BY 1
        """
        return list(self.session.scalars(text(statement), {"question": question(words_of(texts))}))

    def stored(self) -> list[tuple[object, ...]]:
        statement = """SELECT b.external_id, s.queued_at, CAST(s.words AS text)
                       FROM build_search s JOIN builds b ON b.id = s.build_id ORDER BY 1"""
        return [tuple(row) for row in self.session.execute(text(statement))]

    def written(self) -> int:
        """Rows written to the table of words in this transaction, by Postgres' own count."""
        statement = """SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables
                       WHERE relname = 'build_search'"""
        return int(self.session.execute(text(statement)).scalar_one())


@pytest.fixture
def shelf(session: Session) -> Shelf:
    return Shelf(session)


def test_a_build_is_found_by_each_of_its_texts_and_by_their_beginnings(shelf: Shelf) -> None:
    shelf.see(a_build(pipeline_name="deploy", branch="feature/login", author="Ada Lovelace"))
    shelf.see(a_build(pipeline_name="deploy", external_id="101", commit_sha="b" * 40, commit_message="Other"))

    for words in ("deploy", "ACME/we", "feature login", "aaaaaaa", "lovelace", "fix the form", "Deploy ada logi"):
        assert "100" in shelf.find(words), words
    assert shelf.find("other bbbb") == ["101"]
    assert shelf.find("lovelace other") == shelf.find("orm") == []


def test_a_text_learnt_later_is_found_beside_the_others(shelf: Shelf) -> None:
    shelf.see(a_build("running", commit_message=None, branch=None))
    shelf.see(a_build("running", commit_message="Rename the tables", branch="next"))

    assert shelf.find("ada", "next", "rename tables") == ["100"]


def test_the_same_again_or_a_later_state_writes_no_words(shelf: Shelf) -> None:
    before = shelf.written()
    shelf.see(a_build("running", commit_message=None))
    after = shelf.written()

    shelf.see(a_build("running", commit_message=None))
    shelf.see(a_build("failed", commit_message=None), a_build("succeeded", attempt=2, commit_message=None))
    shelf.see(a_build("queued", commit_message="CI: acme"))

    assert (after - before, shelf.written() - after) == (1, 0)


def test_no_search_has_to_go_through_words_that_the_index_has_not_sorted_in(shelf: Shelf) -> None:
    shelf.see(a_build(), a_build(external_id="101", commit_message="Speed up"))

    assert shelf.session.scalar(text("SELECT gin_clean_pending_list('ix_build_search_words')")) == 0
    assert shelf.find("speed") == ["101"]


def test_a_build_that_was_a_queue_item_keeps_its_words(shelf: Shelf) -> None:
    shelf.see(a_build("queued", external_id="queue/7", commit_message=None))
    shelf.see(a_build("running", external_id="job/1@1", formerly="queue/7", commit_message="Speed up"))
    shelf.see(a_build("queued", external_id="queue/7", commit_message=None))

    assert shelf.find("ada speed") == ["job/1@1"]


def test_only_the_beginning_of_a_long_message_is_searched(shelf: Shelf) -> None:
    shelf.see(a_build(commit_message="first " + "." * 1000 + " last"))

    assert (shelf.find("first"), shelf.find("last")) == (["100"], [])


def test_words_bear_the_eight_hours_of_the_build_and_not_of_a_later_observation(shelf: Shelf) -> None:
    shelf.see(a_build("running", branch=None, queued_at=NOON))
    shelf.see(a_build("running", branch="next", queued_at=NOON + minutes(600)))

    assert shelf.find("ada next") == ["100"]
    (words,) = (str(row[2]) for row in shelf.stored())
    assert {word[1:6] for word in words.split()} == {f"{int(NOON.timestamp()) // 28_800:05x}"}


def words_stored(session: Session, pages: Sequence[Sequence[Observation]]) -> list[tuple[object, ...]]:
    """The table of words after these pages; everything is rolled back again."""
    savepoint = session.begin_nested()
    shelf = Shelf(session)
    for page in pages:
        shelf.see(*page)
    stored = shelf.stored()
    savepoint.rollback()
    return stored


def test_the_words_do_not_depend_on_which_text_was_known_first(session: Session) -> None:
    long = " ".join(f"word{number}" for number in range(200))
    whole = a_build("running", branch="next", commit_message=long, author="ada")
    parts = [replace(whole, **{name: None for name in TEXTS if name != known}) for known in TEXTS]  # type: ignore[arg-type]

    at_once = words_stored(session, [[whole]])

    for order in permutations(parts):
        for pages in ([order], [[part] for part in order], [order[:2], order[1:]]):
            assert words_stored(session, pages) == at_once


storable = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=80)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(storable, storable, st.data())
def test_whatever_was_written_is_found_by_itself_and_by_the_beginnings_of_its_words(
    session: Session, message: str, author: str, data: st.DataObject
) -> None:
    savepoint = session.begin_nested()
    try:
        shelf = Shelf(session)
        shelf.see(a_build(commit_message=message, author=author))
        words = words_of([message, author])
        asked = [word[: data.draw(st.integers(1, len(word)))] for word in words]
        assert shelf.find("ci", message, author) == ["100"]
        assert shelf.find("ci", *asked) == ["100"]
    finally:
        savepoint.rollback()
