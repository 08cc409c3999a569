"""The builds of the data sets as SQL: build number `n` is the same build in every set that has it.

Every column is a function of `n` alone, drawn by Postgres' own hash: the same on every machine of one major version.
"""

from collections.abc import Sequence

from benchmarks import vocabulary as words
from shared.search import CHUNK_SQL, PREFIX_SQL

FULL = 10_000_000
PIPELINES = 2_000
REPOSITORIES = 300
PROJECTS = 12
AUTHORS = len(words.FIRST_NAMES) * len(words.LAST_NAMES)
SPACING_SECONDS = 365 * 86_400 / FULL


def _list(values: Sequence[str]) -> str:
    return f"(ARRAY[{', '.join(map(repr, values))}])"


def _draw(seed: int, of: str = "n") -> str:
    """A number from 0 (included) to 1 (excluded) as SQL."""
    return f"((hashint8extended({of}, {seed}) & 2147483647) / 2147483648.0::float8)"


def _pick(values: Sequence[str], seed: int, of: str = "n") -> str:
    return f"{_list(values)}[1 + floor({_draw(seed, of)} * {len(values)})::int]"


CATALOG = [
    """INSERT INTO instances (name, provider, base_url) VALUES
           ('github.com', 'github', 'https://api.github.com'), ('gitlab.com', 'gitlab', 'https://gitlab.com'),
           ('jenkins.acme.test', 'jenkins', 'https://jenkins.acme.test')""",
    """INSERT INTO sources (instance_id, scope, baseline_at, next_poll_at, last_poll_at, last_ok_at)
       SELECT id, 'acme', now(), now() + interval '100 years', now(), now() FROM instances ORDER BY id""",
    f"""INSERT INTO projects (key, name, team)
        SELECT 'team-' || n, 'Team ' || n, 'team-' || n FROM generate_series(2, {PROJECTS}) n ORDER BY n""",
    f"""INSERT INTO repositories (instance_id, external_id, name, url, default_branch)
        SELECT CASE WHEN r % 10 < 6 THEN 1 WHEN r % 10 < 9 THEN 2 ELSE 3 END, r::text AS external_id,
               'acme/' || {_list(words.SERVICES)}[1 + r % {len(words.SERVICES)}] || '-' || r,
               'https://code.acme.test/acme/' || r, CASE WHEN r % 10 = 5 THEN 'master' ELSE 'main' END
        FROM generate_series(0, {REPOSITORIES - 1}) r ORDER BY r""",
    f"""INSERT INTO pipelines (instance_id, external_id, project_id, source_id, repository_id, name, default_branch)
        SELECT r.instance_id, r.external_id || '/' || p, 1 + (r.id - 1) % {PROJECTS}, r.instance_id, r.id,
               {_list(words.PIPELINES)}[1 + p / {REPOSITORIES}], r.default_branch
        FROM generate_series(0, {PIPELINES - 1}) p JOIN repositories r ON r.id = 1 + p % {REPOSITORIES} ORDER BY p""",
]
"""What the builds belong to; pipeline `p` has the id `p + 1`, and `p % 300` is its repository."""

PROFILES = f"""
    CREATE TEMPORARY TABLE profiles AS
    SELECT p, p % {REPOSITORIES} AS r, id AS pipeline_id, project_id, name, repository, default_branch, provider,
           share, sum(share) OVER (PARTITION BY repository_id) AS repository_share,
           ln(40 + 2000 * {_draw(1, "p")} ^ 3) AS ln_seconds, 0.15 + 0.35 * {_draw(2, "p")} AS spread
    FROM (SELECT c.*, i.provider, r.name AS repository, c.id - 1 AS p,
                 (c.id / {PIPELINES}.0::float8) ^ (1 / 3.0) - ((c.id - 1) / {PIPELINES}.0::float8) ^ (1 / 3.0) AS share
          FROM pipelines c JOIN instances i ON i.id = c.instance_id JOIN repositories r ON r.id = c.repository_id) c
"""
"""What tells one pipeline's builds from another's: its share of all builds (the first has 8 %), how long they take."""

# The draws, then what they mean for this pipeline, then the instants: each layer once a row, hence the OFFSET 0.
_DRAWN = f"""
    SELECT n, to_timestamp(:newest - ({FULL} - 1 - n) * {SPACING_SECONDS}::float8) AS queued_at,
           floor({PIPELINES} * {_draw(10)} ^ 3)::bigint AS p, {_draw(11)} AS at_branch, {_draw(12)} AS at_status,
           -20 * ln(1 - {_draw(13)}) AS wait, {_draw(14)} AS at_attempt,
           sqrt(-2 * ln(1 - {_draw(15)})) * cos(2 * pi() * {_draw(16)}) AS z
    FROM generate_series(:first, :last) n OFFSET 0
"""

_STATUS = """
    CASE WHEN at_status < 0.05 THEN 'cancelled' WHEN at_status < 0.07 THEN 'skipped'
         WHEN at_status < 0.08 THEN 'timed_out'
         WHEN at_status < CASE WHEN at_branch >= 0.5 THEN 0.218 WHEN {is_bad} THEN 0.9 ELSE 0.117 END THEN 'failed'
         ELSE 'succeeded' END
"""

# On the default branch failures come in a row: of eight builds of a pipeline most fail, or hardly one.
_JUDGED = f"""
    SELECT d.*, r, pipeline_id, project_id, name, repository, default_branch, provider, share, repository_share,
           ln_seconds, spread, floor(n * share)::bigint AS number, floor(n * repository_share / 15)::bigint AS topic,
           {_STATUS.format(is_bad=f"{_draw(20, 'floor(n * share / 8)::bigint * 4099 + d.p')} < 0.08")} AS fate
    FROM ({_DRAWN}) d JOIN profiles q ON q.p = d.p OFFSET 0
"""

_TIMED = """
    SELECT j.*, queued_at + wait * interval '1 second' AS began,
           CASE fate WHEN 'timed_out' THEN 3600 WHEN 'skipped' THEN 0
                     ELSE exp(ln_seconds + spread * z) * CASE fate WHEN 'cancelled' THEN 0.4 ELSE 1 END
                          * CASE WHEN p % 50 = 7 AND queued_at > to_timestamp(:newest) - interval '3 days'
                                 THEN 1.4 ELSE 1 END END AS seconds,
           CASE WHEN at_attempt < 0.0323 AND fate IN ('succeeded', 'failed') THEN 2 ELSE 1 END AS attempts
    FROM ({}) j OFFSET 0
"""

_LIVED = f"""
    SELECT t.*, n - :first + 1 AS id, began + seconds * (attempts * 2 - 1) * interval '1 second' AS ended,
           CASE WHEN began > to_timestamp(:newest) THEN 'queued'
                WHEN began + seconds * (attempts * 2 - 1) * interval '1 second' > to_timestamp(:newest) THEN 'running'
                ELSE fate END AS status,
           CASE WHEN began + seconds * (attempts * 2 - 1) * interval '1 second' > to_timestamp(:newest) THEN 1
                ELSE attempts END AS attempt
    FROM ({_TIMED.format(_JUDGED)}) t OFFSET 0
"""

_BRANCH = f"""
    CASE WHEN at_branch < 0.5 THEN default_branch WHEN at_branch < 0.54 THEN 'develop'
         WHEN at_branch < 0.58 THEN 'release/2.x' WHEN at_branch < 0.6 THEN 'release/1.x'
         ELSE 'feature/' || {_pick(words.SERVICES, 21, "topic")} || '-' || topic * {REPOSITORIES} + r END
"""

# A commit is built about twice by its repository's pipelines, sometimes twice by the same one: those can be flaky.
_COMMIT = "md5(r || branch || floor(n * repository_share / 1.4)) || 'c0ffee00'"

_AUTHOR = (
    f"{_list(words.FIRST_NAMES)}[1 + a % {len(words.FIRST_NAMES)}] || '.' || "
    f"{_list(words.LAST_NAMES)}[1 + a / {len(words.FIRST_NAMES)}]"
)

_MESSAGE = f"""
    {_pick(words.VERBS, 30)} || ' the ' || {_pick(words.THINGS, 31)} || ' of ' || {_pick(words.SERVICES, 32)}
    || CASE WHEN hashint8extended(n, 33) % 1000 = 0 THEN ' with a {words.UNCOMMON}' ELSE '' END
    || CASE WHEN n % 1000000 = 996000 THEN ' like a {words.RARE}' ELSE '' END
    || CASE WHEN {_draw(34)} < 0.3 THEN ' (ACME-' || topic * 7 % 90000 + 1000 || ')' ELSE '' END
"""

BUILDS = f"""
    SELECT l.*, {_AUTHOR} AS author, {_COMMIT} AS commit_sha, {_MESSAGE} AS commit_message,
           CASE WHEN at_branch < 0.45 THEN 'push' WHEN at_branch < 0.5 THEN 'schedule'
                WHEN at_branch < 0.63 THEN 'manual' WHEN provider = 'gitlab' THEN 'merge_request_event'
                ELSE 'pull_request' END AS event,
           CASE WHEN status <> 'cancelled' THEN NULL WHEN at_attempt < 0.6 THEN 'superseded'
                WHEN at_attempt < 0.9 THEN 'person' WHEN at_attempt < 0.95 THEN 'timeout' END AS cancel_reason,
           status NOT IN ('queued', 'running') AS is_finished,
           CASE WHEN status NOT IN ('queued', 'skipped') THEN began END AS started_at,
           CASE WHEN status NOT IN ('queued', 'running') THEN ended END AS finished_at,
           CASE WHEN status NOT IN ('queued', 'running', 'skipped') THEN round(seconds::numeric, 3)::float8
                END AS duration_seconds,
           CASE WHEN status NOT IN ('queued', 'skipped') THEN round(wait::numeric, 3)::float8 END AS queued_seconds
    FROM (SELECT *, {_BRANCH} AS branch, floor({AUTHORS} * {_draw(22)} ^ 2)::int AS a FROM ({_LIVED}) l OFFSET 0) l
"""
"""Every build from number `first` to `last`, the newest of which was queued at `newest` (seconds since 1970)."""

_RAW = "CASE WHEN is_finished THEN CASE status WHEN 'succeeded' THEN 'success' ELSE status END ELSE 'in_progress' END"
_MICROSECONDS = "coalesce((extract(epoch FROM {}) * 1000000)::bigint, -4611686018427387904)"
_MERGE_KEY = f"""ARRAY[is_finished::int::bigint, {_MICROSECONDS.format("coalesce(finished_at, started_at, queued_at)")},
                       length(status), {_MICROSECONDS.format("started_at")}, 0, 0, 0, 0, 0]"""
_WEB_URL = "'https://code.acme.test/' || repository || '/runs/' || (30000000000 + n)"

INSERT_BUILDS = f"""
    INSERT INTO builds (id, pipeline_id, project_id, external_id, number, attempt, version, status, raw_status,
                        is_finished, cancel_reason, pipeline_name, branch, commit_sha, commit_message, author, event,
                        queued_at, started_at, finished_at, duration_seconds, queued_seconds, web_url, recorded_at)
    OVERRIDING SYSTEM VALUE
    SELECT id, pipeline_id, project_id, (30000000000 + n)::text, number, attempt,
           CASE status WHEN 'queued' THEN 1 WHEN 'running' THEN 2 ELSE 1 + 2 * attempt END, status, {_RAW}, is_finished,
           cancel_reason, name, branch, commit_sha, commit_message, author, event, queued_at, started_at, finished_at,
           duration_seconds, queued_seconds, {_WEB_URL}, coalesce(finished_at, started_at, queued_at)
    FROM ({BUILDS}) b
"""

_FIRST_TRIES = f"""
    SELECT id AS build_id, 1 AS number, 'failed' AS status, true AS is_finished, NULL AS cancel_reason, started_at,
           started_at + seconds * interval '1 second' AS finished_at, queued_at,
           duration_seconds, queued_seconds, n, repository
    FROM ({BUILDS}) b WHERE attempt = 2
"""

INSERT_ATTEMPTS = f"""
    INSERT INTO attempts (build_id, number, status, raw_status, is_finished, cancel_reason, started_at, finished_at,
                          duration_seconds, queued_seconds, web_url, merge_key, recorded_at)
    SELECT build_id, number, status, {_RAW}, is_finished, cancel_reason, started_at, finished_at, duration_seconds,
           queued_seconds, {_WEB_URL}, {_MERGE_KEY}, coalesce(finished_at, started_at, queued_at)
    FROM (SELECT id AS build_id, attempt AS number, status, is_finished, cancel_reason,
                 CASE WHEN attempt = 2 THEN started_at + (seconds * 2) * interval '1 second' ELSE started_at END
                     AS started_at,
                 finished_at, queued_at, duration_seconds, queued_seconds, n, repository
          FROM ({BUILDS}) b UNION ALL {_FIRST_TRIES}) tries
"""

_EVENT = (
    "(pos, kind, subject_kind, subject_id, project_id, attempt, version, from_status, to_status, at, recorded_at, via)"
)

# Event k of a build that was tried once: queued, running, finished; of one that was tried again, two more.
_STEPS = """
    SELECT b.id, b.n, b.project_id, k,
           CASE WHEN k < 4 THEN 1 ELSE 2 END AS attempt,
           (ARRAY[NULL, 'queued', 'running', 'failed', 'running'])[k] AS from_status,
           CASE k WHEN 1 THEN 'queued' WHEN 2 THEN 'running' WHEN 4 THEN 'running'
                  WHEN 3 THEN CASE WHEN attempt = 2 THEN 'failed' ELSE status END ELSE status END AS to_status,
           CASE k WHEN 1 THEN queued_at WHEN 2 THEN began WHEN 3 THEN began + seconds * interval '1 second'
                  WHEN 4 THEN began + seconds * 2 * interval '1 second' ELSE ended END AS at
    FROM ({builds}) b CROSS JOIN generate_series({from_}, {to}) k
"""
_LIVED_ONCE = _STEPS.format(builds=BUILDS, from_=1, to=3)
_LIVED_ALL = _STEPS.format(
    builds=BUILDS, from_=1, to="CASE status WHEN 'queued' THEN 1 WHEN 'running' THEN 2 ELSE 1 + 2 * attempt END"
)
_LIVED_AGAIN = _STEPS.format(builds=f"{BUILDS} WHERE attempt = 2", from_=4, to=5)

# The newest builds live side by side, so their events are numbered by their instants; the older ones' three by three.
TAIL = 40_000

INSERT_EVENTS = f"""
    INSERT INTO events {_EVENT}
    SELECT 3 * (id - 1) + k, 'transition', 'build', id, project_id, attempt, k, from_status, to_status, at, at, 'poll'
    FROM ({_LIVED_ONCE}) steps
"""

INSERT_LAST_EVENTS = f"""
    INSERT INTO events {_EVENT}
    SELECT (SELECT coalesce(max(pos), 0) FROM events) + row_number() OVER (ORDER BY at, id, k), 'transition', 'build',
           id, project_id, attempt, k, from_status, to_status, at, at, 'poll'
    FROM (SELECT * FROM ({_LIVED_AGAIN}) again WHERE n <= :last - {TAIL}
          UNION ALL SELECT * FROM ({_LIVED_ALL}) newest WHERE n > :last - {TAIL}) steps
"""

_PREFIX = PREFIX_SQL.format(chunk=CHUNK_SQL.format(queued_at="queued_at"))

INSERT_WORDS = f"""
    INSERT INTO build_search (build_id, queued_at, words)
    SELECT id, queued_at, array_to_tsvector(array_remove(
               string_to_array(prefix || replace(texts, ' ', ' ' || prefix), ' '), prefix))
    FROM (SELECT id, queued_at, {_PREFIX} AS prefix,
                 translate(lower(name || ' ' || repository || ' ' || branch || ' ' || commit_sha || ' ' || author || ' '
                                 || commit_message), '/-.()', '     ') AS texts
          FROM ({BUILDS}) b OFFSET 0) b
"""
"""As `shared.words` takes texts apart, for texts that hold no other signs than these."""

INSERT_BRANCHES = """
    INSERT INTO branches (repository_id, name, first_seen_at)
    SELECT p.repository_id, b.branch, min(b.queued_at) FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
    GROUP BY p.repository_id, b.branch
"""

# `passed` counts a pipeline's good builds so far, so that a good one and the bad ones right after it share a number.
INSERT_INCIDENTS = """
    INSERT INTO incidents (pipeline_id, branch, project_id, status, opened_at, last_failed_at, fixed_at, failures,
                           first_bad_build_id, first_bad_attempt, last_bad_build_id, last_bad_attempt,
                           last_good_build_id, last_good_attempt, fixed_build_id, fixed_attempt, is_silent, recorded_at)
    SELECT pipeline_id, branch, project_id, CASE WHEN fixed_at IS NULL THEN 'broken' ELSE 'fixed' END, opened_at,
           last_failed_at, fixed_at, failures, first_bad, 1, last_bad, 1, good, good_attempt, fixed_by, fixed_attempt,
           false, opened_at
    FROM (SELECT *, lead(good) OVER later AS fixed_by, lead(good_attempt) OVER later AS fixed_attempt,
                 CASE WHEN lead(good) OVER later IS NOT NULL
                      THEN greatest(lead(good_at) OVER later, last_failed_at) END AS fixed_at
          FROM (SELECT pipeline_id, passed, min(branch) AS branch, min(project_id) AS project_id,
                       min(id) FILTER (WHERE is_bad) AS first_bad, max(id) FILTER (WHERE is_bad) AS last_bad,
                       min(finished_at) FILTER (WHERE is_bad) AS opened_at,
                       max(finished_at) FILTER (WHERE is_bad) AS last_failed_at,
                       count(*) FILTER (WHERE is_bad) AS failures, min(id) FILTER (WHERE NOT is_bad) AS good,
                       min(attempt) FILTER (WHERE NOT is_bad) AS good_attempt,
                       min(finished_at) FILTER (WHERE NOT is_bad) AS good_at
                FROM (SELECT b.id, b.pipeline_id, b.project_id, b.branch, b.attempt, b.finished_at,
                             b.status <> 'succeeded' AS is_bad,
                             count(*) FILTER (WHERE b.status = 'succeeded')
                                 OVER (PARTITION BY b.pipeline_id ORDER BY b.id) AS passed
                      FROM builds b JOIN pipelines p ON p.id = b.pipeline_id AND b.branch = p.default_branch
                      WHERE b.status IN ('succeeded', 'failed', 'timed_out')) verdicts
                GROUP BY pipeline_id, passed) runs
          WINDOW later AS (PARTITION BY pipeline_id ORDER BY passed)) runs
    WHERE first_bad IS NOT NULL ORDER BY opened_at
"""

ENDING = [
    "SELECT setval(pg_get_serial_sequence('builds', 'id'), (SELECT max(id) FROM builds))",
    """INSERT INTO cursors (name, pos) SELECT 'alerts', max(pos) FROM events
       ON CONFLICT (name) DO UPDATE SET pos = excluded.pos""",
]
