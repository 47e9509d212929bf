"""`v_rarity` tells no share of what was in no set, and nothing of what RA no longer knows.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

V_RARITY = """
CREATE VIEW v_rarity AS
SELECT s.since AS time,
       s.game_id AS game_id,
       g.title AS game,
       s.achievement_id AS achievement_id,
       s.achievement AS achievement,
       s.is_promoted AS is_promoted,
       s.unlocks AS unlocks,
       s.unlocks_hardcore AS unlocks_hardcore,
       s.players AS players,
       CAST(s.unlocks AS DOUBLE PRECISION)
           / CASE WHEN s.is_promoted = FALSE THEN NULL
                  ELSE nullif(s.players, 0) END AS rarity,
       CAST(s.unlocks_hardcore AS DOUBLE PRECISION)
           / CASE WHEN s.is_promoted = FALSE THEN NULL
                  ELSE nullif(s.players, 0) END AS rarity_hardcore,
       CASE WHEN s.is_promoted = FALSE THEN NULL ELSE (
         SELECT r.true_ratio FROM achievement_ratios r
         WHERE r.achievement_id = s.achievement_id AND r.valid_from <= s.since
         ORDER BY r.valid_from DESC LIMIT 1
       ) END AS true_ratio,
       s.since AS valid_from,
       s.until AS valid_to
FROM (
    SELECT h.achievement_id, h.achievement, h.game_id,
           h.is_promoted, h.unlocks, h.unlocks_hardcore, p.players, h.began AS since,
           CASE WHEN p.game_id IS NULL THEN coalesce((
                  SELECT CASE WHEN min(n.valid_from) < coalesce(h.ended, '9999-12-31')
                              THEN min(n.valid_from) END
                  FROM game_counters n WHERE n.game_id = h.played AND n.valid_from > h.began
                ), h.ended)
                WHEN coalesce(p.valid_to, '9999-12-31') < coalesce(h.ended, '9999-12-31')
                THEN p.valid_to ELSE h.ended END AS until
    FROM (
      SELECT a.id AS achievement_id, a.title AS achievement, a.game_id AS game_id,
             v.game_id AS played, v.is_promoted AS is_promoted,
             c.unlocks AS unlocks, c.unlocks_hardcore AS unlocks_hardcore,
             CASE WHEN c.valid_from > v.valid_from
                  THEN c.valid_from ELSE v.valid_from END AS began,
             CASE WHEN a.gone_at <= coalesce(c.valid_to, '9999-12-31')
                   AND a.gone_at <= coalesce(v.valid_to, '9999-12-31') THEN a.gone_at
                  WHEN coalesce(c.valid_to, '9999-12-31') < coalesce(v.valid_to, '9999-12-31')
                  THEN c.valid_to ELSE v.valid_to END AS ended
      FROM achievements a
      JOIN achievement_counters c ON c.achievement_id = a.id
      JOIN achievement_versions v
        ON v.achievement_id = a.id
       AND v.valid_from < coalesce(c.valid_to, '9999-12-31')
       AND coalesce(v.valid_to, '9999-12-31') > c.valid_from
       AND coalesce(a.gone_at, '9999-12-31') > c.valid_from
       AND coalesce(a.gone_at, '9999-12-31') > v.valid_from
    ) h
    LEFT JOIN game_counters p
      ON p.game_id = h.played
     AND p.valid_from = (
       SELECT max(n.valid_from) FROM game_counters n
       WHERE n.game_id = h.played AND n.valid_from <= h.began
     )
     AND coalesce(p.valid_to, '9999-12-31') > h.began
    UNION ALL
    SELECT h.achievement_id, h.achievement, h.game_id,
           h.is_promoted, h.unlocks, h.unlocks_hardcore, q.players, q.valid_from AS since,
           CASE WHEN coalesce(q.valid_to, '9999-12-31') < coalesce(h.ended, '9999-12-31')
                THEN q.valid_to ELSE h.ended END AS until
    FROM (
      SELECT a.id AS achievement_id, a.title AS achievement, a.game_id AS game_id,
             v.game_id AS played, v.is_promoted AS is_promoted,
             c.unlocks AS unlocks, c.unlocks_hardcore AS unlocks_hardcore,
             CASE WHEN c.valid_from > v.valid_from
                  THEN c.valid_from ELSE v.valid_from END AS began,
             CASE WHEN a.gone_at <= coalesce(c.valid_to, '9999-12-31')
                   AND a.gone_at <= coalesce(v.valid_to, '9999-12-31') THEN a.gone_at
                  WHEN coalesce(c.valid_to, '9999-12-31') < coalesce(v.valid_to, '9999-12-31')
                  THEN c.valid_to ELSE v.valid_to END AS ended
      FROM achievements a
      JOIN achievement_counters c ON c.achievement_id = a.id
      JOIN achievement_versions v
        ON v.achievement_id = a.id
       AND v.valid_from < coalesce(c.valid_to, '9999-12-31')
       AND coalesce(v.valid_to, '9999-12-31') > c.valid_from
       AND coalesce(a.gone_at, '9999-12-31') > c.valid_from
       AND coalesce(a.gone_at, '9999-12-31') > v.valid_from
    ) h
    JOIN game_counters q
      ON q.game_id = h.played
     AND q.valid_from > h.began AND q.valid_from < coalesce(h.ended, '9999-12-31')
) s
LEFT JOIN games g ON g.id = s.game_id
"""

V_RARITY_BEFORE = """
CREATE VIEW v_rarity AS
SELECT s.since AS time,
       s.game_id AS game_id,
       g.title AS game,
       s.achievement_id AS achievement_id,
       s.achievement AS achievement,
       s.is_promoted AS is_promoted,
       s.unlocks AS unlocks,
       s.unlocks_hardcore AS unlocks_hardcore,
       s.players AS players,
       CAST(s.unlocks AS DOUBLE PRECISION) / nullif(s.players, 0) AS rarity,
       CAST(s.unlocks_hardcore AS DOUBLE PRECISION) / nullif(s.players, 0) AS rarity_hardcore,
       (
         SELECT r.true_ratio FROM achievement_ratios r
         WHERE r.achievement_id = s.achievement_id AND r.valid_from <= s.since
         ORDER BY r.valid_from DESC LIMIT 1
       ) AS true_ratio,
       s.since AS valid_from,
       s.until AS valid_to
FROM (
    SELECT h.achievement_id, h.achievement, h.game_id,
           h.is_promoted, h.unlocks, h.unlocks_hardcore, p.players, h.began AS since,
           CASE WHEN p.game_id IS NULL THEN coalesce((
                  SELECT CASE WHEN min(n.valid_from) < coalesce(h.ended, '9999-12-31')
                              THEN min(n.valid_from) END
                  FROM game_counters n WHERE n.game_id = h.played AND n.valid_from > h.began
                ), h.ended)
                WHEN coalesce(p.valid_to, '9999-12-31') < coalesce(h.ended, '9999-12-31')
                THEN p.valid_to ELSE h.ended END AS until
    FROM (
      SELECT a.id AS achievement_id, a.title AS achievement, a.game_id AS game_id,
             v.game_id AS played, v.is_promoted AS is_promoted,
             c.unlocks AS unlocks, c.unlocks_hardcore AS unlocks_hardcore,
             CASE WHEN c.valid_from > v.valid_from
                  THEN c.valid_from ELSE v.valid_from END AS began,
             CASE WHEN coalesce(c.valid_to, '9999-12-31') < coalesce(v.valid_to, '9999-12-31')
                  THEN c.valid_to ELSE v.valid_to END AS ended
      FROM achievements a
      JOIN achievement_counters c ON c.achievement_id = a.id
      JOIN achievement_versions v
        ON v.achievement_id = a.id
       AND v.valid_from < coalesce(c.valid_to, '9999-12-31')
       AND coalesce(v.valid_to, '9999-12-31') > c.valid_from
    ) h
    LEFT JOIN game_counters p
      ON p.game_id = h.played
     AND p.valid_from = (
       SELECT max(n.valid_from) FROM game_counters n
       WHERE n.game_id = h.played AND n.valid_from <= h.began
     )
     AND coalesce(p.valid_to, '9999-12-31') > h.began
    UNION ALL
    SELECT h.achievement_id, h.achievement, h.game_id,
           h.is_promoted, h.unlocks, h.unlocks_hardcore, q.players, q.valid_from AS since,
           CASE WHEN coalesce(q.valid_to, '9999-12-31') < coalesce(h.ended, '9999-12-31')
                THEN q.valid_to ELSE h.ended END AS until
    FROM (
      SELECT a.id AS achievement_id, a.title AS achievement, a.game_id AS game_id,
             v.game_id AS played, v.is_promoted AS is_promoted,
             c.unlocks AS unlocks, c.unlocks_hardcore AS unlocks_hardcore,
             CASE WHEN c.valid_from > v.valid_from
                  THEN c.valid_from ELSE v.valid_from END AS began,
             CASE WHEN coalesce(c.valid_to, '9999-12-31') < coalesce(v.valid_to, '9999-12-31')
                  THEN c.valid_to ELSE v.valid_to END AS ended
      FROM achievements a
      JOIN achievement_counters c ON c.achievement_id = a.id
      JOIN achievement_versions v
        ON v.achievement_id = a.id
       AND v.valid_from < coalesce(c.valid_to, '9999-12-31')
       AND coalesce(v.valid_to, '9999-12-31') > c.valid_from
    ) h
    JOIN game_counters q
      ON q.game_id = h.played
     AND q.valid_from > h.began AND q.valid_from < coalesce(h.ended, '9999-12-31')
) s
LEFT JOIN games g ON g.id = s.game_id
"""


def upgrade() -> None:
    op.execute("DROP VIEW v_rarity")
    op.execute(V_RARITY)


def downgrade() -> None:
    op.execute("DROP VIEW v_rarity")
    op.execute(V_RARITY_BEFORE)
