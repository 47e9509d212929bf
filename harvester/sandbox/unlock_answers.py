"""Who unlocked an achievement, and how many achievements players hold.

`public/API/API_GetAchievementUnlocks.php` sorts by the effective date and by nothing else:
within a second MariaDB returned rows by id descending on shallow pages and ascending on deep
ones. `public/API/API_GetAchievementDistribution.php` answers `[]` for everything empty.
"""

from typing import TYPE_CHECKING

from harvester.sandbox import figures
from harvester.sandbox.records import Achievement, Unlock
from harvester.sandbox.wire import Query, Reply, encode, ok, stamp, stamp_iso

if TYPE_CHECKING:
    from harvester.sandbox.world import World

UNOFFICIAL = 5
MOST = 500


def achievement_unlocks(world: "World", query: Query) -> Reply:
    """Answer a page of the players who unlocked `a`, newest first, unranked ones too."""
    achievement_id, page = query.number("a"), query.page(50, MOST)
    if achievement_id == 0:
        return ok({"Achievement": {"ID": None}})
    achievement = world.achievements.get(achievement_id)
    if achievement is None or achievement.is_deleted:
        return _no_such_achievement()
    rows = ordered(achievement, is_deep=page.stop > world.tie_switch)[page]
    return ok(_head(world, achievement) | {"Unlocks": [_item(row) for row in rows]})


def ordered(achievement: Achievement, *, is_deep: bool) -> list[Unlock]:
    """Return all rows in the order of deep or shallow pages; they differ within a second."""
    if is_deep not in achievement.orders:
        by_id = list(achievement.unlocks.values())
        rows = by_id if is_deep else by_id[::-1]
        achievement.orders[is_deep] = sorted(rows, key=_effective_at, reverse=True)
    return achievement.orders[is_deep]


def _effective_at(row: Unlock) -> float:
    return row.effective_at.timestamp()


def _no_such_achievement() -> Reply:
    counts = {"UnlocksCount": 0, "UnlocksHardcoreCount": 0, "TotalPlayers": 0}
    return Reply(404, encode({"Achievement": []} | counts | {"Unlocks": []}))


def _head(world: "World", achievement: Achievement) -> dict[str, object]:
    unlocks, hardcore = figures.counters(achievement)
    game = achievement.game
    return {
        "Achievement": _about(achievement),
        "Console": {"ID": game.console_id, "Title": world.consoles[game.console_id]},
        "Game": {"ID": game.id, "Title": game.title},
        "UnlocksCount": unlocks,
        "UnlocksHardcoreCount": hardcore,
        "TotalPlayers": figures.players(game),
    }


def _about(achievement: Achievement) -> dict[str, object]:
    author = achievement.author
    return {
        "ID": achievement.id,
        "Title": achievement.title,
        "Description": achievement.description,
        "Points": achievement.points,
        "TrueRatio": figures.true_ratio(achievement),
        "Author": author and author.name,
        "AuthorULID": author and author.told_ulid,
        "DateCreated": stamp(achievement.created_at),
        "DateModified": stamp(achievement.modified_at),
        "Type": achievement.type,
    }


def _item(row: Unlock) -> dict[str, object]:
    return {
        "User": row.user.name,
        "ULID": row.user.told_ulid,
        "RAPoints": row.user.points,
        "RASoftcorePoints": row.user.softcore_points,
        "DateAwarded": stamp_iso(row.effective_at),
        "HardcoreMode": int(row.hardcore_at is not None),
    }


def achievement_distribution(world: "World", query: Query) -> Reply:
    """Answer players per number of achievements held of the game `i`; any `h` is hardcore."""
    game = world.games.get(query.number("i"))
    if game is None or game.is_deleted:
        return ok([])
    buckets = figures.distribution(
        game,
        is_hardcore=query.number("h") != 0,
        is_promoted=query.number("f") != UNOFFICIAL,
        owner=world.owner.ulid,
    )
    return ok({str(bucket): held for bucket, held in buckets.items()} or [])
