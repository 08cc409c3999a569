"""The words by which a build is found, kept as it is recorded."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.observation import Observation
from shared.search import CHUNK_SQL, PREFIX_SQL
from shared.words import words_of

LONGEST_MESSAGE = 1000
"""Characters of a commit's message that are searched."""

# Words are letters and digits, so a space between them is enough, and none of them is empty. Two rows' words are
# united, never replaced: whoever describes the build first or last, the same words come out.
_WRITE = text(f"""
    WITH page AS (
        SELECT * FROM json_to_recordset(CAST(:page AS json)) AS p (pipeline text, external_id text, words text)
    ),
    found AS (
        SELECT b.id, b.queued_at, p.words, {PREFIX_SQL.format(chunk=CHUNK_SQL.format(queued_at="b.queued_at"))} AS chunk
        FROM page p
        JOIN pipelines l ON l.instance_id = :instance AND l.external_id = p.pipeline
        JOIN builds b ON b.pipeline_id = l.id AND b.external_id = p.external_id
    )
    INSERT INTO build_search AS s (build_id, queued_at, words)
    SELECT id, queued_at, array_to_tsvector(string_to_array(chunk || replace(words, ' ', ' ' || chunk), ' '))
    FROM found ORDER BY id
    ON CONFLICT (build_id) DO UPDATE SET words = s.words || excluded.words
    WHERE length(s.words || excluded.words) > length(s.words)
""")
"""Adds words to builds, in one statement a page; what they have already is not written again."""

SORT_IN = text("SELECT gin_clean_pending_list('ix_build_search_words')")
"""Has the index take the words from its list of pending ones, each word once a page.

Word by word as they are inserted would cost four times the write-ahead log; left on the list, every search would read
them all at each of its steps.
"""


def write(session: Session, described: Iterable[Observation], *, instance_id: int) -> None:
    """Have the builds found by what these observations say of them; the builds are stored and locked by now."""
    words: dict[tuple[str, str], dict[str, None]] = {}
    for seen in described:
        words.setdefault((seen.pipeline_external_id, seen.external_id), {}).update(dict.fromkeys(_words(seen)))
    page = [
        {"pipeline": pipeline, "external_id": external_id, "words": " ".join(found)}
        for (pipeline, external_id), found in words.items()
        if found
    ]
    if page:
        session.execute(_WRITE, {"page": orjson.dumps(page).decode(), "instance": instance_id})
        session.execute(SORT_IN)


def _words(seen: Observation) -> Iterable[str]:
    """Each text has room of its own: which words fit must not depend on what else was known at the time."""
    message = None if seen.commit_message is None else seen.commit_message[:LONGEST_MESSAGE]
    texts = (seen.pipeline_name, seen.repository_name, seen.branch, seen.commit_sha, seen.author, message)
    return chain.from_iterable(_words_of(text) for text in texts if text)


@lru_cache(maxsize=2_000)
def _words_of(text: str) -> tuple[str, ...]:
    """Builds of one page share most of their texts, and so do those of the next one."""
    return tuple(words_of([text]))
