"""Alerts by routes: who is told what, what each receiver was last told, and why (not)"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
FALSE = sa.text("false")
ZERO = sa.text("0")

# What was sent so far is what the receivers were last told; of an incident that is over by now nothing is left to tell.
# What still waits is sent as it was planned.
TOLD_SO_FAR = """
    INSERT INTO tellings (receiver, incident_id, route, asked_by, told, told_version, told_failures, told_at)
    SELECT DISTINCT ON (d.receiver, i.id) d.receiver, i.id, 'default', ARRAY['default'],
           CASE d.kind WHEN 'flapping' THEN 'flapping' ELSE 'broken' END, i.version, i.failures, d.created_at
    FROM incidents i JOIN deliveries d ON d.incident_id = i.id AND d.kind IN ('broke', 'flapping')
    WHERE i.fixed_at IS NULL AND d.state IN ('pending', 'sending', 'sent')
    ORDER BY d.receiver, i.id, d.event_pos DESC
"""


def upgrade() -> None:
    _rules()
    _decisions()
    _threads()
    _deliveries()
    _tellings()
    _outages()
    op.execute(TOLD_SO_FAR)


def _rules() -> None:
    """Routes, receivers and silences; every change of one counts up the version, so that nobody reads them twice."""
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=ZERO, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_alert_rules_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rules")),
    )
    op.execute("INSERT INTO alert_rules DEFAULT VALUES")
    for table in ("routes", "receivers"):
        op.create_table(
            table,
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("origin", sa.Text(), nullable=False),
            sa.Column("place", sa.Integer(), server_default=ZERO, nullable=False),
            sa.Column("settings", postgresql.JSONB(), nullable=False),
            sa.Column("author", sa.Text(), nullable=True),
            sa.Column("changed_at", INSTANT, server_default=NOW, nullable=False),
            sa.CheckConstraint("origin IN ('file', 'api')", name=op.f(f"ck_{table}_origin_word")),
            sa.PrimaryKeyConstraint("name", "origin", name=op.f(f"pk_{table}")),
        )
    op.add_column("receivers", sa.Column("problem", sa.Text(), nullable=True))
    op.create_table(
        "silences",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("matchers", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_silences_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_index(
        "ix_silences_unsettled", "silences", ["ends_at"], unique=False, postgresql_where=sa.text("settled_at IS NULL")
    )
    op.create_index("ix_silences_newest", "silences", [sa.literal_column("ends_at DESC"), sa.literal_column("id DESC")])


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("event_pos", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("unmatched", postgresql.JSONB(), nullable=True),
        sa.Column("decided_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("event_pos", name=op.f("pk_decisions")),
    )
    op.create_table(
        "routings",
        sa.Column("event_pos", sa.BigInteger(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "outcome IN ('queued', 'held', 'told', 'suppressed', 'dropped')", name=op.f("ck_routings_outcome_word")
        ),
        sa.PrimaryKeyConstraint("event_pos", "route", "receiver", name=op.f("pk_routings")),
    )
    op.create_index(
        "ix_routings_open",
        "routings",
        ["receiver", "incident_id"],
        unique=False,
        postgresql_where=sa.text("outcome IN ('queued', 'held')"),
    )
    op.create_index("ix_routings_receiver_decided_at", "routings", ["receiver", "decided_at"], unique=False)


def _threads() -> None:
    op.create_table(
        "threads",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("reference", postgresql.JSONB(), nullable=False),
        sa.Column("next_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_threads")),
    )


def _deliveries() -> None:
    """News is a delivery from its first claim on; `build_id`, `attempt`, `event_pos` are the raw feed's."""
    for column in ("event_pos", "build_id", "attempt"):
        op.alter_column("deliveries", column, nullable=True)
    op.add_column("deliveries", sa.Column("key", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("thread_id", sa.BigInteger(), nullable=True))
    op.create_index("uq_deliveries_receiver_key", "deliveries", ["receiver", "key"], unique=True)
    op.create_index("ix_deliveries_receiver_id", "deliveries", ["receiver", sa.literal_column("id DESC")], unique=False)
    op.create_index(
        "ix_deliveries_thread_id",
        "deliveries",
        ["thread_id"],
        unique=False,
        postgresql_where=sa.text("thread_id IS NOT NULL"),
    )
    op.create_table(
        "delivery_items",
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_items_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", "incident_id", name=op.f("pk_delivery_items")),
    )
    op.create_table(
        "receiver_states",
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("next_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("paused_until", INSTANT, nullable=True),
        sa.Column("last_sent_at", INSTANT, nullable=True),
        sa.Column("off_since", INSTANT, nullable=True),
        sa.Column("off_reason", sa.Text(), nullable=True),
        sa.Column("off_settings", sa.Text(), nullable=True),
        sa.Column("digested_until", INSTANT, nullable=True),
        sa.Column("rules_version", sa.BigInteger(), server_default=ZERO, nullable=False),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_receiver_states")),
    )


def _tellings() -> None:
    op.create_table(
        "tellings",
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("told_version", sa.Integer(), server_default=ZERO, nullable=False),
        sa.Column("told_failures", sa.Integer(), server_default=ZERO, nullable=False),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.Column("wanted_at", INSTANT, nullable=True),
        sa.Column("wanted_pos", sa.BigInteger(), nullable=True),
        sa.Column("wants", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("asked_by", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("news_at", INSTANT, nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("held", sa.Text(), nullable=True),
        sa.Column("is_reminder", sa.Boolean(), server_default=FALSE, nullable=False),
        sa.Column("repeat_at", INSTANT, nullable=True),
        sa.Column("thread_id", sa.BigInteger(), nullable=True),
        sa.Column("is_tried", sa.Boolean(), server_default=FALSE, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_tellings_incident_id"), ondelete="CASCADE"
        ),
        sa.CheckConstraint("told IN ('broken', 'flapping', 'fixed')", name=op.f("ck_tellings_told_word")),
        sa.PrimaryKeyConstraint("receiver", "incident_id", name=op.f("pk_tellings")),
    )
    op.create_index(
        "ix_tellings_due",
        "tellings",
        ["receiver", "due_at"],
        unique=False,
        postgresql_where=sa.text("wanted_at IS NOT NULL"),
    )
    op.create_index(
        "ix_tellings_repeat_at",
        "tellings",
        ["repeat_at"],
        unique=False,
        postgresql_where=sa.text("repeat_at IS NOT NULL"),
    )
    op.create_index("ix_tellings_incident_id", "tellings", ["incident_id"], unique=False)
    op.create_index(
        "ix_tellings_thread_id",
        "tellings",
        ["thread_id"],
        unique=False,
        postgresql_where=sa.text("thread_id IS NOT NULL"),
    )


def _outages() -> None:
    op.create_table(
        "outages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_outages_instance_id")),
        sa.CheckConstraint(
            "kind IN ('provider', 'credential', 'collector', 'receiver')", name=op.f("ck_outages_kind_word")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outages")),
    )
    op.create_index(
        "uq_outages_open",
        "outages",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_outages_instance_id_began_at", "outages", ["instance_id", "began_at"], unique=False)


def downgrade() -> None:
    for table in ("outages", "tellings", "delivery_items", "receiver_states"):
        op.drop_table(table)
    op.execute("DELETE FROM deliveries WHERE event_pos IS NULL OR build_id IS NULL OR attempt IS NULL")
    op.drop_index("uq_deliveries_receiver_key", table_name="deliveries")
    op.drop_index("ix_deliveries_receiver_id", table_name="deliveries")
    op.drop_index("ix_deliveries_thread_id", table_name="deliveries")
    op.drop_column("deliveries", "thread_id")
    op.drop_column("deliveries", "key")
    for column in ("event_pos", "build_id", "attempt"):
        op.alter_column("deliveries", column, nullable=False)
    for table in ("threads", "routings", "decisions", "silences", "receivers", "routes", "alert_rules"):
        op.drop_table(table)
