"""builds without their attempt's merge key, their events indexed without their kind, words sorted in page by page"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


# A build shows its greatest attempt, whose key this was.
KEYS_OF_ATTEMPTS = """
    UPDATE builds b SET merge_key = a.merge_key FROM attempts a WHERE a.build_id = b.id AND a.number = b.attempt
"""


def upgrade() -> None:
    op.drop_column("builds", "merge_key")
    op.drop_index("ix_events_subject_kind_subject_id_pos", table_name="events")
    is_build, is_other = sa.text("subject_kind = 'build'"), sa.text("subject_kind <> 'build'")
    op.create_index("ix_events_build", "events", ["subject_id", "pos"], postgresql_where=is_build)
    op.create_index("ix_events_others", "events", ["subject_kind", "subject_id", "pos"], postgresql_where=is_other)
    op.execute("ALTER INDEX ix_build_search_words RESET (fastupdate)")


def downgrade() -> None:
    op.execute("ALTER INDEX ix_build_search_words SET (fastupdate = off)")
    op.drop_index("ix_events_others", table_name="events")
    op.drop_index("ix_events_build", table_name="events")
    op.create_index("ix_events_subject_kind_subject_id_pos", "events", ["subject_kind", "subject_id", "pos"])
    op.add_column("builds", sa.Column("merge_key", sa.ARRAY(sa.BigInteger()), nullable=True))
    op.execute(KEYS_OF_ATTEMPTS)
    op.alter_column("builds", "merge_key", nullable=False)
