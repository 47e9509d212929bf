"""Views of the harvest itself: when it looked, and what has to be known about the numbers."""

from typing import Final

from harvester.store import schema
from harvester.store.evidence import TOLERANCE
from harvester.store.view import View, Words, inherited


# From one success to the next, as long as that came in time; what was not watched is no hole.
def _coverage(words: Words) -> str:
    tolerated = f"{TOLERANCE} * coalesce(n.interval_seconds, p.interval_seconds)"
    return f"""
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
            ELSE {words.seconds("c.first_at", "c.covered_to")}
       END AS covered_seconds,
       CASE WHEN c.covered_to IS NOT NULL
                 AND {words.seconds("c.last_at", "c.next_at")} > c.tolerated
            THEN {_hole_before(words)} + CASE
                WHEN {words.seconds("c.unseen_from", "c.next_at")} > c.tolerated
                THEN {words.seconds("c.unseen_from", "c.next_at")} ELSE 0 END
            ELSE 0
       END AS hole_seconds
FROM (
    SELECT f.poll_id, f.job, p.target, p.game_id, p.achievement_id, p.user_id, f.outcome,
           f.times, f.requests, f.error, f.first_at, f.last_at, n.first_at AS next_at,
           CASE WHEN f.outcome NOT IN ('changed', 'unchanged') THEN NULL
                WHEN {words.seconds("f.last_at", "n.first_at")}
                     <= {tolerated}
                THEN n.first_at ELSE f.last_at END AS covered_to,
           CASE WHEN p.watched_from > f.last_at
                THEN p.watched_from ELSE f.last_at END AS unseen_from,
           {tolerated} AS tolerated
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
"""


# What of it lies in times that were watched before the poll left the watchlist and came back.
def _hole_before(words: Words) -> str:
    return f"""coalesce((
                SELECT CAST(sum({words.seconds("b.since", "b.until")}) AS BIGINT)
                FROM (
                  SELECT CASE WHEN w.watched_from > c.last_at
                              THEN w.watched_from ELSE c.last_at END AS since,
                         CASE WHEN w.watched_to < c.next_at
                              THEN w.watched_to ELSE c.next_at END AS until,
                         CASE WHEN w.watched_to < c.next_at
                              THEN {TOLERANCE} * w.interval_seconds
                              ELSE c.tolerated END AS tolerated
                  FROM watched_before w
                  WHERE w.poll_id = c.poll_id
                    AND w.watched_to > c.last_at AND w.watched_from < c.next_at
                ) b
                WHERE {words.seconds("b.since", "b.until")} > b.tolerated
            ), 0)"""


COVERAGE: Final = View(
    "v_coverage",
    "proof of looking: one row for each run of equal looks, and the hole after it, if any",
    _coverage,
    {
        "time": "the first of these looks",
        "poll_id": "what was asked: a row of `polls`",
        "job": "its job",
        "target": "about what, in words",
        **inherited("game_id", "game", "achievement_id", "achievement", "user_id", "user"),
        **inherited("outcome", "times", "requests", "error", "first_at", "last_at"),
        "covered_to": "until when nothing can have been missed for longer than planned: the next "
        "success if it came in time, else `last_at`; null: no success",
        "covered_seconds": "seconds from `first_at` to then",
        "hole_seconds": "watched seconds to the next success where it came late; 0: no hole",
    },
    """
SELECT job,
       sum(times) AS looks,
       sum(requests) AS requests,
       round(CAST(1.0 * sum(covered_seconds) / sum(covered_seconds + hole_seconds) AS NUMERIC), 3)
           AS covered
FROM v_coverage
GROUP BY job
ORDER BY job
""",
    "How complete is what was collected, by job?",
    schema.fetches,
)


def _id_in(scope: str) -> str:
    own = f"CAST(substr(d.scope, {len(scope) + 2}) AS BIGINT)"
    return f"CASE WHEN d.scope LIKE '{scope}:%'\n                THEN {own} END"


_DISCONTINUITIES: Final = f"""
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
           {_id_in("game")} AS game_id,
           {_id_in("achievement")} AS achievement_id,
           {_id_in("user")} AS user_id,
           CASE WHEN d.scope LIKE 'job:%' THEN substr(d.scope, 5) END AS job
    FROM discontinuities d
) d
LEFT JOIN games g ON g.id = d.game_id
LEFT JOIN achievements a ON a.id = d.achievement_id
LEFT JOIN users u ON u.id = d.user_id
"""

DISCONTINUITIES: Final = View(
    "v_discontinuities",
    "when a number began to mean something else: RA's doing, or noted by you",
    lambda _words: _DISCONTINUITIES,
    {
        "time": "the day, or the instant, from which it holds",
        **inherited("id", "scope", "game_id", "game", "achievement_id", "achievement"),
        **inherited("user_id", "user"),
        "job": "the job whose numbers it is about",
        **inherited("title", "note", "source"),
    },
    """
SELECT time, job, title
FROM v_discontinuities
WHERE source = 'ra' AND time >= '2026-01-01'
ORDER BY time, id
""",
    "What did RA change about its own numbers this year?",
    schema.discontinuities,
)
