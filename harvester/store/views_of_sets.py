"""Views of sets of achievements: how rare each one is, and what was revised."""

from typing import Final

from harvester.store.view import LATEST, View, Words, inherited, same

# A share moves when the achievement's counters do, when the game's players do, and when the
# achievement changes its game or leaves the set; each of these begins a row. Bounds of the range
# of players are known before it is read, so that its index serves.
_HELD: Final = f"""
      SELECT a.id AS achievement_id, a.title AS achievement, a.game_id AS game_id,
             v.game_id AS played, v.is_promoted AS is_promoted,
             c.unlocks AS unlocks, c.unlocks_hardcore AS unlocks_hardcore,
             CASE WHEN c.valid_from > v.valid_from
                  THEN c.valid_from ELSE v.valid_from END AS began,
             CASE WHEN a.gone_at <= coalesce(c.valid_to, {LATEST})
                   AND a.gone_at <= coalesce(v.valid_to, {LATEST}) THEN a.gone_at
                  WHEN coalesce(c.valid_to, {LATEST}) < coalesce(v.valid_to, {LATEST})
                  THEN c.valid_to ELSE v.valid_to END AS ended
      FROM achievements a
      JOIN achievement_counters c ON c.achievement_id = a.id
      JOIN achievement_versions v
        ON v.achievement_id = a.id
       AND v.valid_from < coalesce(c.valid_to, {LATEST})
       AND coalesce(v.valid_to, {LATEST}) > c.valid_from
       AND coalesce(a.gone_at, {LATEST}) > c.valid_from
       AND coalesce(a.gone_at, {LATEST}) > v.valid_from"""
_OF_PLAYERS: Final = """/ CASE WHEN s.is_promoted = FALSE THEN NULL
                  ELSE nullif(s.players, 0) END"""
_TOLD: Final = """h.achievement_id, h.achievement, h.game_id,
           h.is_promoted, h.unlocks, h.unlocks_hardcore"""
_RARITY: Final = f"""
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
           {_OF_PLAYERS} AS rarity,
       CAST(s.unlocks_hardcore AS DOUBLE PRECISION)
           {_OF_PLAYERS} AS rarity_hardcore,
       CASE WHEN s.is_promoted = FALSE THEN NULL ELSE (
         SELECT r.true_ratio FROM achievement_ratios r
         WHERE r.achievement_id = s.achievement_id AND r.valid_from <= s.since
         ORDER BY r.valid_from DESC LIMIT 1
       ) END AS true_ratio,
       s.since AS valid_from,
       s.until AS valid_to
FROM (
    SELECT {_TOLD}, p.players, h.began AS since,
           CASE WHEN p.game_id IS NULL THEN coalesce((
                  SELECT CASE WHEN min(n.valid_from) < coalesce(h.ended, {LATEST})
                              THEN min(n.valid_from) END
                  FROM game_counters n WHERE n.game_id = h.played AND n.valid_from > h.began
                ), h.ended)
                WHEN coalesce(p.valid_to, {LATEST}) < coalesce(h.ended, {LATEST})
                THEN p.valid_to ELSE h.ended END AS until
    FROM ({_HELD}
    ) h
    LEFT JOIN game_counters p
      ON p.game_id = h.played
     AND p.valid_from = (
       SELECT max(n.valid_from) FROM game_counters n
       WHERE n.game_id = h.played AND n.valid_from <= h.began
     )
     AND coalesce(p.valid_to, {LATEST}) > h.began
    UNION ALL
    SELECT {_TOLD}, q.players, q.valid_from AS since,
           CASE WHEN coalesce(q.valid_to, {LATEST}) < coalesce(h.ended, {LATEST})
                THEN q.valid_to ELSE h.ended END AS until
    FROM ({_HELD}
    ) h
    JOIN game_counters q
      ON q.game_id = h.played
     AND q.valid_from > h.began AND q.valid_from < coalesce(h.ended, {LATEST})
) s
LEFT JOIN games g ON g.id = s.game_id
"""

RARITY: Final = View(
    "v_rarity",
    "which share of a game's players unlocked each achievement, over time",
    same(_RARITY),
    {
        **inherited("time", "game_id", "game", "achievement_id", "achievement"),
        "is_promoted": "true: it was official then; counters of others stand still",
        "unlocks": "ranked players who unlocked it in any mode",
        "unlocks_hardcore": "ranked players who unlocked it in hardcore",
        "players": "ranked players of the game it belonged to then",
        "rarity": "unlocks by players, 0 to 1; null where either is unknown or no set had it",
        "rarity_hardcore": "unlocks in hardcore by players, 0 to 1",
        "true_ratio": "RA's weighted points (RetroPoints) at `time`",
        **inherited("valid_from", "valid_to"),
    },
    """
SELECT achievement, unlocks, players, round(CAST(100 * rarity AS NUMERIC), 1) AS percent
FROM v_rarity
WHERE game_id = 1 AND is_promoted AND valid_to IS NULL
ORDER BY rarity, achievement_id
LIMIT 5
""",
    "Which achievements of a game are the rarest?",
)

_OF_GAMES: Final = (
    *("title", "console", "parent_game_id", "forum_topic_id", "publisher", "developer", "genre"),
    *("released_on", "released_granularity", "image_icon", "image_title", "image_ingame"),
    *("image_box_art", "rich_presence_md5"),
)
_OF_ACHIEVEMENTS: Final = (
    *("title", "description", "points", "type", "author", "badge_name", "display_order"),
    *("mem_md5", "is_promoted", "game_id"),
)


def _as_text(column: str, row: str, words: Words) -> str:
    """Write a column of a version as text."""
    special = {
        "console": f"(SELECT name FROM consoles WHERE id = {row}.console_id)",
        "author": f"(SELECT coalesce(name, ulid) FROM users WHERE id = {row}.author_id)",
        "is_promoted": words.truth(f"{row}.is_promoted"),
    }
    return special.get(column, f"CAST({row}.{column} AS TEXT)")


def _side(columns: tuple[str, ...], row: str, words: Words) -> str:
    """Choose the value of the column that is looked at."""
    cases = (f"WHEN '{name}' THEN {_as_text(name, row, words)}" for name in columns)
    return "CASE k.changed\n             {}\n           END".format("\n             ".join(cases))


def _names(columns: tuple[str, ...]) -> str:
    first, *others = columns
    rest = "".join(f"\n      UNION ALL SELECT '{name}'" for name in others)
    return f"SELECT '{first}' AS changed{rest}"


def _set_changes(words: Words) -> str:
    return f"""
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
           {_side(_OF_GAMES, "o", words)} AS old,
           {_side(_OF_GAMES, "n", words)} AS new,
           false AS is_new
    FROM game_versions n
    JOIN game_versions o ON o.game_id = n.game_id AND o.valid_to = n.valid_from
    CROSS JOIN (
      {_names(_OF_GAMES)}
    ) k
    UNION ALL
    SELECT n.valid_from, a.game_id, a.id AS achievement_id, a.title AS achievement, k.changed,
           {_side(_OF_ACHIEVEMENTS, "o", words)} AS old,
           {_side(_OF_ACHIEVEMENTS, "n", words)} AS new,
           false AS is_new
    FROM achievements a
    JOIN achievement_versions n ON n.achievement_id = a.id
    JOIN achievement_versions o ON o.achievement_id = a.id AND o.valid_to = n.valid_from
    CROSS JOIN (
      {_names(_OF_ACHIEVEMENTS)}
    ) k
    UNION ALL
    SELECT n.valid_from, a.game_id, a.id AS achievement_id, a.title AS achievement,
           'is_promoted' AS changed, NULL AS old,
           {_as_text("is_promoted", "n", words)} AS new,
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
"""


SET_CHANGES: Final = View(
    "v_set_changes",
    "what was revised in games and achievements: one row for each changed column",
    _set_changes,
    {
        "time": "when the change was seen",
        **inherited("game_id", "game"),
        "achievement_id": "RA's id of the achievement; null: the game itself changed",
        **inherited("achievement"),
        "changed": "the column of `games` or `achievements` that changed; `author` and `console` "
        "are told by name, RA's own dates are left out",
        "old": "what it was, as text; null: nothing, or the achievement is new",
        "new": "what it became, as text",
    },
    """
SELECT time, achievement, changed, old, new
FROM v_set_changes
WHERE game_id = 1 AND changed IN ('points', 'is_promoted')
ORDER BY time, achievement_id
LIMIT 6
""",
    "What was revised in a set: points, and what went in and out?",
)
