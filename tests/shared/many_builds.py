"""A hundred thousand builds for lists to be read from, and a meter of the rows that are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from shared.search import CHUNK_SQL, PREFIX_SQL

COUNT = 100_000
PIPELINES = 650
START = datetime(2026, 9, 1, tzinfo=UTC)
MIDDLE = START + timedelta(seconds=30 * COUNT // 2)

# Build n of 100,000. What is rare lies as a filter would like it least: long ago, or never together with something
# that is common. Pipeline 1 has half of all builds, so a walk pipeline by pipeline meets one that is much longer.
_CATALOG = f"""
    INSERT INTO instances (name, provider, base_url)
    VALUES ('github.com', 'github', 'https://github.com'), ('jenkins', 'jenkins', 'https://jenkins');
    INSERT INTO sources (instance_id, scope, last_ok_at) SELECT id, 'all', now() FROM instances ORDER BY id;
    INSERT INTO projects (key, name) VALUES ('team', 'Team');
    INSERT INTO repositories (instance_id, external_id, name)
    SELECT 1, k::text, 'acme/' || k FROM generate_series(1, 50) k;
    INSERT INTO pipelines (instance_id, external_id, project_id, source_id, repository_id, name)
    SELECT 1 + (n % 20 = 19)::int, n::text, 1 + (n % 10 = 3)::int, 1 + (n % 20 = 19)::int, 1 + n % 50, 'pipeline ' || n
    FROM generate_series(0, {PIPELINES - 1}) n ORDER BY n;
"""
_BUILDS = f"""
    INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished, cancel_reason,
                        pipeline_name, branch, commit_sha, commit_message, author, event, queued_at, duration_seconds,
                        queued_seconds)
    SELECT 1 + CASE WHEN n % 2 = 0 THEN 0 ELSE n % {PIPELINES} END, 1, n::text, 1 + (n % 50 = 7)::int, status,
           status, status <> 'running', CASE n % 40 WHEN 3 THEN 'person' WHEN 23 THEN 'superseded' END,
           'pipeline ' || n % {PIPELINES}, CASE WHEN n % 1000 = 500 THEN NULL WHEN n % 3 > 0 THEN 'main'
           WHEN n < 3000 THEN 'old' ELSE 'feature-' || n % 700 END,
           CASE WHEN n % 4 = 0 THEN 'everyday' ELSE md5((n / 2)::text) END,
           CASE WHEN n % 400 = 0 THEN 'Fix medium things' WHEN n IN (60, 70060, 99060) THEN 'A rarity indeed'
                WHEN n < 5000 THEN 'Fix ancient things' ELSE 'Fix things' END,
           CASE WHEN n < 40 THEN 'eve' ELSE 'author-' || n % 8 END,
           CASE WHEN n % 5000 = 77 THEN 'release' ELSE 'push' END,
           CAST(:start AS timestamptz) + n / 2 * 2 * interval '30 seconds',
           CASE WHEN n % 6 > 0 THEN 60 END, CASE WHEN n % 500 > 0 THEN 5 END
    FROM (SELECT n, CASE WHEN n % 3 = 0 AND n % 900 = 9 THEN 'timed_out' WHEN n > {COUNT - 30} AND n % 3 = 1
                         THEN 'running' WHEN n % 20 = 3 THEN 'cancelled' WHEN n % 7 = 1 THEN 'failed'
                         ELSE 'succeeded' END AS status
          FROM generate_series(0, {COUNT - 1}) n) n ORDER BY n;
    INSERT INTO attempts (build_id, number, status, raw_status, is_finished, merge_key)
    SELECT id, 1, CASE WHEN attempt = 2 THEN 'failed' ELSE status END, status, true, ARRAY[0::bigint] FROM builds;
    INSERT INTO flakes (build_id, pipeline_id, branch, commit_sha, queued_at, passed_attempt, failed_build_id,
                        failed_attempt)
    SELECT id, pipeline_id, branch, commit_sha, queued_at, 2, id, 1 FROM builds
    WHERE attempt = 2 AND status = 'succeeded' AND id % 3 = 0;
"""
_WORDS = f"""
    INSERT INTO build_search (build_id, queued_at, words)
    SELECT b.id, b.queued_at, array_to_tsvector(ARRAY(
        SELECT DISTINCT {PREFIX_SQL.format(chunk=CHUNK_SQL.format(queued_at="b.queued_at"))} || word
        FROM unnest(regexp_split_to_array(lower(concat_ws(' ', b.pipeline_name, b.branch, b.commit_sha, b.author,
                                                          b.commit_message)), '[^[:alnum:]]+')) word WHERE word <> ''))
    FROM builds b
"""


def fill(engine: Engine) -> None:
    """Fill a migrated, empty database."""
    with engine.begin() as connection:
        connection.execute(text(_CATALOG))
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        for statement in (*_BUILDS.split(";\n"), _WORDS):
            if statement.strip():
                connection.execute(text(statement), {"start": START} if ":start" in statement else {})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


_READ = text("""
    SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(c.oid)), 0)
         + coalesce(sum(pg_stat_get_xact_tuples_fetched(c.oid)) FILTER (WHERE c.relkind = 'r'), 0)
    FROM pg_class c
    WHERE coalesce((SELECT x.indrelid FROM pg_index x WHERE x.indexrelid = c.oid), c.oid)
          IN ('builds'::regclass, 'attempts'::regclass, 'flakes'::regclass, 'build_search'::regclass)
      AND c.oid <> 'ix_build_search_words'::regclass
""")
"""Entries of indexes and rows of tables that this transaction has read, of everything that grows with the builds.

Not the entries of the index of words, which gives them by the ten thousand in a millisecond: its walk is bounded by
time.
"""


class Meter:
    """How much was read while it ran."""

    read = 0


@contextmanager
def metered(connection: Connection | Session) -> Iterator[Meter]:
    """Counts what the block reads in this connection's transaction."""
    meter = Meter()
    before: Any = connection.execute(_READ).scalar_one()
    yield meter
    meter.read = int(connection.execute(_READ).scalar_one() - before)
