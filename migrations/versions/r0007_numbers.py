"""Numbers kept as they change, flakes, the words that builds are found by, and indexes for every filter"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")

# The scheduler counts what is on record; until then figures leave these pipelines out, and answers say how many.
COUNT_WHAT_IS_THERE = """
    INSERT INTO metric_members (pipeline_id, instance_id, project_id, repository_id, default_branch, is_counted)
    SELECT id, instance_id, project_id, repository_id, default_branch, false FROM pipelines
"""

# The words are taken apart as `shared.words` does, but for letters that only Unicode's rules would fold together.
FIND_WHAT_IS_THERE = """
    INSERT INTO build_search (build_id, queued_at, words)
    SELECT b.id, b.queued_at, array_to_tsvector(ARRAY(
        SELECT DISTINCT lpad(to_hex(floor(extract(epoch FROM b.queued_at))::bigint / 28800), 5, '0') || left(word, 40)
        FROM unnest(regexp_split_to_array(lower(concat_ws(' ',
            b.pipeline_name, r.name, b.branch, b.commit_sha, b.author, left(b.commit_message, 1000))),
            '[^[:alnum:]]+')) word
        WHERE word <> ''))
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id LEFT JOIN repositories r ON r.id = p.repository_id
"""


def upgrade() -> None:
    _cells()
    _flakes()
    _search()
    _telemetry()
    op.create_index("ix_builds_branch_newest", "builds", ["branch", sa.text("queued_at DESC"), sa.text("id DESC")])
    op.create_index("ix_builds_author_newest", "builds", ["author", sa.text("queued_at DESC"), sa.text("id DESC")])
    op.create_index("ix_builds_commit", "builds", ["commit_sha"], postgresql_using="hash")
    deploys = sa.text("event = 'deployment'")
    op.create_index("ix_builds_deployments", "builds", ["queued_at"], postgresql_where=deploys)
    told = ["pipeline_id", "branch", "opened_at"]
    op.create_index("ix_incidents_fixed", "incidents", ["fixed_at"], postgresql_include=told)


def _cells() -> None:
    op.create_table(
        "metric_changes",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("builds", sa.SmallInteger(), nullable=False),
        sa.Column("first_tries", sa.SmallInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("queued_ms", sa.BigInteger(), nullable=True),
        postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 2000},
    )
    op.create_table(
        "metric_members",
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("default_branch", sa.Text(), nullable=True),
        sa.Column("is_counted", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_metric_members_pipeline_id")),
        sa.PrimaryKeyConstraint("pipeline_id", name=op.f("pk_metric_members")),
    )
    uncounted = sa.text("NOT is_counted")
    op.create_index("ix_metric_members_uncounted", "metric_members", ["pipeline_id"], postgresql_where=uncounted)
    op.execute(COUNT_WHAT_IS_THERE)
    key = ("scope", "scope_id", "grain", "starts_at", "branch_class", "status", "cancel_reason")
    kinds: dict[str, Any] = {"scope_id": sa.BigInteger(), "starts_at": INSTANT}
    op.create_table(
        "metric_cells",
        *(sa.Column(name, kinds.get(name, sa.SmallInteger()), nullable=False) for name in key),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("builds", "first_tries", "flaky")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("timed", "waited")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("duration_ms", "queued_ms")),
        sa.Column("duration_bins", sa.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("duration_counts", sa.ARRAY(sa.Integer()), nullable=True),
        sa.Column("queued_bins", sa.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("queued_counts", sa.ARRAY(sa.Integer()), nullable=True),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_metric_cells")),
        postgresql_with={"fillfactor": 80},
    )


def _flakes() -> None:
    op.create_table(
        "flakes",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("commit_sha", sa.Text(), nullable=False),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("passed_attempt", sa.Integer(), nullable=False),
        sa.Column("failed_build_id", sa.BigInteger(), nullable=False),
        sa.Column("failed_attempt", sa.Integer(), nullable=False),
        sa.Column("recorded_at", INSTANT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_flakes_build_id")),
        sa.PrimaryKeyConstraint("build_id", name=op.f("pk_flakes")),
    )
    newest = [sa.text("queued_at DESC"), sa.text("build_id DESC")]
    op.create_index("ix_flakes_newest", "flakes", newest)
    op.create_index("ix_flakes_pipeline_newest", "flakes", ["pipeline_id", *newest])


def _search() -> None:
    op.create_table(
        "build_search",
        sa.Column("build_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("build_id", name=op.f("pk_build_search")),
    )
    op.execute(FIND_WHAT_IS_THERE)
    op.create_index(
        "ix_build_search_words",
        "build_search",
        ["words"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )


def _telemetry() -> None:
    zero = sa.text("0")
    op.create_table(
        "telemetry",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("pos", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("next_try_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("failures", sa.Integer(), server_default=zero, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_sent_at", INSTANT, nullable=True),
        sa.Column("active_told_at", INSTANT, nullable=True),
        sa.Column("active_told", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("sent", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("dropped", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("metrics_dropped", sa.BigInteger(), server_default=zero, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_telemetry_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telemetry")),
    )


def downgrade() -> None:
    op.drop_index("ix_incidents_fixed", table_name="incidents")
    for index in ("branch_newest", "author_newest", "commit", "deployments"):
        op.drop_index(f"ix_builds_{index}", table_name="builds")
    for table in ("telemetry", "build_search", "flakes", "metric_cells", "metric_members", "metric_changes"):
        op.drop_table(table)
