"""Evidence tells which interval was in force before a look, for intervals adapt.

Rows from before know none; what they were promised is taken from their poll.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("fetches", sa.Column("interval_seconds", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("fetches", "interval_seconds")
