"""The walk through the index of words, some hours at a time, newest first."""

from shared.build_filter import HAS_WORDS, QUESTION_SQL, Conditions
from shared.search import CHUNK_SECONDS, CHUNK_SQL

MATCHES = 500
"""After how many builds that have the words a page begins with no other step."""

MOST = 1000
"""How many of them a step looks into; where one chunk has more, the index of words is of no use."""

CHUNKS = 1100
"""How many chunks of hours a page looks for the words in: a year."""

MILLISECONDS = 5
"""For how long a page begins with another step: words that are common, yet never together, make each one costly."""

AT_ONCE = 32
"""How many chunks one question asks about at most: few questions, among others, take less than one for each chunk. A
build that is found is compared with all of them, so that of a common word more would be too many."""

AT_LEAST = 63
"""How many chunks a page looks for a rare word in however late it is: three weeks, to get on on a busy machine too."""

PROBED = 3
"""In so many chunks, a day, it is counted which word is rare."""

QUIET = 8
"""How many chunks a question is about where none of the words was met in those: nobody builds on Sundays."""

EXPECTED = 100
"""For about so many builds a step asks: as many chunks as have had them so far."""

RARE = 50
"""Fewer builds in a chunk are each looked at for the other words; else the index gathers those of every word."""

_ANY_CHUNK = f"""
    SELECT string_agg({QUESTION_SQL.format(words="{words}", chunk="part.chunk")}, ' | ')
    FROM generate_series({{first}}, {{last}}) AS part(chunk)
"""

# A word alone is the question. Of several the rarest, if it is rare, is asked for and the others are looked at in what
# it finds: the common ones' builds need not be gathered. Common words are asked for together, in one chunk at a time.
# The chunk after the newest is a full one. Asked for one row alone, Postgres would rather read the table until it meets
# one.
_ONE = f"SELECT CAST(:words AS text) AS question, {AT_ONCE} AS widest, false AS is_part"
_SEVERAL = f"""
    SELECT CASE WHEN is_part THEN question ELSE :words END AS question,
           CASE WHEN is_part THEN {AT_ONCE} WHEN most = 0 THEN {QUIET} ELSE 1 END AS widest, is_part
    FROM (
        SELECT word.question, max(builds.count) OVER () AS most,
               builds.count < {RARE * PROBED} AND max(builds.count) OVER () > 0 AS is_part
        FROM ends CROSS JOIN unnest(CAST(:likely AS text[])) AS word(question) CROSS JOIN LATERAL (
            SELECT count(*) FROM (
                SELECT FROM build_search w WHERE w.words @@ ({
    _ANY_CHUNK.format(words="word.question", first=f"ends.newest - {PROBED}", last="ends.newest - 1")
})::tsquery
                LIMIT {RARE * PROBED}
            ) found
        ) builds ORDER BY builds.count, length(word.question) DESC LIMIT 1
    ) rarest
"""

# How many chunks the next step asks about: fewer after too many builds, none if one chunk had them: that ends the walk.
# The first chunk is hardly ever full, so what it holds says little of the next ones.
_WIDTH = f"""
    CASE WHEN is_over THEN CASE WHEN step.width > 1 THEN greatest(1, step.width / 4) ELSE 0 END
         WHEN matches = 0 THEN least(step.widest, 2 * step.width)
         ELSE greatest(1, least(step.widest, CASE WHEN step.examined = 0 THEN 1 ELSE 2 END * step.width,
                                {EXPECTED} * step.width / matches)) END
"""

# The next step of the walk, if there is one, with its question about all of its chunks; the first however late it is.
_STEP = f"""
    SELECT walk.*, asked.widest, asked.is_part,
           ({_ANY_CHUNK.format(words="asked.question", first="walk.chunk - walk.width + 1", last="walk.chunk")}
           )::tsquery AS question
    FROM walk, ends, asked
    WHERE walk.chunk >= ends.oldest AND walk.chunk > ends.newest - {CHUNKS} AND walk.width > 0
      AND walk.fitting < :rows AND walk.examined < {MATCHES}
      AND (walk.examined = 0 AND walk.chunk > ends.newest - {AT_LEAST}
           OR clock_timestamp() < statement_timestamp() + interval '{MILLISECONDS} milliseconds')
    OFFSET 0
"""


def words_walk(conditions: Conditions, most: int) -> str:
    """Common table expressions `page` and `reached`: what fits among the builds that have `:words`, `most` at most.

    Each step looks into the chunks before the last ones, into more of them where they hold few builds. The walk ends
    with `:rows` builds that fit, after so much work as is said above, before a chunk with too many builds, or with the
    oldest build. It is complete down to the beginning of the last chunk that it looked into.
    """
    is_one = "likely" not in conditions.parameters
    return f"""
        WITH RECURSIVE ends AS MATERIALIZED (
            SELECT {_chunk_of(_end(conditions, "DESC"))} AS newest, {_chunk_of(_end(conditions, "ASC"))} AS oldest
        ), asked AS MATERIALIZED ({_ONE if is_one else _SEVERAL}), walk AS (
            SELECT newest AS chunk, 1 AS width, 0 AS examined, 0 AS fitting, CAST(NULL AS bigint[]) AS ids,
                   CAST(NULL AS timestamptz[]) AS instants
            FROM ends
            UNION ALL
            SELECT CASE WHEN is_over THEN step.chunk ELSE step.chunk - step.width END, {_WIDTH},
                   step.examined + CASE WHEN is_over THEN 0 ELSE matches END, step.fitting + seen.fitting, seen.ids,
                   seen.instants
            FROM ({_STEP}) step CROSS JOIN LATERAL (
                WITH matched AS MATERIALIZED (
                    SELECT s.build_id, s.queued_at{"" if is_one else ", s.words"} FROM build_search s
                    WHERE s.words @@ step.question LIMIT {MOST + 1:d}
                ), counted AS MATERIALIZED (
                    SELECT count(*)::integer AS matches, count(*) > {MOST} AS is_over FROM matched
                ), fitting AS (
                    SELECT s.build_id, s.queued_at FROM (SELECT * FROM matched ORDER BY queued_at DESC, build_id DESC) s
                    WHERE NOT (SELECT is_over FROM counted) AND {_fits(conditions, is_one=is_one)}
                    LIMIT greatest(0, :rows - step.fitting)
                )
                SELECT counted.*, found.* FROM counted, (
                    SELECT count(*)::integer AS fitting, array_agg(build_id) AS ids, array_agg(queued_at) AS instants
                    FROM fitting
                ) found
            ) seen
        ), reached AS (
            SELECT to_timestamp((last.chunk + 1) * {CHUNK_SECONDS}) AS queued_at, 0 AS id
            FROM (SELECT min(chunk) AS chunk FROM walk) last, ends WHERE last.chunk >= ends.oldest
        ), page AS (
            SELECT found.id, found.queued_at
            FROM walk CROSS JOIN unnest(walk.ids, walk.instants) AS found(id, queued_at)
            WHERE walk.ids IS NOT NULL ORDER BY found.queued_at DESC, found.id DESC LIMIT {most:d}
        )
    """


def _fits(conditions: Conditions, *, is_one: bool) -> str:
    """Whether a build that was found fits: it lies within the bounds, has the other words and whatever else is wanted.

    Bounds on what the index is asked for would have Postgres plan each time anew, expecting more of some values.
    """
    looked_at = conditions.within("s.queued_at", "s.build_id")
    if not is_one:
        looked_at.append(f"(NOT step.is_part OR {HAS_WORDS})")
    if residual := conditions.besides({"text"}):
        looked_at.append(f"(SELECT {' AND '.join(residual)} FROM builds b WHERE b.id = s.build_id)")
    return " AND ".join(looked_at) or "true"


def _end(conditions: Conditions, order: str) -> str:
    where = " AND ".join(["true", *conditions.within()])
    return f"(SELECT b.queued_at FROM builds b WHERE {where} ORDER BY b.queued_at {order}, b.id {order} LIMIT 1)"


def _chunk_of(instant: str) -> str:
    return CHUNK_SQL.format(queued_at=instant)
