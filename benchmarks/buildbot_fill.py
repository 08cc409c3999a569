"""The finished builds of a data set in Buildbot's own tables: each with its request, its commit, a step, properties."""

import psycopg

from benchmarks.bare_tables import bare

TABLES = ("buildsets", "buildrequests", "builds", "sourcestamps", "buildset_sourcestamps", "steps", "build_properties")

# Not what was recorded into the data set while it was read: that is not named by such numbers.
_READ = """
    COPY (SELECT row_number() OVER (ORDER BY b.id), b.id, row_number() OVER (PARTITION BY b.pipeline_id ORDER BY b.id),
                 b.pipeline_id, b.status, extract(epoch FROM b.queued_at)::bigint,
                 extract(epoch FROM coalesce(b.started_at, b.queued_at))::bigint,
                 extract(epoch FROM b.finished_at)::bigint, b.branch, b.commit_sha, r.name, b.author
          FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN repositories r ON r.id = p.repository_id
          WHERE b.is_finished AND b.external_id BETWEEN '3' AND '4') TO STDOUT (FORMAT binary)
"""

_SEEN = """
    CREATE UNLOGGED TABLE seen (n bigint, id bigint, number bigint, builder bigint, status text, queued bigint,
                                started bigint, finished bigint, branch text, sha text, repository text, author text)
"""

_RESULT = (
    "CASE status WHEN 'succeeded' THEN 0 WHEN 'failed' THEN 2 WHEN 'skipped' THEN 3 WHEN 'timed_out' THEN 4 ELSE 6 END"
)

_WRITE = (
    """INSERT INTO builders (id, name, name_hash)
       SELECT 1000 + id, 'pipeline ' || id, md5(id::text) FROM generate_series(1, 2000) id""",
    """INSERT INTO masters (id, name, name_hash, active, last_active)
       VALUES (1000, 'past', md5('past'), 0, 0)""",
    f"""INSERT INTO buildsets (id, reason, submitted_at, complete, complete_at, results)
        SELECT n, 'push', queued, 1, finished, {_RESULT} FROM seen""",
    """INSERT INTO sourcestamps (id, ss_hash, branch, revision, repository, codebase, project, created_at)
       SELECT n, md5(n::text), branch, sha, repository, '', repository, queued FROM seen""",
    "INSERT INTO buildset_sourcestamps (id, buildsetid, sourcestampid) SELECT n, n, n FROM seen",
    f"""INSERT INTO buildrequests (id, buildsetid, builderid, complete, results, submitted_at, complete_at)
        SELECT n, n, 1000 + builder, 1, {_RESULT}, queued, finished FROM seen""",
    f"""INSERT INTO builds (id, number, builderid, buildrequestid, masterid, started_at, complete_at, locks_duration_s,
                            state_string, results)
        SELECT n, number, 1000 + builder, n, 1000, started, finished, 0, 'finished', {_RESULT} FROM seen""",
    f"""INSERT INTO steps (id, number, name, buildid, started_at, complete_at, state_string, results, urls_json)
        SELECT n, 0, 'run', n, started, finished, 'finished', {_RESULT}, '[]' FROM seen""",
    """INSERT INTO build_properties (buildid, name, value, source)
       SELECT n, name, to_json(value)::text, 'Build'
       FROM seen
       CROSS JOIN LATERAL (VALUES ('branch', branch), ('revision', sha), ('owner', author)) p (name, value)""",
)


def fill(ours: str, theirs: str) -> int:
    """Copy from our database into Buildbot's; returns how many builds."""
    with bare(theirs, TABLES), psycopg.connect(ours) as source, psycopg.connect(theirs) as target:
        target.execute(_SEEN)
        with (
            source.cursor().copy(_READ) as reading,
            target.cursor().copy("COPY seen FROM STDIN (FORMAT binary)") as writing,
        ):
            for block in reading:
                writing.write(block)
        for statement in _WRITE:
            target.execute(statement.encode())
        (builds,) = target.execute("SELECT count(*) FROM seen").fetchone() or (0,)
        target.execute("DROP TABLE seen")
    with psycopg.connect(theirs, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return int(builds)
