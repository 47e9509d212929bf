"""When something was watched that left the watchlist and came back: it is still looked at then.

Until now only the newest return was on record. What was watched before that is told by its
evidence, from the first look to the last attempt before the return; earlier times away count
as time in which it was not looked at. Takes a second for each hundred thousand polls.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.String(19).with_variant(postgresql.TIMESTAMP(timezone=True, precision=0), "postgresql")

WATCHED = """
INSERT INTO watched_before (poll_id, watched_from, watched_to, interval_seconds, last_ok_at)
SELECT poll_id, since, until, promised, seen_at
FROM (
    SELECT p.id AS poll_id, p.interval_seconds AS promised,
           min(coalesce(f.late_since_at, f.first_at)) AS since,
           CASE WHEN max(f.last_at) < p.watched_from THEN max(f.last_at)
                ELSE p.watched_from END AS until,
           max(CASE WHEN f.outcome IN ('changed', 'unchanged') THEN f.last_at END) AS seen_at
    FROM polls p
    JOIN fetches f ON f.poll_id = p.id AND f.first_at < p.watched_from
    WHERE (SELECT e.first_at FROM fetches e WHERE e.poll_id = p.id ORDER BY e.last_at LIMIT 1)
          < p.watched_from
    GROUP BY p.id, p.interval_seconds, p.watched_from
) AS known
WHERE since < until
"""


def upgrade() -> None:
    op.create_table(
        "watched_before",
        sa.Column("poll_id", ID, nullable=False),
        sa.Column("watched_from", INSTANT, nullable=False),
        sa.Column("watched_to", INSTANT, nullable=False),
        sa.Column("interval_seconds", sa.BigInteger(), nullable=False),
        sa.Column("last_ok_at", INSTANT),
        sa.CheckConstraint("watched_to > watched_from", name=op.f("ck_watched_before_interval")),
        sa.ForeignKeyConstraint(["poll_id"], ["polls.id"], name=op.f("fk_watched_before_poll_id")),
        sa.PrimaryKeyConstraint("poll_id", "watched_from", name=op.f("pk_watched_before")),
    )
    op.execute(WATCHED)


def downgrade() -> None:
    op.drop_table("watched_before")
