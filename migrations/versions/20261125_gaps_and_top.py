"""What kept the harvest from asking is on record, and what ended in a period is quickly found.

Interruptions are: no answer, a refused key, a spent budget, a machine that slept. The indexes
of what ended take about a minute and 50 bytes for each of ten million such rows.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.String(19).with_variant(postgresql.TIMESTAMP(timezone=True, precision=0), "postgresql")


ENDED = {
    "game_counters": ("game_id", "valid_from", "players"),
    "achievement_counters": ("achievement_id", "valid_from", "unlocks"),
    "game_ticket_counts": ("game_id", "is_promoted", "valid_from", "reported"),
    "distribution": ("game_id", "is_promoted", "is_hardcore"),
    "progress": ("user_id", "game_id", "valid_from", "awarded"),
}


def upgrade() -> None:
    past = sa.text("valid_to IS NOT NULL")
    for table, columns in ENDED.items():
        op.create_index(
            f"ix_{table}_ended",
            table,
            ["valid_to", *columns],
            sqlite_where=past,
            postgresql_where=past,
        )
    op.create_table(
        "interruptions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_interruptions_interval")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interruptions")),
    )


def downgrade() -> None:
    op.drop_table("interruptions")
    for table in reversed(ENDED):
        op.drop_index(f"ix_{table}_ended", table)
