"""Incidents: a branch's failures from the first to the recovery, and what is told about them"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
FALSE = sa.text("false")
ZERO = sa.text("0")

# A branch that is broken today is shown as broken. Its first failure is the one that finished when it broke; what came
# between that one and the last was not counted. No event tells of it, so its version is 0.
OPEN_TODAY = """
    INSERT INTO incidents (pipeline_id, branch, project_id, version, status, opened_at, last_failed_at, failures,
                           first_bad_build_id, first_bad_attempt, last_bad_build_id, last_bad_attempt, is_silent)
    SELECT v.pipeline_id, v.branch, p.project_id, 0, 'broken', v.since, greatest(v.since, l.finished_at),
           CASE WHEN (f.build_id, f.attempt) <> (v.build_id, v.attempt) THEN 2 ELSE 1 END,
           coalesce(f.build_id, v.build_id), coalesce(f.attempt, v.attempt), v.build_id, v.attempt, NOT v.is_announced
    FROM verdicts v
    JOIN pipelines p ON p.id = v.pipeline_id
    LEFT JOIN attempts l ON l.build_id = v.build_id AND l.number = v.attempt
    LEFT JOIN LATERAL (
        SELECT b.id AS build_id, a.number AS attempt
        FROM builds b JOIN attempts a ON a.build_id = b.id
        WHERE b.pipeline_id = v.pipeline_id AND b.queued_at <= v.queued_at
          AND coalesce(b.branch, v.branch) = v.branch
          AND a.status IN ('failed', 'timed_out') AND a.finished_at = v.since
        ORDER BY b.queued_at, b.id, a.number LIMIT 1
    ) f ON true
    WHERE v.status IN ('failed', 'timed_out')
    ORDER BY v.since, v.pipeline_id, v.branch
"""

POINT_AT_THEM = """
    UPDATE verdicts v SET incident_id = i.id
    FROM incidents i WHERE i.pipeline_id = v.pipeline_id AND i.branch = v.branch
"""

# After a downgrade and another upgrade the log still tells of incidents that are no more; no new one gets their ids.
NEVER_AN_ID_AGAIN = """
    SELECT setval(pg_get_serial_sequence('incidents', 'id'), max(subject_id))
    FROM events WHERE subject_kind = 'incident' HAVING max(subject_id) IS NOT NULL
"""


def upgrade() -> None:
    _incidents()
    op.add_column("verdicts", sa.Column("passes", sa.Integer(), server_default=ZERO, nullable=False))
    op.add_column("verdicts", sa.Column("incident_id", sa.BigInteger(), nullable=True))
    op.add_column("deliveries", sa.Column("incident_id", sa.BigInteger(), nullable=True))
    op.add_column("verdicts", sa.Column("good_build_id", sa.BigInteger(), nullable=True))
    op.add_column("verdicts", sa.Column("good_attempt", sa.Integer(), nullable=True))
    op.execute(NEVER_AN_ID_AGAIN)
    op.execute(OPEN_TODAY)
    op.execute(POINT_AT_THEM)


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("last_failed_at", INSTANT, nullable=False),
        sa.Column("fixed_at", INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("flaps", sa.Integer(), server_default=ZERO, nullable=False),
        sa.Column("first_bad_build_id", sa.BigInteger(), nullable=False),
        sa.Column("first_bad_attempt", sa.Integer(), nullable=False),
        sa.Column("last_bad_build_id", sa.BigInteger(), nullable=False),
        sa.Column("last_bad_attempt", sa.Integer(), nullable=False),
        sa.Column("last_good_build_id", sa.BigInteger(), nullable=True),
        sa.Column("last_good_attempt", sa.Integer(), nullable=True),
        sa.Column("fixed_build_id", sa.BigInteger(), nullable=True),
        sa.Column("fixed_attempt", sa.Integer(), nullable=True),
        sa.Column("is_flaky", sa.Boolean(), server_default=FALSE, nullable=False),
        sa.Column("is_silent", sa.Boolean(), server_default=FALSE, nullable=False),
        sa.Column("recorded_at", INSTANT, server_default=NOW, nullable=False),
        sa.CheckConstraint("status IN ('broken', 'flapping', 'fixed')", name=op.f("ck_incidents_status_word")),
        sa.CheckConstraint("(status = 'fixed') = (fixed_at IS NOT NULL)", name=op.f("ck_incidents_fixed")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_incidents_pipeline_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(
        "uq_incidents_open",
        "incidents",
        ["pipeline_id", "branch"],
        unique=True,
        postgresql_where=sa.text("fixed_at IS NULL"),
    )
    op.create_index(
        "ix_incidents_newest",
        "incidents",
        [sa.literal_column("opened_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_incidents_branch_newest",
        "incidents",
        ["pipeline_id", "branch", sa.literal_column("opened_at DESC")],
        unique=False,
    )


def downgrade() -> None:
    op.drop_column("deliveries", "incident_id")
    op.drop_column("verdicts", "good_attempt")
    op.drop_column("verdicts", "good_build_id")
    op.drop_column("verdicts", "incident_id")
    op.drop_column("verdicts", "passes")
    op.drop_table("incidents")
