"""`public/API/API_GetTicketData.php`: one script, six variants, chosen by the first match.

`i` > `f=1` > `u` > `g` > `a`, and whatever asks for none of them, be it by a bad id, gets
the site-wide recent list. The per-game `OpenTickets` counts tickets in every state.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from harvester.sandbox.records import Achievement, Game, State, Ticket, User
from harvester.sandbox.wire import SITE, Ended, Query, Reply, not_found, ok, stamp

if TYPE_CHECKING:
    from harvester.sandbox.world import World

STATES: dict[int, str] = {
    State.CLOSED: "Closed",
    State.OPEN: "Open",
    State.RESOLVED: "Resolved",
    State.REQUEST: "Request",
    State.QUARANTINED: "Pending Review",
}
TYPES = {1: "Triggered at the wrong time", 2: "Did not trigger"}
PENDING = (State.OPEN, State.REQUEST)
UNOFFICIAL = 5
MOST = 100


def ticket_data(world: "World", query: Query) -> Reply:
    """Answer the variant that the parameters choose."""
    if query.number("i") > 0:
        return _one(world, query.number("i"))
    if query.number("f") == 1:
        return _most_reported(world, query)
    if user := query.text("u"):
        return _of_developer(world, user)
    if query.number("g") > 0:
        return _of_game(world, query)
    if query.number("a") > 0:
        return _of_achievement(world, query.number("a"))
    return recent(world, query)


def recent(world: "World", query: Query) -> Reply:
    """List the open tickets of official achievements of the whole site, newest first."""
    rows = [row for row in _shown(world.tickets.values()) if row.state in PENDING]
    items = [_item(world, row) for row in _newest_first(world, rows)[query.page(10, MOST)]]
    return ok({"RecentTickets": items, "OpenTickets": len(rows), "URL": f"{SITE}/tickets"})


def _one(world: "World", ticket_id: int) -> Reply:
    """Soft-deleted tickets included: this variant reads the table as it is."""
    if (row := world.tickets.get(ticket_id)) is None:
        return not_found(f"Ticket ID {ticket_id} not found")
    return ok(_item(world, row) | {"URL": f"{SITE}/ticket/{ticket_id}"})


def _most_reported(world: "World", query: Query) -> Reply:
    """Count soft-deleted tickets too, and ignore the offset, as RA does."""
    rows = (row for row in world.tickets.values() if row.achievement.is_promoted)
    reported = Counter(row.achievement.game for row in rows if row.state in PENDING)
    count = min(MOST, query.number("c", 10))
    games = reported.most_common(count if count >= 1 else 20)
    items = [_most_reported_item(world, game, tickets) for game, tickets in games]
    return ok({"MostReportedGames": items, "URL": f"{SITE}/manage/most-reported-games"})


def _most_reported_item(world: "World", game: Game, tickets: int) -> dict[str, object]:
    return {
        "GameID": game.id,
        "GameTitle": game.title,
        "GameIcon": game.image_icon,
        "Console": world.consoles[game.console_id],
        "OpenTickets": tickets,
    }


def _of_developer(world: "World", identifier: str) -> Reply:
    """Count by whom the ticket was assigned to when it was reported."""
    user = world.people.find(identifier)
    if user is None or user.is_deleted:
        return not_found(f"User {identifier} not found")
    rows = [row for row in _shown(world.tickets.values()) if row.assignee is user]
    states = Counter(row.state for row in rows)
    counts = [states[state] for state in (State.OPEN, State.CLOSED, State.RESOLVED)]
    return ok(
        {
            "User": user.name,
            "ULID": user.told_ulid,
            **dict(zip(("Open", "Closed", "Resolved"), counts, strict=True)),
            "Total": sum(counts),
            "URL": f"{SITE}/user/{user.name}/tickets",
        }
    )


def _of_game(world: "World", query: Query) -> Reply:
    game = _game(world, query.number("g"))
    is_promoted = query.number("f") != UNOFFICIAL
    tickets = [row for achievement in game.achievements.values() for row in achievement.tickets]
    rows = _shown(tickets, is_promoted=is_promoted)
    content = {
        "GameID": game.id,
        "GameTitle": game.title,
        "ConsoleName": world.consoles[game.console_id],
        "OpenTickets": len(rows),
        "URL": f"{SITE}/game/{game.id}/tickets",
    }
    if query.number("d") != 1:
        return ok(content)
    items = [_item(world, row) for row in _newest_first(world, rows)[query.page(10, MOST)]]
    return ok(content | {"Tickets": items})


def _game(world: "World", game_id: int) -> Game:
    game = world.games.get(game_id)
    if game is None or game.is_deleted:
        raise Ended(not_found(f"Game ID {game_id} not found"))
    return game


def _of_achievement(world: "World", achievement_id: int) -> Reply:
    """Count open and request, whether the achievement is official or not."""
    achievement = world.achievements.get(achievement_id)
    if achievement is None or achievement.is_deleted:
        return not_found(f"Achievement ID {achievement_id} not found")
    rows = [row for row in achievement.tickets if not row.is_deleted and row.state in PENDING]
    return ok(
        {
            "AchievementID": achievement.id,
            "AchievementTitle": achievement.title,
            "AchievementDescription": achievement.description,
            "AchievementType": achievement.type,
            "URL": f"{SITE}/achievement/{achievement.id}/tickets",
            "OpenTickets": len(rows),
        }
    )


def _shown(tickets: Iterable[Ticket], *, is_promoted: bool = True) -> list[Ticket]:
    kept = (row for row in tickets if row.achievement.is_promoted is is_promoted)
    return [row for row in kept if not row.is_deleted]


def _newest_first(world: "World", tickets: Iterable[Ticket]) -> list[Ticket]:
    sign = 1 if world.is_newer_ticket_first else -1
    return sorted(tickets, key=lambda row: (row.reported_at, sign * row.id), reverse=True)


def _item(world: "World", row: Ticket) -> dict[str, object]:
    return {
        "ID": row.id,
        **_about(world, row.achievement),
        **_person("AchievementAuthor", row.assignee),
        "ReportedAt": stamp(row.reported_at),
        "ReportType": row.type,
        "ReportTypeDescription": TYPES.get(row.type, "Invalid ticket type"),
        "ReportNotes": row.notes,
        **_person("ReportedBy", row.reporter),
        "ResolvedAt": stamp(row.resolved_at),
        **_person("ResolvedBy", row.resolver),
        "ReportState": int(row.state),
        "ReportStateDescription": STATES.get(row.state, f"State {row.state}"),
        "Hardcore": None if row.is_hardcore is None else int(row.is_hardcore),
    }


def _about(world: "World", achievement: Achievement) -> dict[str, object]:
    return {
        "AchievementID": achievement.id,
        "AchievementTitle": achievement.title,
        "AchievementDesc": achievement.description,
        "AchievementType": achievement.type,
        "Points": achievement.points,
        "BadgeName": achievement.badge_name,
        "GameID": achievement.game.id,
        "ConsoleName": world.consoles[achievement.game.console_id],
        "GameTitle": achievement.game.title,
        "GameIcon": achievement.game.image_icon,
    }


def _person(key: str, user: User | None) -> dict[str, str | None]:
    return {
        key: None if user is None else user.name,
        f"{key}ULID": None if user is None else user.told_ulid,
    }
