"""What polls remember of finished looks, how far they have come, and how quiet RA was.

`polls` is small (a row for each target); SQLite rebuilds it. Lists of unlocks that were being
read for the first time begin anew: where they stood was written down another way.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.String(19).with_variant(postgresql.TIMESTAMP(timezone=True, precision=0), "postgresql")
COUNTS = ("churn", "requests", "rows_opened", "rows_closed")


def upgrade() -> None:
    with op.batch_alter_table("polls") as polls:
        polls.add_column(sa.Column("listed_from_at", INSTANT))
        polls.add_column(sa.Column("memory", sa.Text()))
        polls.add_column(sa.Column("digests", sa.Text()))
        for name in COUNTS:
            zero = sa.text("0")
            polls.add_column(sa.Column(name, sa.BigInteger(), nullable=False, server_default=zero))
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("quiet_since_at", INSTANT))
    op.execute("UPDATE polls SET memory = cursor WHERE job = 'progress'")
    op.execute("UPDATE polls SET cursor = NULL WHERE job IN ('progress', 'unlocks')")


def downgrade() -> None:
    op.execute("UPDATE polls SET cursor = NULL")
    op.execute("UPDATE polls SET cursor = memory WHERE job = 'progress'")
    with op.batch_alter_table("runs") as runs:
        runs.drop_column("quiet_since_at")
    with op.batch_alter_table("polls") as polls:
        for name in (*reversed(COUNTS), "digests", "memory", "listed_from_at"):
            polls.drop_column(name)
