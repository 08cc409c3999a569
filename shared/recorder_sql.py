"""The recorder's statements. Each reads the page from one JSON parameter and walks rows in key order, against deadlock.

The order of locks is the same in every transaction: names, new builds, known builds, the event log.
"""

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from shared.recorder_changes_sql import CHANGES_WRITTEN, IS_REGROUPED, OF_THE_BUILD

PAGE = """
    page AS (
        SELECT * FROM json_to_recordset(CAST(:page AS json)) AS p (
            ordinal int, pipeline text, pipeline_name text, pipeline_url text, default_branch text,
            repository text, repository_name text, repository_url text, external_id text, formerly text, number bigint,
            attempt int, merge_key bigint[], status text, raw_status text, is_finished boolean, is_unstable boolean,
            cancel_reason text, queued_at timestamptz, started_at timestamptz, finished_at timestamptz,
            is_finish_guessed boolean, duration_seconds float, queued_seconds float, progress float, web_url text,
            branch text, commit_sha text, commit_message text, commit_author text, committed_at timestamptz,
            author text, event text, metadata jsonb, has_jobs boolean, jobs json))
"""

JOB = """
    (external_id text, name text, stage text, merge_key bigint[], status text, raw_status text, is_finished boolean,
     queued_at timestamptz, started_at timestamptz, finished_at timestamptz, runner text, web_url text)
"""

# The words are compared by their bytes, so that the order does not depend on the database's collation.
_BEATS = '(p.merge_key, p.raw_status COLLATE "C") > (a.merge_key, a.raw_status COLLATE "C")'
_JOB_BEATS = '(j.merge_key, j.raw_status COLLATE "C") > (k.merge_key, k.raw_status COLLATE "C")'

# What decides whether an observation changes anything: of what it can only add, whether it knows it at all.
SIGHTINGS = """
    page AS (
        SELECT * FROM json_to_recordset(CAST(:page AS json)) AS p (
            ordinal int, pipeline text, external_id text, formerly text, attempt int, merge_key bigint[],
            raw_status text, guessed_finish timestamptz, queued_seconds float, web_url text, number boolean,
            branch boolean, commit_sha boolean, commit_message boolean, author boolean, event boolean,
            metadata boolean, jobs json))
"""

# Unknown until the first observation that knows. Of two addresses of an attempt the greater is kept, which is the more
# exact one (`…/runs/1` and `…/runs/1/attempts/1`).
_FILLS_WORDS = """
    b.branch IS NULL AND p.branch
    OR b.commit_sha IS NULL AND p.commit_sha
    OR b.commit_message IS NULL AND p.commit_message
    OR b.author IS NULL AND p.author
"""
_FILLS = f"""
    {_FILLS_WORDS}
    OR b.event IS NULL AND p.event
    OR b.number IS NULL AND p.number
    OR b.formerly IS NULL AND p.formerly IS NOT NULL
    OR b.metadata IS NULL AND p.metadata
    OR p.web_url > coalesce(a.web_url, '')
"""

_NEEDS_JOBS = f"""
    p.jobs IS NOT NULL AND (NOT a.has_jobs OR EXISTS (
        SELECT FROM json_to_recordset(p.jobs) AS j (external_id text, merge_key bigint[], raw_status text)
        LEFT JOIN jobs k ON k.build_id = b.id AND k.attempt = p.attempt AND k.external_id = j.external_id
        WHERE k.id IS NULL OR {_JOB_BEATS}))
"""

REKEY = text(f"""
    WITH {SIGHTINGS},
    queued AS (
        SELECT b.id, p.external_id, p.formerly
        FROM page p
        JOIN pipelines l ON l.instance_id = :instance AND l.external_id = p.pipeline
        JOIN builds b ON b.pipeline_id = l.id AND b.external_id = p.formerly
        WHERE NOT EXISTS (SELECT FROM builds n WHERE n.pipeline_id = l.id AND n.external_id = p.external_id)
        ORDER BY b.id FOR NO KEY UPDATE OF b
    )
    UPDATE builds b SET external_id = q.external_id, formerly = q.formerly FROM queued q WHERE b.id = q.id
""")
"""A build that was known by another id (a queue item) gets its own, and keeps its row, its attempts and its events."""

CHANGED = text(f"""
    WITH {SIGHTINGS}
    SELECT p.ordinal, b.id AS build_id, b.external_id,
           b.id IS NULL OR b.branch IS NULL OR b.commit_sha IS NULL AS needs_names,
           b.id IS NULL OR {_FILLS_WORDS} AS needs_words
    FROM page p
    LEFT JOIN pipelines l ON l.instance_id = :instance AND l.external_id = p.pipeline
    LEFT JOIN LATERAL (
        SELECT * FROM builds b WHERE b.pipeline_id = l.id AND b.external_id = p.external_id
        UNION ALL
        SELECT * FROM builds b WHERE b.pipeline_id = l.id AND b.formerly = p.external_id
        LIMIT 1
    ) b ON true
    LEFT JOIN attempts a ON a.build_id = b.id AND a.number = p.attempt
    WHERE a.build_id IS NULL OR {_BEATS} OR p.guessed_finish < a.finished_at OR {_FILLS} OR {_NEEDS_JOBS}
       OR p.queued_seconds < coalesce(a.queued_seconds, 'infinity')
    ORDER BY p.ordinal
""")
"""The rows of the page that would change anything, each with its build where there is one.

`external_id` is the build's own: a late word about a queue item is about the build that it became.
"""

# A name belongs to the newest build that used it. So a name that differs is taken only while no newer build is stored:
# a rename arrives with its first build, and an old build read later does not undo it.
NAMES = text(f"""
    WITH {PAGE},
    repositories_named AS (
        INSERT INTO repositories AS r (instance_id, external_id, name, url, default_branch)
        SELECT DISTINCT ON (p.repository)
               :instance, p.repository, p.repository_name, p.repository_url, p.default_branch
        FROM page p
        LEFT JOIN repositories k ON k.instance_id = :instance AND k.external_id = p.repository
        WHERE p.repository IS NOT NULL AND p.repository_name IS NOT NULL
          AND (k.id IS NULL
               OR (k.name, k.url, k.default_branch) IS DISTINCT FROM
                  (p.repository_name, coalesce(p.repository_url, k.url), coalesce(p.default_branch, k.default_branch))
               AND NOT EXISTS (SELECT FROM pipelines l JOIN builds b ON b.pipeline_id = l.id
                               WHERE l.repository_id = k.id AND b.queued_at > p.queued_at))
        ORDER BY p.repository, p.queued_at DESC, p.repository_name DESC
        ON CONFLICT (instance_id, external_id) DO UPDATE
        SET name = excluded.name, url = coalesce(excluded.url, r.url),
            default_branch = coalesce(excluded.default_branch, r.default_branch)
        RETURNING id, external_id
    ),
    repository_ids AS (
        SELECT id, external_id FROM repositories
        WHERE instance_id = :instance AND external_id IN (SELECT repository FROM page)
        UNION SELECT id, external_id FROM repositories_named
    ),
    pipelines_named AS (
        INSERT INTO pipelines AS l (instance_id, external_id, project_id, source_id, repository_id, name, url,
                                    default_branch)
        SELECT DISTINCT ON (p.pipeline)
               :instance, p.pipeline, coalesce(s.project_id, 1), s.id, r.id, p.pipeline_name, p.pipeline_url,
               p.default_branch
        FROM page p
        LEFT JOIN sources s ON s.id = :source
        LEFT JOIN repository_ids r ON r.external_id = p.repository
        LEFT JOIN pipelines k ON k.instance_id = :instance AND k.external_id = p.pipeline
        WHERE k.id IS NULL
           OR (k.name, k.url, k.default_branch, k.source_id, k.repository_id) IS DISTINCT FROM
              (p.pipeline_name, coalesce(p.pipeline_url, k.url), coalesce(p.default_branch, k.default_branch),
               coalesce(s.id, k.source_id), coalesce(r.id, k.repository_id))
           AND NOT EXISTS (SELECT FROM builds b WHERE b.pipeline_id = k.id AND b.queued_at > p.queued_at)
        ORDER BY p.pipeline, p.queued_at DESC, p.pipeline_name DESC
        ON CONFLICT (instance_id, external_id) DO UPDATE
        SET name = excluded.name, url = coalesce(excluded.url, l.url),
            default_branch = coalesce(excluded.default_branch, l.default_branch),
            source_id = coalesce(excluded.source_id, l.source_id),
            repository_id = coalesce(excluded.repository_id, l.repository_id)
        RETURNING xmax = 0 AS is_new
    ),
    branches_named AS (
        INSERT INTO branches (repository_id, name)
        SELECT DISTINCT r.id, p.branch
        FROM page p JOIN repository_ids r ON r.external_id = p.repository
        WHERE p.branch IS NOT NULL
          AND NOT EXISTS (SELECT FROM branches k WHERE k.repository_id = r.id AND k.name = p.branch)
        ORDER BY r.id, p.branch
        ON CONFLICT DO NOTHING
    ),
    commits_named AS (
        INSERT INTO commits AS c (repository_id, sha, message, author, committed_at)
        SELECT DISTINCT ON (r.id, p.commit_sha)
               r.id, p.commit_sha, p.commit_message, p.commit_author, p.committed_at
        FROM page p JOIN repository_ids r ON r.external_id = p.repository
        WHERE p.commit_sha IS NOT NULL
        ORDER BY r.id, p.commit_sha, p.committed_at NULLS LAST
        ON CONFLICT (repository_id, sha) DO UPDATE
        SET message = coalesce(c.message, excluded.message), author = coalesce(c.author, excluded.author),
            committed_at = coalesce(c.committed_at, excluded.committed_at)
        WHERE c.message IS NULL AND excluded.message IS NOT NULL
           OR c.author IS NULL AND excluded.author IS NOT NULL
           OR c.committed_at IS NULL AND excluded.committed_at IS NOT NULL
    )
    SELECT count(*) FILTER (WHERE is_new) FROM pipelines_named
""").bindparams(bindparam("source", type_=BigInteger()))
"""Repositories, pipelines, branches and commits that the page names; returns how many pipelines are new."""

# No provider lets a run live longer (GitHub: 35 days); beyond it, and below zero, a clock was wrong: unknown, never 0.
_DURATION = """
    CASE WHEN NOT {0}.is_finish_guessed THEN {0}.duration_seconds
         WHEN {1} - {2} BETWEEN interval '0' AND interval '36 days' THEN extract(epoch FROM {1} - {2}) END
"""

INSERT_BUILDS = text(f"""
    WITH {PAGE}
    INSERT INTO builds (pipeline_id, project_id, external_id, formerly, number, attempt, version, status, raw_status,
                        is_finished, is_unstable, cancel_reason, pipeline_name, branch, commit_sha, commit_message,
                        author, event, queued_at, started_at, finished_at, duration_seconds, queued_seconds, progress,
                        web_url, metadata)
    SELECT DISTINCT ON (l.id, p.external_id)
           l.id, l.project_id, p.external_id, max(p.formerly) OVER build, max(p.number) OVER build, p.attempt,
           count(*) OVER build,
           p.status, p.raw_status, p.is_finished, p.is_unstable, p.cancel_reason, p.pipeline_name,
           max(p.branch) OVER build, max(p.commit_sha) OVER build, max(p.commit_message) OVER build,
           max(p.author) OVER build, max(p.event) OVER build, min(p.queued_at) OVER build,
           p.started_at, p.finished_at, {_DURATION.format("p", "p.finished_at", "p.started_at")}, p.queued_seconds,
           p.progress, p.web_url, (max(p.metadata::text) OVER build)::jsonb
    FROM page p
    JOIN pipelines l ON l.instance_id = :instance AND l.external_id = p.pipeline
    WHERE NOT EXISTS (SELECT FROM builds b WHERE b.pipeline_id = l.id AND b.external_id = p.external_id)
    WINDOW build AS (PARTITION BY l.id, p.external_id)
    ORDER BY l.id, p.external_id, p.attempt DESC
    ON CONFLICT (pipeline_id, external_id) DO NOTHING
    RETURNING id
""")
"""New builds, already as their greatest attempt stands, so that the merge need not write them again."""

_KNOWN = """
    FROM page p
    JOIN pipelines l ON l.instance_id = :instance AND l.external_id = p.pipeline
    JOIN builds b ON b.pipeline_id = l.id AND b.external_id = p.external_id
"""

LOCK_BUILDS = text("""
    SELECT count(*) FROM (
        SELECT b.id
        FROM unnest(CAST(:pipelines AS text[]), CAST(:external_ids AS text[])) AS p (pipeline, external_id)
        JOIN pipelines l ON l.instance_id = :instance AND l.external_id = p.pipeline
        JOIN builds b ON b.pipeline_id = l.id AND b.external_id = p.external_id
        ORDER BY b.id FOR NO KEY UPDATE OF b) locked
""")
"""Lock the page's builds; the old state is read by the next statement, whose snapshot is taken under these locks."""

_WINS = "CASE WHEN wins THEN p.{0} ELSE a.{0} END AS {0}"
_STATE = ", ".join(
    _WINS.format(column)
    for column in ("status", "raw_status", "is_finished", "is_unstable", "cancel_reason", "started_at", "merge_key")
)

# `builds_seen` has one row a build: its greatest attempt of the page, and what any of its rows says. Postgres expects
# one row of a page, and would join two lists of many by comparing each with each.
MERGE = text(f"""
    WITH {PAGE},
    weighed AS (
        SELECT b.id AS build_id, b.project_id, p.attempt, a.status AS from_status, a.is_finished AS was_finished,
               a.build_id IS NULL AS is_new_attempt, w.wins, {_STATE},
               CASE WHEN a.is_finished AND p.is_finished AND p.is_finish_guessed
                    THEN least(p.finished_at, a.finished_at)
                    WHEN w.wins THEN p.finished_at ELSE a.finished_at END AS finished_at,
               CASE WHEN w.wins THEN p.duration_seconds ELSE a.duration_seconds END AS duration_seconds,
               p.is_finish_guessed, p.progress,
               least(p.queued_seconds, a.queued_seconds) AS queued_seconds,
               greatest(a.web_url, p.web_url) AS web_url, coalesce(a.has_jobs, false) OR p.has_jobs AS has_jobs,
               p.queued_at, p.number, p.branch, p.commit_sha, p.commit_message, p.author, p.event, p.formerly,
               p.metadata,
               CASE WHEN b.id = ANY(:inserted) THEN 0 ELSE b.version END AS version,
               b.id = ANY(:inserted) AS is_new_build, b.is_finished AS was_build_finished,
               {IS_REGROUPED} AS is_regrouped, b.attempt AS head,
               greatest(b.attempt, max(p.attempt) OVER (PARTITION BY b.id)) AS new_head
        {_KNOWN}
        LEFT JOIN attempts a ON a.build_id = b.id AND a.number = p.attempt
        CROSS JOIN LATERAL (SELECT a.build_id IS NULL OR {_BEATS} AS wins) w
    ),
    merged AS (
        SELECT w.*, {_DURATION.format("w", "w.finished_at", "w.started_at")} AS duration,
               is_new_attempt OR wins AND (from_status, was_finished) <> (status, is_finished) AS is_transition
        FROM weighed w
    ),
    attempts_written AS (
        INSERT INTO attempts AS a (build_id, number, status, raw_status, is_finished, is_unstable, cancel_reason,
                                   started_at, finished_at, duration_seconds, queued_seconds, web_url, has_jobs,
                                   merge_key)
        SELECT build_id, attempt, status, raw_status, is_finished, is_unstable, cancel_reason,
               started_at, finished_at, duration, queued_seconds, web_url, has_jobs, merge_key
        FROM merged
        ON CONFLICT (build_id, number) DO UPDATE
        SET status = excluded.status, raw_status = excluded.raw_status, is_finished = excluded.is_finished,
            is_unstable = excluded.is_unstable, cancel_reason = excluded.cancel_reason,
            started_at = excluded.started_at, finished_at = excluded.finished_at,
            duration_seconds = excluded.duration_seconds, queued_seconds = excluded.queued_seconds,
            web_url = excluded.web_url, has_jobs = excluded.has_jobs, merge_key = excluded.merge_key,
            recorded_at = clock_timestamp()
        WHERE (a.merge_key, a.raw_status, a.finished_at, a.queued_seconds, a.web_url, a.has_jobs)
              IS DISTINCT FROM (excluded.merge_key, excluded.raw_status, excluded.finished_at,
                                excluded.queued_seconds, excluded.web_url, excluded.has_jobs)
    ),
    numbered AS (
        SELECT build_id, project_id, attempt, from_status, status, attempt < new_head AS is_superseded,
               version + row_number() OVER (PARTITION BY build_id ORDER BY attempt) AS version,
               row_number() OVER (ORDER BY queued_at, build_id, attempt) AS ordinal,
               coalesce(CASE WHEN is_finished THEN finished_at WHEN status = 'running' THEN started_at END,
                        CASE WHEN is_new_attempt AND attempt = 1 THEN queued_at END, clock_timestamp()) AS at
        FROM merged WHERE is_transition
    ),
    builds_seen AS (
        SELECT DISTINCT ON (build_id)
               merged.*, attempt >= head AS is_head,
               version + count(*) FILTER (WHERE is_transition) OVER build AS new_version,
               max(number) OVER build AS any_number, max(branch) OVER build AS any_branch,
               max(commit_sha) OVER build AS any_commit_sha, max(commit_message) OVER build AS any_commit_message,
               max(author) OVER build AS any_author, max(event) OVER build AS any_event,
               max(formerly) OVER build AS any_formerly, max(metadata::text) OVER build AS any_metadata,
               {OF_THE_BUILD}
        FROM merged
        WINDOW build AS (PARTITION BY build_id)
        ORDER BY build_id, attempt DESC
    ),
    builds_written AS (
        UPDATE builds b
        SET attempt = CASE WHEN s.is_head THEN s.attempt ELSE b.attempt END, version = s.new_version,
            status = CASE WHEN s.is_head THEN s.status ELSE b.status END,
            raw_status = CASE WHEN s.is_head THEN s.raw_status ELSE b.raw_status END,
            is_finished = CASE WHEN s.is_head THEN s.is_finished ELSE b.is_finished END,
            is_unstable = CASE WHEN s.is_head THEN s.is_unstable ELSE b.is_unstable END,
            cancel_reason = CASE WHEN s.is_head THEN s.cancel_reason ELSE b.cancel_reason END,
            started_at = CASE WHEN s.is_head THEN s.started_at ELSE b.started_at END,
            finished_at = CASE WHEN s.is_head THEN s.finished_at ELSE b.finished_at END,
            duration_seconds = CASE WHEN s.is_head THEN s.duration ELSE b.duration_seconds END,
            queued_seconds = CASE WHEN s.is_head THEN s.queued_seconds ELSE b.queued_seconds END,
            progress = CASE WHEN s.is_head AND s.wins THEN s.progress ELSE b.progress END,
            number = coalesce(b.number, s.any_number), branch = coalesce(b.branch, s.any_branch),
            commit_sha = coalesce(b.commit_sha, s.any_commit_sha),
            commit_message = coalesce(b.commit_message, s.any_commit_message),
            author = coalesce(b.author, s.any_author), event = coalesce(b.event, s.any_event),
            formerly = coalesce(b.formerly, s.any_formerly),
            metadata = coalesce(b.metadata, s.any_metadata::jsonb),
            web_url = CASE WHEN s.is_head THEN s.web_url ELSE b.web_url END,
            recorded_at = clock_timestamp()
        FROM builds_seen s
        WHERE b.id = s.build_id AND NOT s.is_new_build
    ),
    {CHANGES_WRITTEN}
    SELECT count(*) AS transitions, CAST(json_agg(n) AS text) AS document
    FROM (SELECT build_id, project_id, attempt, version, from_status, status AS to_status, is_superseded, at, ordinal
          FROM numbered) n
""").bindparams(bindparam("inserted", type_=ARRAY(BigInteger)))
"""Attempts take the greater of what is stored and what was seen, builds show their greatest attempt.

What that changes in the figures goes to `metric_changes`.
Returns the changes of status as the JSON document that `events.append` takes, oldest build first.
"""

MERGE_JOBS = text(f"""
    WITH {PAGE}
    INSERT INTO jobs AS k (build_id, attempt, external_id, name, stage, status, raw_status, is_finished, queued_at,
                           started_at, finished_at, runner, web_url, merge_key)
    SELECT b.id, p.attempt, j.external_id, j.name, j.stage, j.status, j.raw_status, j.is_finished, j.queued_at,
           j.started_at, j.finished_at, j.runner, j.web_url, j.merge_key
    {_KNOWN}
    CROSS JOIN LATERAL json_to_recordset(p.jobs) AS j {JOB}
    WHERE p.has_jobs
    ORDER BY b.id, p.attempt, j.external_id
    ON CONFLICT (build_id, attempt, external_id) DO UPDATE
    SET name = excluded.name, stage = excluded.stage, status = excluded.status, raw_status = excluded.raw_status,
        is_finished = excluded.is_finished, queued_at = excluded.queued_at, started_at = excluded.started_at,
        finished_at = excluded.finished_at, runner = excluded.runner, web_url = excluded.web_url,
        merge_key = excluded.merge_key
    WHERE (excluded.merge_key, excluded.raw_status COLLATE "C") > (k.merge_key, k.raw_status COLLATE "C")
""")
