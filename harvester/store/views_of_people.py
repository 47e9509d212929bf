"""Views of people: tickets and who keeps them, unlocks, and how far players are."""

from typing import Final

from harvester.store import schema
from harvester.store.view import View, Words, inherited, same

TICKETS: Final = View(
    "v_tickets",
    "every ticket with the states it went through; `valid_to IS NULL`: as it is now",
    same("""
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
"""),
    {
        "time": "when it was reported, as RA tells it",
        "ticket_id": "RA's id of the ticket",
        **inherited("game_id", "game", "achievement_id", "achievement"),
        "developer_id": "our own number of who maintained the achievement then",
        "developer": "his name now",
        "reporter_id": "our own number of who reported it",
        "reporter": "his name now",
        **inherited("report_type", "is_hardcore", "notes", "reported_at"),
        "state": "open, request, resolved, closed or quarantined",
        "resolved_at": "when it was resolved or closed, as RA tells it",
        "resolver": "who resolved or closed it, by his name now",
        "gone_at": "when RA no longer listed it; null: it does",
        "valid_from": "since when we know of this state",
        "valid_to": "until when it held; null: still so",
    },
    """
SELECT ticket_id, achievement, reporter, reported_at
FROM v_tickets
WHERE valid_to IS NULL AND state = 'open' AND gone_at IS NULL
ORDER BY reported_at, ticket_id
LIMIT 5
""",
    "Which open tickets are the oldest?",
    schema.tickets,
)

DEVELOPER_TICKETS: Final = View(
    "v_developer_tickets",
    "tickets on a developer's achievements by state, over time",
    same("""
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
"""),
    {
        **inherited("time", "developer_id", "developer"),
        "ulid": "RA's stable id of the developer",
        **inherited("open", "closed", "resolved", "total", "valid_from", "valid_to"),
    },
    """
SELECT developer, open, total
FROM v_developer_tickets
WHERE valid_to IS NULL
ORDER BY open DESC, developer_id
""",
    "How many open tickets does each watched developer have?",
    schema.developer_ticket_counts,
)

UNLOCKS: Final = View(
    "v_unlocks",
    "who unlocked what and when; rows with a `valid_to` were upgraded or taken back",
    same("""
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
"""),
    {
        "time": "the hardcore date, else the first one",
        **inherited("game_id", "game", "achievement_id", "achievement"),
        **inherited("user_id", "user", "ulid"),
        "awarded_at": "the same: the hardcore date, else the first one",
        **inherited("unlocked_at", "hardcore_at"),
        "valid_from": "since when we know of it",
        "valid_to": "until when it was so; null: still so",
    },
    """
SELECT time, "user", achievement
FROM v_unlocks
WHERE game_id = 1 AND valid_to IS NULL
ORDER BY time DESC, achievement_id, user_id
LIMIT 5
""",
    "What was unlocked last in a game?",
    schema.unlocks,
)


def _unlocks_per_day(words: Words) -> str:
    day = words.day("coalesce(u.hardcore_at, u.unlocked_at)")
    return f"""
SELECT {day} AS time,
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
GROUP BY {day},
         a.game_id, g.title, u.achievement_id, a.title
"""


UNLOCKS_PER_DAY: Final = View(
    "v_unlocks_per_day",
    "unlocks that hold now, counted by UTC day, as far as the lists are read; a day without "
    "any has no row",
    _unlocks_per_day,
    {
        "time": "the day, by the hardcore date or else the first one",
        **inherited("game_id", "game", "achievement_id", "achievement"),
        "unlocks": "unlocks of that day in any mode",
        "unlocks_hardcore": "those of them in hardcore",
    },
    """
SELECT time, sum(unlocks) AS unlocks, sum(unlocks_hardcore) AS hardcore
FROM v_unlocks_per_day
WHERE game_id = 1
GROUP BY time
ORDER BY unlocks DESC, time
LIMIT 5
""",
    "On which days was most unlocked in a game?",
)

PROGRESS: Final = View(
    "v_progress",
    "how far watched players are in their games, over time",
    same("""
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
"""),
    inherited(
        *("time", "user_id", "user", "ulid", "game_id", "game", "awarded", "awarded_hardcore"),
        *("completion", "completion_hardcore", "playtime_seconds", "award_kind", "award_at"),
        *("valid_from", "valid_to"),
    ),
    """
SELECT "user", game, awarded, awarded_hardcore, playtime_seconds
FROM v_progress
WHERE valid_to IS NULL
ORDER BY completion DESC, user_id, game_id
""",
    "How far are the players I watch?",
    schema.progress,
)
