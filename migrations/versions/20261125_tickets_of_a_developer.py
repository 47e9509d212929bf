"""The tickets of a developer are found by an index.

Takes no noticeable time, and 1 MB for a hundred thousand tickets.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_tickets_assignee_id"), "tickets", ["assignee_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_tickets_assignee_id"), "tickets")
