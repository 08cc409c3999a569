"""A database of many builds, made by SQL in seconds."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

PIPELINES = 200
START = datetime(2026, 1, 1, tzinfo=UTC)
SPACING = timedelta(seconds=20)

_STATUS = """(ARRAY['succeeded', 'succeeded', 'succeeded', 'succeeded', 'failed', 'succeeded', 'succeeded', 'cancelled',
                    'succeeded', 'skipped'])[1 + n % 10]"""


def fill(engine: Engine, builds: int) -> None:
    """Fill a migrated, empty database with `builds` finished builds over 200 pipelines, each with attempt and event.

    Build `n` is run `n` of pipeline `n % 200`, queued 20 s after the one before, so pages can name them by number.
    """
    statements = [
        "INSERT INTO instances (name, provider, base_url) VALUES ('github.com', 'github', 'https://api.github.com')",
        "INSERT INTO sources (instance_id, scope, baseline_at) VALUES (1, 'acme/web', now())",
        """INSERT INTO repositories (instance_id, external_id, name, default_branch)
           SELECT 1, n::text, 'acme/repository-' || n, 'main' FROM generate_series(0, 19) n""",
        """INSERT INTO pipelines (instance_id, external_id, project_id, source_id, repository_id, name, default_branch)
           SELECT 1, n % 20 || '/' || n, 1, 1, 1 + n % 20, 'pipeline ' || n, 'main'
           FROM generate_series(0, :pipelines - 1) n ORDER BY n""",
        """INSERT INTO branches (repository_id, name)
           SELECT r.id, 'branch-' || n FROM repositories r, generate_series(0, 49) n""",
        f"""INSERT INTO builds (pipeline_id, project_id, external_id, number, attempt, version, status, raw_status,
                                is_finished, pipeline_name, branch, commit_sha, commit_message, author, event,
                                queued_at, started_at, finished_at, duration_seconds, web_url)
            SELECT 1 + n % :pipelines, 1, n::text, n / :pipelines, 1, 1, {_STATUS}, 'completed', true,
                   'pipeline ' || n % :pipelines, 'branch-' || n % 50, md5(n::text) || '00000000',
                   'Change number ' || n || ' of many', 'author-' || n % 40, 'push', queued_at, queued_at,
                   queued_at + interval '5 minutes', 300, 'https://github.com/acme/runs/' || n
            FROM (SELECT n, :start + n * :spacing AS queued_at FROM generate_series(0, :builds - 1) n) numbers
            ORDER BY n""",
        """INSERT INTO attempts (build_id, number, status, raw_status, is_finished, started_at, finished_at,
                                 duration_seconds, web_url, merge_key)
           SELECT id, 1, status, raw_status, true, started_at, finished_at, 300, web_url,
                  ARRAY[0, 0, 0, 0, 0, 0, 0, 0, 0] FROM builds""",
        """INSERT INTO events (pos, kind, subject_kind, subject_id, project_id, attempt, version, to_status, at)
           SELECT row_number() OVER (ORDER BY id), 'transition', 'build', id, 1, 1, 1, status, finished_at
           FROM builds""",
    ]
    given = {"start": START, "spacing": SPACING, "pipelines": PIPELINES, "builds": builds}
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), given)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
