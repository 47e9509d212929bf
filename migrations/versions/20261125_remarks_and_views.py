"""Remarks on the data have a table, and people who ask in SQL have views.

Views take no space and are made at once. Each has a column `time`, and names beside ids.
Migrations that change their tables drop them before and make them again after.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

V_UNLOCKS = """
CREATE VIEW v_unlocks AS
SELECT coalesce(u.hardcore_at, u.unlocked_at) AS time,
       a.game_id AS game_id,
       g.title AS game,
       u.achievement_id AS achievement_id,
       a.title AS achievement,
       u.user_id AS user_id,
       p.name AS "user",
       p.ulid AS ulid,
       coalesce(u.hardcore_at, u.unlocked_at) AS awarded_at,
       u.unlocked_at AS unlocked_at,
       u.hardcore_at AS hardcore_at,
       u.valid_from AS valid_from,
       u.valid_to AS valid_to
FROM unlocks u
JOIN achievements a ON a.id = u.achievement_id
JOIN users p ON p.id = u.user_id
LEFT JOIN games g ON g.id = a.game_id
"""

SHARED = {
    "v_game_tickets": """
CREATE VIEW v_game_tickets AS
SELECT h.valid_from AS time,
       h.game_id AS game_id,
       g.title AS game,
       h.is_promoted AS is_promoted,
       h.reported AS reported,
       h.open AS open,
       h.request AS request,
       h.resolved AS resolved,
       h.closed AS closed,
       h.quarantined AS quarantined,
       h.valid_from AS valid_from,
       h.valid_to AS valid_to
FROM game_ticket_counts h
LEFT JOIN games g ON g.id = h.game_id
""",
    "v_tickets": """
CREATE VIEW v_tickets AS
SELECT coalesce(t.reported_at, t.first_seen_at) AS time,
       t.id AS ticket_id,
       t.game_id AS game_id,
       g.title AS game,
       t.achievement_id AS achievement_id,
       a.title AS achievement,
       t.assignee_id AS developer_id,
       d.name AS developer,
       t.reporter_id AS reporter_id,
       r.name AS reporter,
       t.report_type AS report_type,
       t.is_hardcore AS is_hardcore,
       t.notes AS notes,
       t.reported_at AS reported_at,
       s.state AS state,
       s.resolved_at AS resolved_at,
       v.name AS resolver,
       t.gone_at AS gone_at,
       s.valid_from AS valid_from,
       s.valid_to AS valid_to
FROM tickets t
JOIN ticket_states s ON s.ticket_id = t.id
LEFT JOIN games g ON g.id = t.game_id
LEFT JOIN achievements a ON a.id = t.achievement_id
LEFT JOIN users d ON d.id = t.assignee_id
LEFT JOIN users r ON r.id = t.reporter_id
LEFT JOIN users v ON v.id = s.resolver_id
""",
    "v_developer_tickets": """
CREATE VIEW v_developer_tickets AS
SELECT h.valid_from AS time,
       h.user_id AS developer_id,
       u.name AS developer,
       u.ulid AS ulid,
       h.open AS open,
       h.closed AS closed,
       h.resolved AS resolved,
       h.total AS total,
       h.valid_from AS valid_from,
       h.valid_to AS valid_to
FROM developer_ticket_counts h
LEFT JOIN users u ON u.id = h.user_id
""",
    "v_distribution": """
CREATE VIEW v_distribution AS
SELECT h.valid_from AS time,
       h.game_id AS game_id,
       g.title AS game,
       h.is_promoted AS is_promoted,
       h.is_hardcore AS is_hardcore,
       h.unlocked AS unlocked,
       h.players AS players,
       h.valid_from AS valid_from,
       h.valid_to AS valid_to
FROM distribution h
LEFT JOIN games g ON g.id = h.game_id
""",
    "v_mastery": """
CREATE VIEW v_mastery AS
SELECT m.since AS time,
       m.game_id AS game_id,
       g.title AS game,
       m.unlocked AS achievements,
       m.players AS mastered,
       m.since AS valid_from,
       coalesce((
         SELECT CASE WHEN min(n.valid_from) < coalesce(m.ended, '9999-12-31')
                     THEN min(n.valid_from) END FROM distribution n
        WHERE n.game_id = m.game_id AND n.is_promoted = m.is_promoted
          AND n.is_hardcore = m.is_hardcore AND n.unlocked = m.unlocked + 1
          AND n.valid_from > m.since
       ), m.ended) AS valid_to
FROM (
    SELECT r.game_id, r.is_promoted, r.is_hardcore, r.unlocked, r.players,
           r.valid_from AS since, r.valid_to AS ended
    FROM distribution r
    WHERE r.is_promoted = true AND r.is_hardcore = true
      AND coalesce((
        SELECT coalesce(n.valid_to, '9999-12-31') FROM distribution n
        WHERE n.game_id = r.game_id AND n.is_promoted = r.is_promoted
          AND n.is_hardcore = r.is_hardcore AND n.unlocked = r.unlocked + 1
          AND n.valid_from <= r.valid_from
        ORDER BY n.valid_from DESC LIMIT 1
      ), r.valid_from) <= r.valid_from
    UNION ALL
    SELECT r.game_id, r.is_promoted, r.is_hardcore, r.unlocked, r.players,
           e.valid_to AS since, r.valid_to AS ended
    FROM distribution e
    JOIN distribution r
      ON r.game_id = e.game_id AND r.is_promoted = e.is_promoted
     AND r.is_hardcore = e.is_hardcore AND r.unlocked = e.unlocked - 1
     AND r.valid_from < e.valid_to AND coalesce(r.valid_to, '9999-12-31') > e.valid_to
    WHERE e.is_promoted = true AND e.is_hardcore = true AND e.valid_to IS NOT NULL
      AND NOT EXISTS (
        SELECT 1 FROM distribution n
        WHERE n.game_id = e.game_id AND n.is_promoted = e.is_promoted
          AND n.is_hardcore = e.is_hardcore AND n.unlocked = e.unlocked
          AND n.valid_from = e.valid_to
      )
) m
LEFT JOIN games g ON g.id = m.game_id
""",
    "v_rarity": """
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
""",
    "v_progress": """
CREATE VIEW v_progress AS
SELECT h.valid_from AS time,
       h.user_id AS user_id,
       u.name AS "user",
       u.ulid AS ulid,
       h.game_id AS game_id,
       g.title AS game,
       h.awarded AS awarded,
       h.awarded_hardcore AS awarded_hardcore,
       h.completion AS completion,
       h.completion_hardcore AS completion_hardcore,
       h.playtime_seconds AS playtime_seconds,
       h.award_kind AS award_kind,
       h.award_at AS award_at,
       h.valid_from AS valid_from,
       h.valid_to AS valid_to
FROM progress h
LEFT JOIN users u ON u.id = h.user_id
LEFT JOIN games g ON g.id = h.game_id
""",
    "v_players": """
CREATE VIEW v_players AS
SELECT h.valid_from AS time,
       h.game_id AS game_id,
       g.title AS game,
       h.players AS players,
       h.achievements AS achievements,
       h.valid_from AS valid_from,
       h.valid_to AS valid_to
FROM game_counters h
LEFT JOIN games g ON g.id = h.game_id
""",
    "v_discontinuities": """
CREATE VIEW v_discontinuities AS
SELECT d.time AS time,
       d.id AS id,
       d.scope AS scope,
       d.game_id AS game_id,
       g.title AS game,
       d.achievement_id AS achievement_id,
       a.title AS achievement,
       d.user_id AS user_id,
       u.name AS "user",
       d.job AS job,
       d.title AS title,
       d.note AS note,
       d.source AS source
FROM (
    SELECT d.at AS time, d.id, d.scope, d.title, d.note, d.source,
           CASE WHEN d.scope LIKE 'game:%'
                THEN CAST(substr(d.scope, 6) AS BIGINT) END AS game_id,
           CASE WHEN d.scope LIKE 'achievement:%'
                THEN CAST(substr(d.scope, 13) AS BIGINT) END AS achievement_id,
           CASE WHEN d.scope LIKE 'user:%'
                THEN CAST(substr(d.scope, 6) AS BIGINT) END AS user_id,
           CASE WHEN d.scope LIKE 'job:%' THEN substr(d.scope, 5) END AS job
    FROM discontinuities d
) d
LEFT JOIN games g ON g.id = d.game_id
LEFT JOIN achievements a ON a.id = d.achievement_id
LEFT JOIN users u ON u.id = d.user_id
""",
    "v_unlocks": V_UNLOCKS,
}

SQLITE = {
    "v_unlocks_per_day": """
CREATE VIEW v_unlocks_per_day AS
SELECT substr(coalesce(u.hardcore_at, u.unlocked_at), 1, 10) || ' 00:00:00' AS time,
       a.game_id AS game_id,
       g.title AS game,
       u.achievement_id AS achievement_id,
       a.title AS achievement,
       count(*) AS unlocks,
       count(u.hardcore_at) AS unlocks_hardcore
FROM unlocks u
JOIN achievements a ON a.id = u.achievement_id
LEFT JOIN games g ON g.id = a.game_id
WHERE u.valid_to IS NULL
GROUP BY substr(coalesce(u.hardcore_at, u.unlocked_at), 1, 10) || ' 00:00:00',
         a.game_id, g.title, u.achievement_id, a.title
""",
    "v_set_changes": """
CREATE VIEW v_set_changes AS
SELECT d.valid_from AS time,
       d.game_id AS game_id,
       g.title AS game,
       d.achievement_id AS achievement_id,
       d.achievement AS achievement,
       d.changed AS changed,
       d.old AS old,
       d.new AS new
FROM (
    SELECT n.valid_from, n.game_id, NULL AS achievement_id, NULL AS achievement, k.changed,
           CASE k.changed
             WHEN 'title' THEN CAST(o.title AS TEXT)
             WHEN 'console' THEN (SELECT name FROM consoles WHERE id = o.console_id)
             WHEN 'parent_game_id' THEN CAST(o.parent_game_id AS TEXT)
             WHEN 'forum_topic_id' THEN CAST(o.forum_topic_id AS TEXT)
             WHEN 'publisher' THEN CAST(o.publisher AS TEXT)
             WHEN 'developer' THEN CAST(o.developer AS TEXT)
             WHEN 'genre' THEN CAST(o.genre AS TEXT)
             WHEN 'released_on' THEN CAST(o.released_on AS TEXT)
             WHEN 'released_granularity' THEN CAST(o.released_granularity AS TEXT)
             WHEN 'image_icon' THEN CAST(o.image_icon AS TEXT)
             WHEN 'image_title' THEN CAST(o.image_title AS TEXT)
             WHEN 'image_ingame' THEN CAST(o.image_ingame AS TEXT)
             WHEN 'image_box_art' THEN CAST(o.image_box_art AS TEXT)
             WHEN 'rich_presence_md5' THEN CAST(o.rich_presence_md5 AS TEXT)
           END AS old,
           CASE k.changed
             WHEN 'title' THEN CAST(n.title AS TEXT)
             WHEN 'console' THEN (SELECT name FROM consoles WHERE id = n.console_id)
             WHEN 'parent_game_id' THEN CAST(n.parent_game_id AS TEXT)
             WHEN 'forum_topic_id' THEN CAST(n.forum_topic_id AS TEXT)
             WHEN 'publisher' THEN CAST(n.publisher AS TEXT)
             WHEN 'developer' THEN CAST(n.developer AS TEXT)
             WHEN 'genre' THEN CAST(n.genre AS TEXT)
             WHEN 'released_on' THEN CAST(n.released_on AS TEXT)
             WHEN 'released_granularity' THEN CAST(n.released_granularity AS TEXT)
             WHEN 'image_icon' THEN CAST(n.image_icon AS TEXT)
             WHEN 'image_title' THEN CAST(n.image_title AS TEXT)
             WHEN 'image_ingame' THEN CAST(n.image_ingame AS TEXT)
             WHEN 'image_box_art' THEN CAST(n.image_box_art AS TEXT)
             WHEN 'rich_presence_md5' THEN CAST(n.rich_presence_md5 AS TEXT)
           END AS new,
           false AS is_new
    FROM game_versions n
    JOIN game_versions o ON o.game_id = n.game_id AND o.valid_to = n.valid_from
    CROSS JOIN (
      SELECT 'title' AS changed
      UNION ALL SELECT 'console'
      UNION ALL SELECT 'parent_game_id'
      UNION ALL SELECT 'forum_topic_id'
      UNION ALL SELECT 'publisher'
      UNION ALL SELECT 'developer'
      UNION ALL SELECT 'genre'
      UNION ALL SELECT 'released_on'
      UNION ALL SELECT 'released_granularity'
      UNION ALL SELECT 'image_icon'
      UNION ALL SELECT 'image_title'
      UNION ALL SELECT 'image_ingame'
      UNION ALL SELECT 'image_box_art'
      UNION ALL SELECT 'rich_presence_md5'
    ) k
    UNION ALL
    SELECT n.valid_from, a.game_id, a.id AS achievement_id, a.title AS achievement, k.changed,
           CASE k.changed
             WHEN 'title' THEN CAST(o.title AS TEXT)
             WHEN 'description' THEN CAST(o.description AS TEXT)
             WHEN 'points' THEN CAST(o.points AS TEXT)
             WHEN 'type' THEN CAST(o.type AS TEXT)
             WHEN 'author' THEN (SELECT coalesce(name, ulid) FROM users WHERE id = o.author_id)
             WHEN 'badge_name' THEN CAST(o.badge_name AS TEXT)
             WHEN 'display_order' THEN CAST(o.display_order AS TEXT)
             WHEN 'mem_md5' THEN CAST(o.mem_md5 AS TEXT)
             WHEN 'is_promoted' THEN CASE o.is_promoted WHEN 1 THEN 'true' WHEN 0 THEN 'false' END
             WHEN 'game_id' THEN CAST(o.game_id AS TEXT)
           END AS old,
           CASE k.changed
             WHEN 'title' THEN CAST(n.title AS TEXT)
             WHEN 'description' THEN CAST(n.description AS TEXT)
             WHEN 'points' THEN CAST(n.points AS TEXT)
             WHEN 'type' THEN CAST(n.type AS TEXT)
             WHEN 'author' THEN (SELECT coalesce(name, ulid) FROM users WHERE id = n.author_id)
             WHEN 'badge_name' THEN CAST(n.badge_name AS TEXT)
             WHEN 'display_order' THEN CAST(n.display_order AS TEXT)
             WHEN 'mem_md5' THEN CAST(n.mem_md5 AS TEXT)
             WHEN 'is_promoted' THEN CASE n.is_promoted WHEN 1 THEN 'true' WHEN 0 THEN 'false' END
             WHEN 'game_id' THEN CAST(n.game_id AS TEXT)
           END AS new,
           false AS is_new
    FROM achievements a
    JOIN achievement_versions n ON n.achievement_id = a.id
    JOIN achievement_versions o ON o.achievement_id = a.id AND o.valid_to = n.valid_from
    CROSS JOIN (
      SELECT 'title' AS changed
      UNION ALL SELECT 'description'
      UNION ALL SELECT 'points'
      UNION ALL SELECT 'type'
      UNION ALL SELECT 'author'
      UNION ALL SELECT 'badge_name'
      UNION ALL SELECT 'display_order'
      UNION ALL SELECT 'mem_md5'
      UNION ALL SELECT 'is_promoted'
      UNION ALL SELECT 'game_id'
    ) k
    UNION ALL
    SELECT n.valid_from, a.game_id, a.id AS achievement_id, a.title AS achievement,
           'is_promoted' AS changed, NULL AS old,
           CASE n.is_promoted WHEN 1 THEN 'true' WHEN 0 THEN 'false' END AS new,
           true AS is_new
    FROM achievements a
    JOIN achievement_versions n ON n.achievement_id = a.id
    WHERE NOT EXISTS (
        SELECT 1 FROM achievement_versions o
        WHERE o.achievement_id = a.id AND o.valid_from < n.valid_from
      )
      AND n.valid_from > (
        SELECT min(f.valid_from) FROM game_versions f WHERE f.game_id = n.game_id
      )
) d
LEFT JOIN games g ON g.id = d.game_id
WHERE d.is_new OR d.old <> d.new OR (d.old IS NULL) <> (d.new IS NULL)
""",
    "v_coverage": """
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
}

POSTGRESQL = {
    "v_unlocks_per_day": """
CREATE VIEW v_unlocks_per_day AS
SELECT date_trunc('day', coalesce(u.hardcore_at, u.unlocked_at), 'UTC') AS time,
       a.game_id AS game_id,
       g.title AS game,
       u.achievement_id AS achievement_id,
       a.title AS achievement,
       count(*) AS unlocks,
       count(u.hardcore_at) AS unlocks_hardcore
FROM unlocks u
JOIN achievements a ON a.id = u.achievement_id
LEFT JOIN games g ON g.id = a.game_id
WHERE u.valid_to IS NULL
GROUP BY date_trunc('day', coalesce(u.hardcore_at, u.unlocked_at), 'UTC'),
         a.game_id, g.title, u.achievement_id, a.title
""",
    "v_set_changes": """
CREATE VIEW v_set_changes AS
SELECT d.valid_from AS time,
       d.game_id AS game_id,
       g.title AS game,
       d.achievement_id AS achievement_id,
       d.achievement AS achievement,
       d.changed AS changed,
       d.old AS old,
       d.new AS new
FROM (
    SELECT n.valid_from, n.game_id, NULL AS achievement_id, NULL AS achievement, k.changed,
           CASE k.changed
             WHEN 'title' THEN CAST(o.title AS TEXT)
             WHEN 'console' THEN (SELECT name FROM consoles WHERE id = o.console_id)
             WHEN 'parent_game_id' THEN CAST(o.parent_game_id AS TEXT)
             WHEN 'forum_topic_id' THEN CAST(o.forum_topic_id AS TEXT)
             WHEN 'publisher' THEN CAST(o.publisher AS TEXT)
             WHEN 'developer' THEN CAST(o.developer AS TEXT)
             WHEN 'genre' THEN CAST(o.genre AS TEXT)
             WHEN 'released_on' THEN CAST(o.released_on AS TEXT)
             WHEN 'released_granularity' THEN CAST(o.released_granularity AS TEXT)
             WHEN 'image_icon' THEN CAST(o.image_icon AS TEXT)
             WHEN 'image_title' THEN CAST(o.image_title AS TEXT)
             WHEN 'image_ingame' THEN CAST(o.image_ingame AS TEXT)
             WHEN 'image_box_art' THEN CAST(o.image_box_art AS TEXT)
             WHEN 'rich_presence_md5' THEN CAST(o.rich_presence_md5 AS TEXT)
           END AS old,
           CASE k.changed
             WHEN 'title' THEN CAST(n.title AS TEXT)
             WHEN 'console' THEN (SELECT name FROM consoles WHERE id = n.console_id)
             WHEN 'parent_game_id' THEN CAST(n.parent_game_id AS TEXT)
             WHEN 'forum_topic_id' THEN CAST(n.forum_topic_id AS TEXT)
             WHEN 'publisher' THEN CAST(n.publisher AS TEXT)
             WHEN 'developer' THEN CAST(n.developer AS TEXT)
             WHEN 'genre' THEN CAST(n.genre AS TEXT)
             WHEN 'released_on' THEN CAST(n.released_on AS TEXT)
             WHEN 'released_granularity' THEN CAST(n.released_granularity AS TEXT)
             WHEN 'image_icon' THEN CAST(n.image_icon AS TEXT)
             WHEN 'image_title' THEN CAST(n.image_title AS TEXT)
             WHEN 'image_ingame' THEN CAST(n.image_ingame AS TEXT)
             WHEN 'image_box_art' THEN CAST(n.image_box_art AS TEXT)
             WHEN 'rich_presence_md5' THEN CAST(n.rich_presence_md5 AS TEXT)
           END AS new,
           false AS is_new
    FROM game_versions n
    JOIN game_versions o ON o.game_id = n.game_id AND o.valid_to = n.valid_from
    CROSS JOIN (
      SELECT 'title' AS changed
      UNION ALL SELECT 'console'
      UNION ALL SELECT 'parent_game_id'
      UNION ALL SELECT 'forum_topic_id'
      UNION ALL SELECT 'publisher'
      UNION ALL SELECT 'developer'
      UNION ALL SELECT 'genre'
      UNION ALL SELECT 'released_on'
      UNION ALL SELECT 'released_granularity'
      UNION ALL SELECT 'image_icon'
      UNION ALL SELECT 'image_title'
      UNION ALL SELECT 'image_ingame'
      UNION ALL SELECT 'image_box_art'
      UNION ALL SELECT 'rich_presence_md5'
    ) k
    UNION ALL
    SELECT n.valid_from, a.game_id, a.id AS achievement_id, a.title AS achievement, k.changed,
           CASE k.changed
             WHEN 'title' THEN CAST(o.title AS TEXT)
             WHEN 'description' THEN CAST(o.description AS TEXT)
             WHEN 'points' THEN CAST(o.points AS TEXT)
             WHEN 'type' THEN CAST(o.type AS TEXT)
             WHEN 'author' THEN (SELECT coalesce(name, ulid) FROM users WHERE id = o.author_id)
             WHEN 'badge_name' THEN CAST(o.badge_name AS TEXT)
             WHEN 'display_order' THEN CAST(o.display_order AS TEXT)
             WHEN 'mem_md5' THEN CAST(o.mem_md5 AS TEXT)
             WHEN 'is_promoted' THEN CAST(o.is_promoted AS TEXT)
             WHEN 'game_id' THEN CAST(o.game_id AS TEXT)
           END AS old,
           CASE k.changed
             WHEN 'title' THEN CAST(n.title AS TEXT)
             WHEN 'description' THEN CAST(n.description AS TEXT)
             WHEN 'points' THEN CAST(n.points AS TEXT)
             WHEN 'type' THEN CAST(n.type AS TEXT)
             WHEN 'author' THEN (SELECT coalesce(name, ulid) FROM users WHERE id = n.author_id)
             WHEN 'badge_name' THEN CAST(n.badge_name AS TEXT)
             WHEN 'display_order' THEN CAST(n.display_order AS TEXT)
             WHEN 'mem_md5' THEN CAST(n.mem_md5 AS TEXT)
             WHEN 'is_promoted' THEN CAST(n.is_promoted AS TEXT)
             WHEN 'game_id' THEN CAST(n.game_id AS TEXT)
           END AS new,
           false AS is_new
    FROM achievements a
    JOIN achievement_versions n ON n.achievement_id = a.id
    JOIN achievement_versions o ON o.achievement_id = a.id AND o.valid_to = n.valid_from
    CROSS JOIN (
      SELECT 'title' AS changed
      UNION ALL SELECT 'description'
      UNION ALL SELECT 'points'
      UNION ALL SELECT 'type'
      UNION ALL SELECT 'author'
      UNION ALL SELECT 'badge_name'
      UNION ALL SELECT 'display_order'
      UNION ALL SELECT 'mem_md5'
      UNION ALL SELECT 'is_promoted'
      UNION ALL SELECT 'game_id'
    ) k
    UNION ALL
    SELECT n.valid_from, a.game_id, a.id AS achievement_id, a.title AS achievement,
           'is_promoted' AS changed, NULL AS old,
           CAST(n.is_promoted AS TEXT) AS new,
           true AS is_new
    FROM achievements a
    JOIN achievement_versions n ON n.achievement_id = a.id
    WHERE NOT EXISTS (
        SELECT 1 FROM achievement_versions o
        WHERE o.achievement_id = a.id AND o.valid_from < n.valid_from
      )
      AND n.valid_from > (
        SELECT min(f.valid_from) FROM game_versions f WHERE f.game_id = n.game_id
      )
) d
LEFT JOIN games g ON g.id = d.game_id
WHERE d.is_new OR d.old <> d.new OR (d.old IS NULL) <> (d.new IS NULL)
""",
    "v_coverage": """
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
        "discontinuities",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "at",
            sa.String(19).with_variant(
                postgresql.TIMESTAMP(timezone=True, precision=0), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(source = 'user') = (id >= 1000)", name=op.f("ck_discontinuities_source")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discontinuities")),
    )
    op.execute("DROP VIEW v_unlocks")
    for statement in _views().values():
        op.execute(statement)


def downgrade() -> None:
    for name in _views():
        op.execute(f"DROP VIEW {name}")
    op.execute(V_UNLOCKS)
    op.drop_table("discontinuities")


def _views() -> dict[str, str]:
    own = SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL
    return {**SHARED, **own}
