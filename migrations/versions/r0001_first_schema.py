"""The first schema"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
STATUS_WORDS = (
    "status IN ('unknown', 'queued', 'blocked', 'running', 'skipped', 'cancelled', 'succeeded', 'timed_out', 'failed')"
)


def upgrade() -> None:
    _watched()
    _named()
    _built()
    _told()
    _allowed()
    op.execute("INSERT INTO projects (key, name) VALUES ('default', 'Default')")
    op.execute("INSERT INTO stream DEFAULT VALUES")


def _watched() -> None:
    """What is watched, and by whom."""
    op.create_table(
        "projects",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("key", name=op.f("uq_projects_key")),
    )
    op.create_table(
        "instances",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sa.UniqueConstraint("name", name=op.f("uq_instances_name")),
    )
    op.create_table(
        "credentials",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("request_limit", sa.BigInteger(), nullable=True),
        sa.Column("remaining", sa.BigInteger(), nullable=True),
        sa.Column("reset_at", INSTANT, nullable=True),
        sa.Column("blocked_until", INSTANT, nullable=True),
        sa.Column("is_rejected", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_credentials_instance_id")),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_credentials")),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), server_default=sa.text("'config'"), nullable=False, comment="config | added"),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("interval_seconds", sa.Float(), server_default=sa.text("60"), nullable=False),
        sa.Column("next_poll_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("requested_at", INSTANT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cursor", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("baseline_at", INSTANT, nullable=True),
        sa.Column("last_poll_at", INSTANT, nullable=True),
        sa.Column("last_ok_at", INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_error_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_sources_instance_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_sources_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("instance_id", "scope", name=op.f("uq_sources_instance_id_scope")),
    )
    op.create_index(
        op.f("ix_sources_next_poll_at"),
        "sources",
        ["next_poll_at"],
        unique=False,
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("seen", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("first_seen_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("last_seen_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_quarantine_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint(
            "source_id", "kind", "external_id", "reason", name=op.f("uq_quarantine_source_id_kind_external_id_reason")
        ),
    )
    op.create_index(op.f("ix_quarantine_last_seen_at"), "quarantine", ["last_seen_at"], unique=False)
    op.create_table(
        "processes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("heartbeat_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processes")),
    )


def _named() -> None:
    """What builds are of: repositories, branches, commits, pipelines."""
    op.create_table(
        "repositories",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("default_branch", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_repositories_instance_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sa.UniqueConstraint("instance_id", "external_id", name=op.f("uq_repositories_instance_id_external_id")),
    )
    op.create_table(
        "branches",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_seen_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_branches_repository_id")),
        sa.PrimaryKeyConstraint("repository_id", "name", name=op.f("pk_branches")),
    )
    op.create_table(
        "commits",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("committed_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_commits_repository_id")),
        sa.PrimaryKeyConstraint("repository_id", "sha", name=op.f("pk_commits")),
    )
    op.create_table(
        "pipelines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("default_branch", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_pipelines_instance_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_pipelines_project_id")),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_pipelines_repository_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_pipelines_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipelines")),
        sa.UniqueConstraint("instance_id", "external_id", name=op.f("uq_pipelines_instance_id_external_id")),
    )
    op.create_index(op.f("ix_pipelines_repository_id"), "pipelines", ["repository_id"], unique=False)
    op.create_index(op.f("ix_pipelines_source_id"), "pipelines", ["source_id"], unique=False)


def _built() -> None:
    """Builds, their attempts, their jobs."""
    op.create_table(
        "builds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("formerly", sa.Text(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("raw_status", sa.Text(), nullable=False),
        sa.Column("is_finished", sa.Boolean(), nullable=False),
        sa.Column("is_unstable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("pipeline_name", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("commit_sha", sa.Text(), nullable=True),
        sa.Column("commit_message", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("duration_seconds", sa.Float(), nullable=True),
        sa.Column("queued_seconds", sa.Float(), nullable=True),
        sa.Column("progress", sa.Float(), nullable=True),
        sa.Column("web_url", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=True),
        sa.Column("merge_key", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("recorded_at", INSTANT, server_default=NOW, nullable=False),
        sa.CheckConstraint(STATUS_WORDS, name=op.f("ck_builds_status_word")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_builds_pipeline_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_builds")),
        sa.UniqueConstraint("pipeline_id", "external_id", name=op.f("uq_builds_pipeline_id_external_id")),
        postgresql_with={"fillfactor": 85},
    )
    op.create_index(
        "ix_builds_newest", "builds", [sa.literal_column("queued_at DESC"), sa.literal_column("id DESC")], unique=False
    )
    op.create_index(
        "ix_builds_open", "builds", ["pipeline_id"], unique=False, postgresql_where=sa.text("NOT is_finished")
    )
    op.create_index(
        "ix_builds_pipeline_newest",
        "builds",
        ["pipeline_id", sa.literal_column("queued_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_builds_formerly",
        "builds",
        ["pipeline_id", "formerly"],
        unique=False,
        postgresql_where=sa.text("formerly IS NOT NULL"),
    )
    op.create_index("ix_builds_rerun", "builds", ["pipeline_id"], unique=False, postgresql_where=sa.text("attempt > 1"))
    op.create_index(
        "ix_builds_status_newest",
        "builds",
        ["status", sa.literal_column("queued_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "attempts",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("raw_status", sa.Text(), nullable=False),
        sa.Column("is_finished", sa.Boolean(), nullable=False),
        sa.Column("is_unstable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("duration_seconds", sa.Float(), nullable=True),
        sa.Column("queued_seconds", sa.Float(), nullable=True),
        sa.Column("web_url", sa.Text(), nullable=True),
        sa.Column("has_jobs", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("merge_key", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("recorded_at", INSTANT, server_default=NOW, nullable=False),
        sa.CheckConstraint(STATUS_WORDS, name=op.f("ck_attempts_status_word")),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_attempts_build_id")),
        sa.PrimaryKeyConstraint("build_id", "number", name=op.f("pk_attempts")),
        postgresql_with={"fillfactor": 85},
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("raw_status", sa.Text(), nullable=False),
        sa.Column("is_finished", sa.Boolean(), nullable=False),
        sa.Column("queued_at", INSTANT, nullable=True),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("runner", sa.Text(), nullable=True),
        sa.Column("host_id", sa.BigInteger(), nullable=True),
        sa.Column("web_url", sa.Text(), nullable=True),
        sa.Column("merge_key", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.CheckConstraint(STATUS_WORDS, name=op.f("ck_jobs_status_word")),
        sa.ForeignKeyConstraint(
            ["build_id", "attempt"], ["attempts.build_id", "attempts.number"], name=op.f("fk_jobs_build_id_attempt")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("build_id", "attempt", "external_id", name=op.f("uq_jobs_build_id_attempt_external_id")),
    )
    op.create_index(
        "ix_jobs_unknown", "jobs", ["raw_status"], unique=False, postgresql_where=sa.text("status = 'unknown'")
    )


def _told() -> None:
    """The event log, who reads it, and what is told about it."""
    op.create_table(
        "stream",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("epoch", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_stream_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream")),
    )
    op.create_table(
        "events",
        sa.Column("pos", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=True),
        sa.Column("is_superseded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_backfill", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("pos", name=op.f("pk_events")),
    )
    op.create_index(
        op.f("ix_events_subject_kind_subject_id_pos"), "events", ["subject_kind", "subject_id", "pos"], unique=False
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pos", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    op.create_table(
        "verdicts",
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("is_announced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_verdicts_pipeline_id")),
        sa.PrimaryKeyConstraint("pipeline_id", "branch", name=op.f("pk_verdicts")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event_pos", sa.BigInteger(), nullable=False),
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("next_try_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("message", postgresql.JSONB(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'dead', 'expired')", name=op.f("ck_deliveries_state_word")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("receiver", "event_pos", name=op.f("uq_deliveries_receiver_event_pos")),
    )
    op.create_index(
        op.f("ix_deliveries_next_try_at"),
        "deliveries",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'sending')"),
    )


def _allowed() -> None:
    """Who may ask."""
    op.create_table(
        "keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["keys.id"], name=op.f("fk_keys_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
    )


TABLES = (
    "projects",
    "instances",
    "credentials",
    "sources",
    "quarantine",
    "processes",
    "repositories",
    "branches",
    "commits",
    "pipelines",
    "builds",
    "attempts",
    "jobs",
    "stream",
    "events",
    "cursors",
    "verdicts",
    "deliveries",
    "keys",
)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
