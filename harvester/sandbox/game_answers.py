"""A game with its achievements, and how far players are in it.

`public/API/API_GetGameInfoAndUserProgress.php` (key `Type`, dates only where earned, 500
without an author), `API_GetGameExtended.php` (key `type`, `Flags` null, no player) and
`API_GetUserProgress.php`.
"""

import re
from typing import TYPE_CHECKING

from harvester.sandbox import figures
from harvester.sandbox.records import Achievement, Game, Unlock, User
from harvester.sandbox.wire import (
    Ended,
    Query,
    Reply,
    ok,
    server_error,
    stamp,
    stamp_iso,
    unprocessable,
)

if TYPE_CHECKING:
    from harvester.sandbox.world import World

IDENTIFIER = re.compile(r"[0-9A-Za-z]{2,20}|[0-9A-Za-z]{26}")
OFFICIAL, UNOFFICIAL = 3, 5


def game_and_progress(world: "World", query: Query) -> Reply:
    """Answer a game and one player's part in it; `[]` if either is unknown."""
    _require_valid(query)
    game, user = world.games.get(query.number("g")), world.people.find(query.text("u") or "")
    if game is None or game.is_deleted or user is None or user.is_deleted:
        return ok([])
    official = sorted(figures.listed(game), key=lambda row: row.display_order)
    if any(achievement.author is None for achievement in official):
        return server_error()
    with_award = query.text("a") == "1"
    items = {str(row.id): _earned_item(row, user) for row in official}
    return ok(
        _head(world, game, flags=0)
        | {"Achievements": items}
        | _progress(game, user)
        | (_award(game, user) if with_award else {})
    )


def game_extended(world: "World", query: Query) -> Reply:
    """Answer a game and its official (`f=3`) or unofficial (`f=5`) achievements."""
    flags = query.number("f", OFFICIAL)
    if flags not in (OFFICIAL, UNOFFICIAL):
        return unprocessable({"f": "The selected f is invalid."})
    if not (query.text("i") or "").isdigit():
        return unprocessable({"i": "The i field must be an integer."})
    game = world.games.get(query.number("i"))
    if game is None or game.is_deleted:
        return ok([])
    rows = figures.listed(game, is_promoted=flags == OFFICIAL)
    rows.sort(key=lambda row: row.modified_at)
    items = {str(row.id): _item(row) | {"type": row.type} for row in rows}
    extra = {"Updated": stamp_iso(game.updated_at), "Claims": [], "Achievements": items}
    return ok(_head(world, game, flags=None) | extra | {"NumAchievements": len(rows)})


def user_progress(world: "World", query: Query) -> Reply:
    """Answer how much of each game in the list `i` a player holds; zeros for unknown games."""
    user = world.people.find(query.text("u") or "")
    ids = [text.strip() for text in (query.text("i") or "").split(",")]
    asked = [int(text) for text in ids if text.isdigit()]
    if user is None or user.is_deleted:
        return ok([])
    return ok({str(game_id): _sums(world.games.get(game_id), user) for game_id in asked} or [])


def _require_valid(query: Query) -> None:
    """Check as RA does: `min:1` on `g` is about the length of the text, so 0 passes."""
    errors = {name: f"The {name} field is required." for name in "gu" if not query.text(name)}
    if not IDENTIFIER.fullmatch(query.text("u") or ""):
        errors.setdefault("u", "The u must be a valid username or ULID.")
    if errors:
        raise Ended(unprocessable(errors))


def _head(world: "World", game: Game, *, flags: int | None) -> dict[str, object]:
    players = figures.players(game)
    return {
        "ID": game.id,
        "Title": game.title,
        "ConsoleID": game.console_id,
        "ConsoleName": world.consoles[game.console_id],
        "ParentGameID": game.parent_game_id,
        "NumDistinctPlayers": players,
        "NumDistinctPlayersCasual": players,
        "NumDistinctPlayersHardcore": players,
        "NumAchievements": len(figures.listed(game)),
        "ForumTopicID": game.forum_topic_id,
        "Flags": flags,
        **_described(game),
        "IsFinal": False,
        "RichPresencePatch": game.rich_presence,
    }


def _described(game: Game) -> dict[str, object]:
    return {
        "ImageIcon": game.image_icon,
        "ImageTitle": game.image_title,
        "ImageIngame": game.image_ingame,
        "ImageBoxArt": game.image_box_art,
        "Publisher": game.publisher,
        "Developer": game.developer,
        "Genre": game.genre,
        "Released": game.released and game.released.isoformat(),
        "ReleasedAtGranularity": game.released_granularity,
    }


def _item(achievement: Achievement) -> dict[str, object]:
    unlocks, hardcore = figures.counters(achievement)
    author = achievement.author
    return {
        "ID": achievement.id,
        "NumAwarded": unlocks,
        "NumAwardedHardcore": hardcore,
        "Title": achievement.title,
        "Description": achievement.description,
        "Points": achievement.points,
        "TrueRatio": figures.true_ratio(achievement),
        "Author": author and author.name,
        "AuthorULID": author and author.told_ulid,
        "DateModified": stamp(achievement.modified_at),
        "DateCreated": stamp(achievement.created_at),
        "BadgeName": achievement.badge_name,
        "DisplayOrder": achievement.display_order,
        "MemAddr": achievement.mem_md5,
    }


def _earned_item(achievement: Achievement, user: User) -> dict[str, object]:
    row = achievement.unlocks.get(user.ulid)
    return _item(achievement) | {"Type": achievement.type} | ({} if row is None else _dates(row))


def _dates(row: Unlock) -> dict[str, str | None]:
    """Only dates that are: a casual unlock has no key for the hardcore one."""
    earned = {"DateEarned": stamp(row.unlocked_at)}
    hardcore = {"DateEarnedHardcore": stamp(row.hardcore_at)}
    return earned if row.hardcore_at is None else earned | hardcore


def _progress(game: Game, user: User) -> dict[str, object]:
    total, hardcore, possible = figures.standing(game, user)
    return {
        "NumAwardedToUser": total,
        "NumAwardedToUserHardcore": hardcore,
        "UserCompletion": f"{figures.percent(total, possible):.2f}%",
        "UserCompletionHardcore": f"{figures.percent(hardcore, possible):.2f}%",
        "UserTotalPlaytime": game.playtimes.get(user.ulid, 0),
    }


def _award(game: Game, user: User) -> dict[str, str | None]:
    award = figures.award(game, user)
    kind, date = (None, None) if award is None else (award[0], award[1].isoformat())
    return {"HighestAwardKind": kind, "HighestAwardDate": date}


def _sums(game: Game | None, user: User) -> dict[str, int]:
    official = [] if game is None or game.is_deleted else figures.listed(game)
    held = [row for row in official if user.ulid in row.unlocks]
    hardcore = [row for row in held if row.unlocks[user.ulid].hardcore_at]
    sums = {"PossibleAchievements": official, "Achieved": held, "AchievedHardcore": hardcore}
    scores = {"PossibleScore": official, "ScoreAchieved": held, "ScoreAchievedHardcore": hardcore}
    return {f"Num{key}": len(rows) for key, rows in sums.items()} | {
        key: sum(row.points for row in rows) for key, rows in scores.items()
    }
