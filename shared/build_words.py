"""The walk through the index of words, some hours at a time, newest first."""

from shared.build_filter import QUESTION_SQL, Conditions
from shared.search import CHUNK_SECONDS, CHUNK_SQL

MATCHES = 1000
"""How many builds that have the words a page looks into."""

CHUNKS = 1100
"""How many chunks of hours a page looks for the words in: a year."""

MILLISECONDS = 20
"""For how long a page begins with another chunk: words that are common, yet never together, make each one costly."""


def _asking(words: str) -> str:
    """The question that a parameter holds, put to the chunk of the step."""
    return QUESTION_SQL.format(words=f":{words}", chunk="walk.chunk")


# Where the longest word, likely the rarest, is not there, the common ones need not be gathered. Asked for one row
# alone, Postgres would rather read the table until it meets one.
_LONGEST = f"""
    (SELECT count(*) > 0 FROM (
        SELECT FROM build_search l WHERE l.words @@ ({_asking("longest")})::tsquery LIMIT 50
    ) found)
"""


def words_walk(conditions: Conditions, most: int) -> str:
    """Common table expressions `page` and `reached`: what fits among the builds that have `:words`, `most` at most.

    Each step looks into the chunk before the last one. The walk ends with `:rows` builds that fit, after so much work
    as is said above, before a chunk with too many builds, or with the oldest build. It is complete down to the
    beginning of the last chunk that it looked into.
    """
    residual = " AND ".join(conditions.besides({"text"}))
    fits = f"(SELECT {residual} FROM builds b WHERE b.id = s.build_id)" if residual else "true"
    found_by = [f"s.words @@ ({_asking('words')})::tsquery", *conditions.within("s.queued_at", "s.build_id")]
    if "longest" in conditions.parameters:
        found_by.append(_LONGEST)
    return f"""
        WITH RECURSIVE ends AS MATERIALIZED (
            SELECT {_chunk_of(_end(conditions, "DESC"))} AS newest, {_chunk_of(_end(conditions, "ASC"))} AS oldest
        ), walk AS (
            SELECT newest AS chunk, 0 AS examined, 0 AS fitting, CAST(NULL AS bigint[]) AS ids FROM ends
            UNION ALL
            SELECT walk.chunk - 1, walk.examined + step.matches, walk.fitting + step.fitting, step.ids
            FROM walk, ends, LATERAL (
                SELECT count(*)::integer AS matches, (count(*) FILTER (WHERE fits))::integer AS fitting,
                       array_agg(id) FILTER (WHERE fits) AS ids
                FROM (
                    SELECT s.build_id AS id, {fits} AS fits FROM build_search s WHERE {" AND ".join(found_by)}
                    LIMIT {MATCHES} + 1 - walk.examined
                ) matched
            ) step
            WHERE walk.chunk >= ends.oldest AND walk.chunk > ends.newest - {CHUNKS} AND walk.fitting < :rows
            AND walk.examined + step.matches <= {MATCHES}
            AND clock_timestamp() < statement_timestamp() + interval '{MILLISECONDS} milliseconds'
        ), reached AS (
            SELECT to_timestamp((last.chunk + 1) * {CHUNK_SECONDS}) AS queued_at, 0 AS id
            FROM (SELECT min(chunk) AS chunk FROM walk) last, ends WHERE last.chunk >= ends.oldest
        ), page AS (
            SELECT b.id, b.queued_at FROM walk CROSS JOIN unnest(walk.ids) AS found(id) JOIN builds b ON b.id = found.id
            ORDER BY b.queued_at DESC, b.id DESC LIMIT {most:d}
        )
    """


def _end(conditions: Conditions, order: str) -> str:
    where = " AND ".join(["true", *conditions.within()])
    return f"(SELECT b.queued_at FROM builds b WHERE {where} ORDER BY b.queued_at {order}, b.id {order} LIMIT 1)"


def _chunk_of(instant: str) -> str:
    return CHUNK_SQL.format(queued_at=instant)
