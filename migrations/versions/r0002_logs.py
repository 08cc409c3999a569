"""Logs on demand: who asked for which, and what was stored"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    _requests()
    _logs()


def _requests() -> None:
    op.create_table(
        "log_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("job_external_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'requested'"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("requested_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("again_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'fetching', 'stored', 'gone', 'failed')", name=op.f("ck_log_requests_state_word")
        ),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_log_requests_build_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_requests")),
        sa.UniqueConstraint(
            "build_id", "attempt", "job_external_id", name=op.f("uq_log_requests_build_id_attempt_job_external_id")
        ),
    )
    op.create_index(
        "ix_log_requests_open",
        "log_requests",
        ["requested_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('requested', 'fetching')"),
    )


def _logs() -> None:
    op.create_table(
        "logs",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("block_ends", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("text_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("is_truncated", sa.Boolean(), nullable=False),
        sa.Column("masked", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_logs_build_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("build_id", "attempt", "part", name=op.f("pk_logs")),
    )
    # It is compressed already; kept as it is, a piece of it can be read without reading all of it.
    op.execute("ALTER TABLE logs ALTER COLUMN content SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("logs")
    op.drop_table("log_requests")
