"""The polls of a game, and those that fail, are found by an index.

Everything told of a game asks when it was looked at, and the dashboard how many polls fail.

Takes a second and 2 MB for a hundred thousand polls.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_polls_game_id"), "polls", ["game_id"])
    failing = sa.text("watched_to IS NULL AND failures > 0")
    op.create_index(
        "ix_polls_failing", "polls", ["failures"], sqlite_where=failing, postgresql_where=failing
    )


def downgrade() -> None:
    op.drop_index("ix_polls_failing", "polls")
    op.drop_index(op.f("ix_polls_game_id"), "polls")
