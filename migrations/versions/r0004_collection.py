"""Collection that can be trusted: receipts, validators, discovery, backfills, counted errors, who told us first"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
ZERO = sa.text("0")


def upgrade() -> None:
    _known_sources()
    _receipts()
    _validators()
    _watches()
    _backfills()
    _errors()
    _ranges()
    _health()
    _reloads()


def _known_sources() -> None:
    """What a source is besides its scope, whose credential it uses, and who told of a change first."""
    op.add_column("sources", sa.Column("external_id", sa.Text(), nullable=True))
    op.add_column("sources", sa.Column("pattern", sa.Text(), nullable=True))
    op.add_column("sources", sa.Column("archived_at", INSTANT, nullable=True))
    op.add_column("sources", sa.Column("credential", sa.Text(), nullable=True))
    op.add_column("sources", sa.Column("interval_reason", sa.Text(), nullable=True))
    op.create_index(
        "uq_sources_instance_id_external_id",
        "sources",
        ["instance_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.add_column("credentials", sa.Column("lease_owner", sa.Text(), nullable=True))
    op.add_column("credentials", sa.Column("lease_until", INSTANT, nullable=True))
    op.add_column("credentials", sa.Column("window_seconds", sa.Integer(), nullable=True))
    op.add_column("credentials", sa.Column("strikes", sa.Integer(), server_default=ZERO, nullable=False))
    op.add_column("events", sa.Column("via", sa.Text(), nullable=True))
    op.create_index("ix_events_recorded_at", "events", ["recorded_at"], postgresql_using="brin")


def _receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=True),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'received'"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("seen", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=ZERO, nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=ZERO, nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("changed", sa.Integer(), nullable=True),
        sa.Column("is_late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("at", INSTANT, nullable=True),
        sa.Column("received_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("last_received_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("next_try_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "state IN ('received', 'processing', 'done', 'ignored', 'parked')", name=op.f("ck_receipts_state_word")
        ),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_receipts_instance_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_receipts_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("instance_id", "body_sha256", name=op.f("uq_receipts_instance_id_body_sha256")),
    )
    op.create_index(
        "ix_receipts_open",
        "receipts",
        ["next_try_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('received', 'processing')"),
    )
    op.create_index("ix_receipts_received_at", "receipts", ["received_at"], unique=False)


def _validators() -> None:
    op.create_table(
        "http_validators",
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("url_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("noted_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_http_validators_source_id")),
        sa.PrimaryKeyConstraint("credential", "url_sha256", name=op.f("pk_http_validators")),
    )
    op.create_index("ix_http_validators_source_id", "http_validators", ["source_id"], unique=False)


def _watches() -> None:
    op.create_table(
        "watches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("exclude", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("next_look_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default=ZERO, nullable=False),
        sa.Column("found", sa.Integer(), nullable=True),
        sa.Column("last_ok_at", INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), server_default=ZERO, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_watches_instance_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watches")),
        sa.UniqueConstraint("instance_id", "pattern", name=op.f("uq_watches_instance_id_pattern")),
    )


def _backfills() -> None:
    op.create_table(
        "backfills",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("reached", INSTANT, nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("builds", sa.BigInteger(), server_default=ZERO, nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default=ZERO, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("requested_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'cancelled')", name=op.f("ck_backfills_state_word")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_backfills_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
    )
    op.create_index(
        "uq_backfills_open",
        "backfills",
        ["source_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )


def _errors() -> None:
    op.create_table(
        "collector_errors",
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seen", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("example", sa.Text(), nullable=False),
        sa.Column("first_seen_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("last_seen_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_collector_errors_source_id")),
        sa.PrimaryKeyConstraint("source_id", "kind", name=op.f("pk_collector_errors")),
    )


def _ranges() -> None:
    """Commits between two: what a compare call or a push told."""
    op.create_table(
        "commit_parents",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("parent_sha", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), server_default=ZERO, nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_commit_parents_repository_id")),
        sa.PrimaryKeyConstraint("repository_id", "sha", "parent_sha", name=op.f("pk_commit_parents")),
    )
    op.create_table(
        "compared",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("base_sha", sa.Text(), nullable=False),
        sa.Column("head_sha", sa.Text(), nullable=False),
        sa.Column("shas", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("is_complete", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("compared_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=op.f("fk_compared_repository_id")),
        sa.PrimaryKeyConstraint("repository_id", "base_sha", "head_sha", name=op.f("pk_compared")),
    )
    op.add_column("branches", sa.Column("head_sha", sa.Text(), nullable=True))
    op.add_column("branches", sa.Column("before_sha", sa.Text(), nullable=True))
    op.add_column("branches", sa.Column("moved_at", INSTANT, nullable=True))
    op.add_column("branches", sa.Column("deleted_at", INSTANT, nullable=True))


def _health() -> None:
    """Parts of ourselves that fell silent, each told once as an event of the log."""
    op.create_table(
        "health",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=ZERO, nullable=False),
        sa.Column("since", INSTANT, server_default=NOW, nullable=False),
        sa.Column("heard_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health")),
        sa.UniqueConstraint("subject", name=op.f("uq_health_subject")),
    )


def _reloads() -> None:
    """A process is asked to read its configuration again, and says what came of it."""
    op.alter_column("sources", "origin", comment="config | added | found", existing_comment="config | added")
    op.add_column("processes", sa.Column("reload_asked_at", INSTANT, nullable=True))
    op.add_column("processes", sa.Column("reloaded_at", INSTANT, nullable=True))
    op.add_column("processes", sa.Column("reload_outcome", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    for column in ("reload_outcome", "reloaded_at", "reload_asked_at"):
        op.drop_column("processes", column)
    op.alter_column("sources", "origin", comment="config | added", existing_comment="config | added | found")
    for table in (
        "health",
        "compared",
        "commit_parents",
        "collector_errors",
        "backfills",
        "watches",
        "http_validators",
        "receipts",
    ):
        op.drop_table(table)
    for column in ("deleted_at", "moved_at", "before_sha", "head_sha"):
        op.drop_column("branches", column)
    op.drop_index("ix_events_recorded_at", "events")
    op.drop_column("events", "via")
    for column in ("strikes", "window_seconds", "lease_until", "lease_owner"):
        op.drop_column("credentials", column)
    op.drop_index("uq_sources_instance_id_external_id", "sources")
    for column in ("interval_reason", "credential", "archived_at", "pattern", "external_id"):
        op.drop_column("sources", column)
