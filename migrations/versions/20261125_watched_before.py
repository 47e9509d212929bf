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

V_COVERAGE = {
    "sqlite": """
CREATE VIEW v_coverage AS
SELECT c.first_at AS time,
       c.poll_id AS poll_id,
       c.job AS job,
       c.target AS target,
       c.game_id AS game_id,
       g.title AS game,
       c.achievement_id AS achievement_id,
       a.title AS achievement,
       c.user_id AS user_id,
       u.name AS "user",
       c.outcome AS outcome,
       c.times AS times,
       c.requests AS requests,
       c.error AS error,
       c.first_at AS first_at,
       c.last_at AS last_at,
       c.covered_to AS covered_to,
       CASE WHEN c.covered_to IS NULL THEN 0
            ELSE strftime('%s', c.covered_to) - strftime('%s', c.first_at)
       END AS covered_seconds,
       CASE WHEN c.covered_to IS NOT NULL
                 AND strftime('%s', c.next_at) - strftime('%s', c.last_at) > c.tolerated
            THEN coalesce((
                SELECT CAST(sum(strftime('%s', b.until) - strftime('%s', b.since)) AS BIGINT)
                FROM (
                  SELECT CASE WHEN w.watched_from > c.last_at
                              THEN w.watched_from ELSE c.last_at END AS since,
                         CASE WHEN w.watched_to < c.next_at
                              THEN w.watched_to ELSE c.next_at END AS until,
                         CASE WHEN w.watched_to < c.next_at
                              THEN 1.5 * w.interval_seconds
                              ELSE c.tolerated END AS tolerated
                  FROM watched_before w
                  WHERE w.poll_id = c.poll_id
                    AND w.watched_to > c.last_at AND w.watched_from < c.next_at
                ) b
                WHERE strftime('%s', b.until) - strftime('%s', b.since) > b.tolerated
            ), 0) + CASE
                WHEN strftime('%s', c.next_at) - strftime('%s', c.unseen_from) > c.tolerated
                THEN strftime('%s', c.next_at) - strftime('%s', c.unseen_from) ELSE 0 END
            ELSE 0
       END AS hole_seconds
FROM (
    SELECT f.poll_id, f.job, p.target, p.game_id, p.achievement_id, p.user_id, f.outcome,
           f.times, f.requests, f.error, f.first_at, f.last_at, n.first_at AS next_at,
           CASE WHEN f.outcome NOT IN ('changed', 'unchanged') THEN NULL
                WHEN strftime('%s', n.first_at) - strftime('%s', f.last_at)
                     <= 1.5 * coalesce(n.interval_seconds, p.interval_seconds)
                THEN n.first_at ELSE f.last_at END AS covered_to,
           CASE WHEN p.watched_from > f.last_at
                THEN p.watched_from ELSE f.last_at END AS unseen_from,
           1.5 * coalesce(n.interval_seconds, p.interval_seconds) AS tolerated
    FROM fetches f
    JOIN polls p ON p.id = f.poll_id
    LEFT JOIN fetches n ON n.id = (
      SELECT x.id FROM fetches x
      WHERE x.poll_id = f.poll_id AND x.last_at > f.last_at
        AND x.outcome IN ('changed', 'unchanged')
      ORDER BY x.last_at, x.id LIMIT 1
    )
) c
LEFT JOIN games g ON g.id = c.game_id
LEFT JOIN achievements a ON a.id = c.achievement_id
LEFT JOIN users u ON u.id = c.user_id
""",
    "postgresql": """
CREATE VIEW v_coverage AS
SELECT c.first_at AS time,
       c.poll_id AS poll_id,
       c.job AS job,
       c.target AS target,
       c.game_id AS game_id,
       g.title AS game,
       c.achievement_id AS achievement_id,
       a.title AS achievement,
       c.user_id AS user_id,
       u.name AS "user",
       c.outcome AS outcome,
       c.times AS times,
       c.requests AS requests,
       c.error AS error,
       c.first_at AS first_at,
       c.last_at AS last_at,
       c.covered_to AS covered_to,
       CASE WHEN c.covered_to IS NULL THEN 0
            ELSE CAST(extract(epoch FROM c.covered_to - c.first_at) AS BIGINT)
       END AS covered_seconds,
       CASE WHEN c.covered_to IS NOT NULL
                 AND CAST(extract(epoch FROM c.next_at - c.last_at) AS BIGINT) > c.tolerated
            THEN coalesce((
                SELECT CAST(sum(CAST(extract(epoch FROM b.until - b.since) AS BIGINT)) AS BIGINT)
                FROM (
                  SELECT CASE WHEN w.watched_from > c.last_at
                              THEN w.watched_from ELSE c.last_at END AS since,
                         CASE WHEN w.watched_to < c.next_at
                              THEN w.watched_to ELSE c.next_at END AS until,
                         CASE WHEN w.watched_to < c.next_at
                              THEN 1.5 * w.interval_seconds
                              ELSE c.tolerated END AS tolerated
                  FROM watched_before w
                  WHERE w.poll_id = c.poll_id
                    AND w.watched_to > c.last_at AND w.watched_from < c.next_at
                ) b
                WHERE CAST(extract(epoch FROM b.until - b.since) AS BIGINT) > b.tolerated
            ), 0) + CASE
                WHEN CAST(extract(epoch FROM c.next_at - c.unseen_from) AS BIGINT) > c.tolerated
                THEN CAST(extract(epoch FROM c.next_at - c.unseen_from) AS BIGINT) ELSE 0 END
            ELSE 0
       END AS hole_seconds
FROM (
    SELECT f.poll_id, f.job, p.target, p.game_id, p.achievement_id, p.user_id, f.outcome,
           f.times, f.requests, f.error, f.first_at, f.last_at, n.first_at AS next_at,
           CASE WHEN f.outcome NOT IN ('changed', 'unchanged') THEN NULL
                WHEN CAST(extract(epoch FROM n.first_at - f.last_at) AS BIGINT)
                     <= 1.5 * coalesce(n.interval_seconds, p.interval_seconds)
                THEN n.first_at ELSE f.last_at END AS covered_to,
           CASE WHEN p.watched_from > f.last_at
                THEN p.watched_from ELSE f.last_at END AS unseen_from,
           1.5 * coalesce(n.interval_seconds, p.interval_seconds) AS tolerated
    FROM fetches f
    JOIN polls p ON p.id = f.poll_id
    LEFT JOIN fetches n ON n.id = (
      SELECT x.id FROM fetches x
      WHERE x.poll_id = f.poll_id AND x.last_at > f.last_at
        AND x.outcome IN ('changed', 'unchanged')
      ORDER BY x.last_at, x.id LIMIT 1
    )
) c
LEFT JOIN games g ON g.id = c.game_id
LEFT JOIN achievements a ON a.id = c.achievement_id
LEFT JOIN users u ON u.id = c.user_id
""",
}
V_COVERAGE_BEFORE = {
    "sqlite": """
CREATE VIEW v_coverage AS
SELECT c.first_at AS time,
       c.poll_id AS poll_id,
       c.job AS job,
       c.target AS target,
       c.game_id AS game_id,
       g.title AS game,
       c.achievement_id AS achievement_id,
       a.title AS achievement,
       c.user_id AS user_id,
       u.name AS "user",
       c.outcome AS outcome,
       c.times AS times,
       c.requests AS requests,
       c.error AS error,
       c.first_at AS first_at,
       c.last_at AS last_at,
       c.covered_to AS covered_to,
       CASE WHEN c.covered_to IS NULL THEN 0
            ELSE strftime('%s', c.covered_to) - strftime('%s', c.first_at)
       END AS covered_seconds,
       CASE WHEN c.covered_to IS NOT NULL
                 AND strftime('%s', c.next_at) - strftime('%s', c.unseen_from) > c.tolerated
            THEN strftime('%s', c.next_at) - strftime('%s', c.unseen_from)
            ELSE 0
       END AS hole_seconds
FROM (
    SELECT f.poll_id, f.job, p.target, p.game_id, p.achievement_id, p.user_id, f.outcome,
           f.times, f.requests, f.error, f.first_at, f.last_at, n.first_at AS next_at,
           CASE WHEN f.outcome NOT IN ('changed', 'unchanged') THEN NULL
                WHEN strftime('%s', n.first_at) - strftime('%s', f.last_at)
                     <= 1.5 * coalesce(n.interval_seconds, p.interval_seconds)
                THEN n.first_at ELSE f.last_at END AS covered_to,
           CASE WHEN p.watched_from > f.last_at AND p.watched_from <= n.first_at
                THEN p.watched_from ELSE f.last_at END AS unseen_from,
           1.5 * coalesce(n.interval_seconds, p.interval_seconds) AS tolerated
    FROM fetches f
    JOIN polls p ON p.id = f.poll_id
    LEFT JOIN fetches n ON n.id = (
      SELECT x.id FROM fetches x
      WHERE x.poll_id = f.poll_id AND x.last_at > f.last_at
        AND x.outcome IN ('changed', 'unchanged')
      ORDER BY x.last_at, x.id LIMIT 1
    )
) c
LEFT JOIN games g ON g.id = c.game_id
LEFT JOIN achievements a ON a.id = c.achievement_id
LEFT JOIN users u ON u.id = c.user_id
""",
    "postgresql": """
CREATE VIEW v_coverage AS
SELECT c.first_at AS time,
       c.poll_id AS poll_id,
       c.job AS job,
       c.target AS target,
       c.game_id AS game_id,
       g.title AS game,
       c.achievement_id AS achievement_id,
       a.title AS achievement,
       c.user_id AS user_id,
       u.name AS "user",
       c.outcome AS outcome,
       c.times AS times,
       c.requests AS requests,
       c.error AS error,
       c.first_at AS first_at,
       c.last_at AS last_at,
       c.covered_to AS covered_to,
       CASE WHEN c.covered_to IS NULL THEN 0
            ELSE CAST(extract(epoch FROM c.covered_to - c.first_at) AS BIGINT)
       END AS covered_seconds,
       CASE WHEN c.covered_to IS NOT NULL
                 AND CAST(extract(epoch FROM c.next_at - c.unseen_from) AS BIGINT) > c.tolerated
            THEN CAST(extract(epoch FROM c.next_at - c.unseen_from) AS BIGINT)
            ELSE 0
       END AS hole_seconds
FROM (
    SELECT f.poll_id, f.job, p.target, p.game_id, p.achievement_id, p.user_id, f.outcome,
           f.times, f.requests, f.error, f.first_at, f.last_at, n.first_at AS next_at,
           CASE WHEN f.outcome NOT IN ('changed', 'unchanged') THEN NULL
                WHEN CAST(extract(epoch FROM n.first_at - f.last_at) AS BIGINT)
                     <= 1.5 * coalesce(n.interval_seconds, p.interval_seconds)
                THEN n.first_at ELSE f.last_at END AS covered_to,
           CASE WHEN p.watched_from > f.last_at AND p.watched_from <= n.first_at
                THEN p.watched_from ELSE f.last_at END AS unseen_from,
           1.5 * coalesce(n.interval_seconds, p.interval_seconds) AS tolerated
    FROM fetches f
    JOIN polls p ON p.id = f.poll_id
    LEFT JOIN fetches n ON n.id = (
      SELECT x.id FROM fetches x
      WHERE x.poll_id = f.poll_id AND x.last_at > f.last_at
        AND x.outcome IN ('changed', 'unchanged')
      ORDER BY x.last_at, x.id LIMIT 1
    )
) c
LEFT JOIN games g ON g.id = c.game_id
LEFT JOIN achievements a ON a.id = c.achievement_id
LEFT JOIN users u ON u.id = c.user_id
""",
}


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
    op.execute("DROP VIEW v_coverage")
    op.execute(V_COVERAGE[op.get_context().dialect.name])


def downgrade() -> None:
    op.execute("DROP VIEW v_coverage")
    op.execute(V_COVERAGE_BEFORE[op.get_context().dialect.name])
    op.drop_table("watched_before")
