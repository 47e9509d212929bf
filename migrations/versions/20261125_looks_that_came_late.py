"""The evidence says itself which looks came late: holes are told without reading all others.

What came late before is reckoned by the rule of today, in half a minute for each ten million
rows of evidence. The polls of a player, and achievements that changed their game, are found by
an index, too.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.String(19).with_variant(postgresql.TIMESTAMP(timezone=True, precision=0), "postgresql")
SECONDS = {
    "sqlite": "CAST(strftime('%s', {}) AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM {}) AS BIGINT)",
}


def upgrade() -> None:
    op.add_column("fetches", sa.Column("late_since_at", INSTANT))
    seconds = SECONDS[op.get_context().dialect.name]
    op.execute(f"""
        UPDATE fetches SET late_since_at = looks.since
        FROM (
            SELECT f.id AS id, f.first_at AS first_at,
                   coalesce(f.interval_seconds, p.interval_seconds) AS promised,
                   coalesce(
                       lag(f.last_at) OVER (PARTITION BY f.poll_id ORDER BY f.last_at, f.first_at),
                       p.watched_from
                   ) AS since
            FROM fetches f
            JOIN polls p ON p.id = f.poll_id
            WHERE f.outcome IN ('changed', 'unchanged')
        ) AS looks
        WHERE looks.id = fetches.id
        AND {seconds.format("looks.first_at")} - {seconds.format("looks.since")}
            > 1.5 * looks.promised
    """)  # noqa: S608 - words of our own
    troubled = sa.text("late_since_at IS NOT NULL OR error IS NOT NULL")
    op.create_index(
        "ix_fetches_troubled",
        "fetches",
        ["poll_id", "first_at"],
        sqlite_where=troubled,
        postgresql_where=troubled,
    )
    for name in ("user_id", "asked_as"):
        known = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_polls_{name}", "polls", [name], sqlite_where=known, postgresql_where=known
        )
    past = sa.text("valid_to IS NOT NULL")
    op.create_index(
        "ix_achievement_versions_ended",
        "achievement_versions",
        ["valid_to", "achievement_id", "game_id"],
        sqlite_where=past,
        postgresql_where=past,
    )


def downgrade() -> None:
    op.drop_index("ix_achievement_versions_ended", "achievement_versions")
    op.drop_index("ix_polls_asked_as", "polls")
    op.drop_index("ix_polls_user_id", "polls")
    op.drop_index("ix_fetches_troubled", "fetches")
    op.drop_column("fetches", "late_since_at")
