"""Views of games: tickets and players counted, how achievements spread, who mastered them."""

from typing import Final

from harvester.store import schema
from harvester.store.view import LATEST, View, inherited, same

GAME_TICKETS: Final = View(
    "v_game_tickets",
    "tickets of a game by state, over time",
    same("""
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
"""),
    inherited(
        *("time", "game_id", "game", "is_promoted", "reported", "open", "request"),
        *("resolved", "closed", "quarantined", "valid_from", "valid_to"),
    ),
    """
SELECT game, open, request, closed + resolved AS done
FROM v_game_tickets
WHERE valid_to IS NULL AND is_promoted
ORDER BY open DESC, game_id
""",
    "Which of my games has the most open tickets now?",
    schema.game_ticket_counts,
)

PLAYERS: Final = View(
    "v_players",
    "players and achievements of a game, over time",
    same("""
SELECT h.valid_from AS time,
       h.game_id AS game_id,
       g.title AS game,
       h.players AS players,
       h.achievements AS achievements,
       h.valid_from AS valid_from,
       h.valid_to AS valid_to
FROM game_counters h
LEFT JOIN games g ON g.id = h.game_id
"""),
    inherited("time", "game_id", "game", "players", "achievements", "valid_from", "valid_to"),
    """
SELECT game, min(players) AS fewest, max(players) AS most
FROM v_players
GROUP BY game_id, game
ORDER BY game_id
""",
    "How far did the number of players move since I watch?",
    schema.game_counters,
)

DISTRIBUTION: Final = View(
    "v_distribution",
    "how many players hold 1, 2, 3 … achievements of a game, over time",
    same("""
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
"""),
    inherited(
        *("time", "game_id", "game", "is_promoted", "is_hardcore", "unlocked", "players"),
        *("valid_from", "valid_to"),
    ),
    """
SELECT unlocked, players
FROM v_distribution
WHERE game_id = 1 AND is_promoted AND is_hardcore
  AND valid_from <= '2026-01-15 00:00:00'
  AND (valid_to IS NULL OR valid_to > '2026-01-15 00:00:00')
ORDER BY unlocked
""",
    "How many players held 1, 2, 3 … achievements on a certain day?",
    schema.distribution,
)

# The last bucket is who holds everything. Buckets are sent from 1 up to the size of the set, so
# a bucket is the last one while there is no next. A row becomes that when it begins without a
# next one, or when the next one ends (a set that shrank); and is no more when a next one begins.
_NEXT: Final = """FROM distribution n
        WHERE n.game_id = {row}.game_id AND n.is_promoted = {row}.is_promoted
          AND n.is_hardcore = {row}.is_hardcore AND n.unlocked = {row}.unlocked + 1"""
_LAST_FROM_ITS_BEGINNING: Final = f"""
    SELECT r.game_id, r.is_promoted, r.is_hardcore, r.unlocked, r.players,
           r.valid_from AS since, r.valid_to AS ended
    FROM distribution r
    WHERE r.is_promoted = true AND r.is_hardcore = true
      AND coalesce((
        SELECT coalesce(n.valid_to, {LATEST}) {_NEXT.format(row="r")}
          AND n.valid_from <= r.valid_from
        ORDER BY n.valid_from DESC LIMIT 1
      ), r.valid_from) <= r.valid_from"""
_LAST_SINCE_THE_NEXT_ENDED: Final = f"""
    SELECT r.game_id, r.is_promoted, r.is_hardcore, r.unlocked, r.players,
           e.valid_to AS since, r.valid_to AS ended
    FROM distribution e
    JOIN distribution r
      ON r.game_id = e.game_id AND r.is_promoted = e.is_promoted
     AND r.is_hardcore = e.is_hardcore AND r.unlocked = e.unlocked - 1
     AND r.valid_from < e.valid_to AND coalesce(r.valid_to, {LATEST}) > e.valid_to
    WHERE e.is_promoted = true AND e.is_hardcore = true AND e.valid_to IS NOT NULL
      AND NOT EXISTS (
        SELECT 1 FROM distribution n
        WHERE n.game_id = e.game_id AND n.is_promoted = e.is_promoted
          AND n.is_hardcore = e.is_hardcore AND n.unlocked = e.unlocked
          AND n.valid_from = e.valid_to
      )"""
_MASTERY: Final = f"""
SELECT m.since AS time,
       m.game_id AS game_id,
       g.title AS game,
       m.unlocked AS achievements,
       m.players AS mastered,
       m.since AS valid_from,
       coalesce((
         SELECT CASE WHEN min(n.valid_from) < coalesce(m.ended, {LATEST})
                     THEN min(n.valid_from) END {_NEXT.format(row="m")}
          AND n.valid_from > m.since
       ), m.ended) AS valid_to
FROM ({_LAST_FROM_ITS_BEGINNING}
    UNION ALL{_LAST_SINCE_THE_NEXT_ENDED}
) m
LEFT JOIN games g ON g.id = m.game_id
"""

MASTERY: Final = View(
    "v_mastery",
    "how many players hold all achievements of a game in hardcore, over time",
    same(_MASTERY),
    {
        **inherited("time", "game_id", "game"),
        "achievements": "how many official achievements that are",
        "mastered": "ranked players who hold all of them in hardcore",
        **inherited("valid_from", "valid_to"),
    },
    """
SELECT time, achievements, mastered
FROM v_mastery
WHERE game_id = 1
ORDER BY time
""",
    "How did mastery of a game move, and the size of its set?",
)
