"""what of a process fails each time, told with its heartbeat"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("processes", sa.Column("troubles", JSONB(), nullable=True))


def downgrade() -> None:
    op.execute("UPDATE health SET status = 'alive' WHERE status = 'troubled'")
    op.drop_column("processes", "troubles")
