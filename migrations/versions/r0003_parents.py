"""What is looked for by its content or its age: the builds that a build started, and old logs"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PARENT = "(metadata -> 'parent') ->> "


def upgrade() -> None:
    op.create_index(
        "ix_builds_parent",
        "builds",
        [
            sa.literal_column(f"({PARENT}'external_id')"),
            sa.literal_column(f"({PARENT}'pipeline_external_id')"),
            sa.literal_column("queued_at DESC"),
            sa.literal_column("id DESC"),
        ],
        unique=False,
        postgresql_where=sa.text(f"({PARENT}'external_id') IS NOT NULL"),
    )
    op.create_index(op.f("ix_logs_stored_at"), "logs", ["stored_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_logs_stored_at"), table_name="logs")
    op.drop_index("ix_builds_parent", table_name="builds")
