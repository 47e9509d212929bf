"""What the made-up RetroAchievements answers: bytes, as RA writes them.

Pages of unlocks are put together from rows that are written already. Everything else is
written once and kept until the world moves.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.world import TICKETS, Achievement, Game, World

Params = Mapping[str, str]
JSON = dict[str, object]
SECRETS = ("y", "z")
DATE = "2019-05-04 12:34:56"
ULID = "01HDEVELOPER00000000000000"


@dataclass
class Answers:
    """The answers about a world; `kept` are those that hold until it moves."""

    world: World
    kept: dict[str, bytes] = field(default_factory=dict)
    writers: dict[str, Callable[[], object]] = field(default_factory=dict)

    def refresh(self) -> None:
        """Write everything anew that was ever asked, so that nobody who asks next waits for it."""
        self.kept = {key: encode(write()) for key, write in self.writers.items()}

    def to(self, name: str, params: Params) -> bytes | None:
        """Answer one question; None where there is no such endpoint."""
        if name == "API_GetAchievementUnlocks":
            return self._unlocks(params)
        if name not in WRITERS:
            return None
        own = sorted((key, value) for key, value in params.items() if key not in SECRETS)
        return self._kept(f"{name} {own}", lambda: WRITERS[name](self.world, params))

    def _kept(self, key: str, write: Callable[[], object]) -> bytes:
        if key not in self.kept:
            self.kept[key], self.writers[key] = encode(write()), write
        return self.kept[key]

    def _unlocks(self, params: Params) -> bytes:
        """Put a page together; `c` is at most 500, and 50 where it is not told."""
        number = int(params.get("a", 0))
        offset, count = int(params.get("o", 0)), min(500, int(params.get("c", 50)))
        game = self.world.game_of(number)
        own = game.achievements[number - game.achievements[0].id]
        head = self._kept(f"head {number}", lambda: _unlocks_head(game, own))
        return head[:-1] + b',"Unlocks":[' + b",".join(own.rows[offset : offset + count]) + b"]}"


def encode(content: object) -> bytes:
    """Write JSON as PHP does: compact, slashes escaped."""
    return json.dumps(content, separators=(",", ":")).replace("/", "\\/").encode()


def _unlocks_head(game: Game, own: Achievement) -> JSON:
    achievement = {"ID": own.id, "Title": own.title, "Description": _description(own)}
    numbers = {"Points": own.points, "TrueRatio": _true_ratio(game, own)}
    author = {"Author": "Scott", "AuthorULID": ULID, "DateCreated": DATE, "DateModified": DATE}
    return {
        "Achievement": achievement | numbers | author | {"Type": None},
        "Console": {"ID": 1, "Title": "Genesis/Mega Drive"},
        "Game": {"ID": game.id, "Title": game.title},
        "UnlocksCount": len(own.unlocks),
        "UnlocksHardcoreCount": own.hardcore,
        "TotalPlayers": game.players,
    }


def _description(own: Achievement) -> str:
    act = own.id % 30 + 1
    return f"Finish act {act} without losing a life or a ring, and let the clock show under 2:00"


def _true_ratio(game: Game, own: Achievement) -> int:
    """Weigh the points by rarity, roughly as RA does."""
    return round(own.points * (0.4 + 0.6 * game.players / max(1, own.hardcore)))


def _game(world: World, params: Params) -> object:
    """Answer `API_GetGameInfoAndUserProgress`."""
    game = world.games.get(int(params.get("g", 0)))
    if game is None:
        return []
    player = _place(world, params.get("u", ""))
    items = {str(own.id): _item(game, own) | _earned(own, player) for own in game.achievements}
    return _about(game) | {"Achievements": items} | _progress(game, player)


def _game_extended(world: World, params: Params) -> object:
    """Answer `API_GetGameExtended`; there is nothing unofficial."""
    game = world.games.get(int(params.get("i", 0)))
    if game is None:
        return []
    listed = game.achievements if params.get("f", "3") == "3" else []
    items = {str(own.id): _item(game, own) for own in listed}
    extra: JSON = {"Flags": None, "Updated": "2025-05-04T12:34:56.000000Z", "Claims": []}
    return _about(game) | extra | {"Achievements": items, "NumAchievements": len(items)}


def _about(game: Game) -> JSON:
    return {
        "ID": game.id,
        "Title": game.title,
        "ConsoleID": 1,
        "ConsoleName": "Genesis/Mega Drive",
        "ParentGameID": None,
        "NumDistinctPlayers": game.players,
        "NumDistinctPlayersCasual": game.players,
        "NumDistinctPlayersHardcore": game.players,
        "NumAchievements": len(game.achievements),
        "ForumTopicID": game.id,
        "Flags": 0,
        "ImageIcon": "/Images/067895.png",
        "ImageTitle": "/Images/054993.png",
        "ImageIngame": "/Images/000010.png",
        "ImageBoxArt": "/Images/051872.png",
        "Publisher": "Sega",
        "Developer": "Sonic Team",
        "Genre": "2D Platforming",
        "Released": "1991-06-23",
        "ReleasedAtGranularity": "day",
        "IsFinal": False,
        "RichPresencePatch": "cce60593880d25c97797446ed33eaffb",
    }


def _item(game: Game, own: Achievement) -> JSON:
    return {
        "ID": own.id,
        "NumAwarded": len(own.unlocks),
        "NumAwardedHardcore": own.hardcore,
        "Title": own.title,
        "Description": _description(own),
        "Points": own.points,
        "TrueRatio": _true_ratio(game, own),
        "Author": "Scott",
        "AuthorULID": ULID,
        "DateModified": DATE,
        "DateCreated": DATE,
        "BadgeName": str(own.id),
        "DisplayOrder": own.id % 30,
        "MemAddr": f"{own.id:032x}",
        "Type": None,
    }


def _place(world: World, handle: str) -> int | None:
    """Find a player by ULID or name; a stranger is the key's owner, who holds nothing."""
    players = enumerate(world.players)
    return next((place for place, own in players if handle in {own.ulid, own.name}), None)


def _earned(own: Achievement, player: int | None) -> JSON:
    held = next((unlock for unlock in own.unlocks if unlock.player == player), None)
    if held is None:
        return {}
    return dict.fromkeys(("DateEarned", "DateEarnedHardcore")[: 1 + held.is_hardcore], DATE)


def _held(game: Game, player: int | None) -> tuple[int, int]:
    """Count what a player holds of a game, in all and in hardcore mode."""
    unlocks = (unlock for own in game.achievements for unlock in own.unlocks)
    modes = [unlock.is_hardcore for unlock in unlocks if unlock.player == player]
    return len(modes), sum(modes)


def _progress(game: Game, player: int | None) -> JSON:
    total, hardcore = _held(game, player)
    possible = max(1, len(game.achievements))
    return {
        "NumAwardedToUser": total,
        "NumAwardedToUserHardcore": hardcore,
        "UserCompletion": f"{100 * total / possible:.2f}%",
        "UserCompletionHardcore": f"{100 * hardcore / possible:.2f}%",
        "UserTotalPlaytime": 0,
        "HighestAwardKind": None,
        "HighestAwardDate": None,
    }


def _user_progress(world: World, params: Params) -> object:
    """Answer `API_GetUserProgress` for the games of the list `i`."""
    ids = [int(text) for text in params.get("i", "").split(",") if text.isdigit()]
    player = _place(world, params.get("u", ""))
    return {str(number): _sums(world.games.get(number), player) for number in ids} or []


def _sums(game: Game | None, player: int | None) -> JSON:
    total, hardcore = _held(game, player) if game else (0, 0)
    points = sum(own.points for own in game.achievements) if game else 0
    return {
        "NumPossibleAchievements": len(game.achievements) if game else 0,
        "PossibleScore": points,
        "NumAchieved": total,
        "ScoreAchieved": total,
        "NumAchievedHardcore": hardcore,
        "ScoreAchievedHardcore": hardcore,
    }


def _tickets(world: World, params: Params) -> object:
    """Answer `API_GetTicketData` about a developer or a game, with `d=1` the tickets, too."""
    if user := params.get("u"):
        place = _place(world, user)
        ulid = ULID if place is None else world.players[place].ulid
        name = user if place is None else world.players[place].name
        counts = {"Open": 3, "Closed": 5, "Resolved": 70, "Total": 78}
        return {"User": name, "ULID": ulid, **counts, "URL": f"https://ra.test/user/{name}/tickets"}
    game = world.games[int(params.get("g", 0))]
    head = {"GameID": game.id, "GameTitle": game.title, "ConsoleName": "Genesis/Mega Drive"}
    counted = {"OpenTickets": TICKETS, "URL": f"https://ra.test/game/{game.id}/tickets"}
    if params.get("d") != "1":
        return head | counted
    offset, count = int(params.get("o", 0)), min(100, int(params.get("c", 10)))
    numbers = range(TICKETS)[offset : offset + count]
    return head | counted | {"Tickets": [_ticket(world, game, number) for number in numbers]}


def _ticket(world: World, game: Game, number: int) -> JSON:
    own, reporter = game.achievements[number % len(game.achievements)], world.players[number]
    is_open = number % 10 == 0
    resolver = (
        {"ResolvedAt": None, "ResolvedBy": None, "ResolvedByULID": None}
        if is_open
        else {"ResolvedAt": DATE, "ResolvedBy": "Scott", "ResolvedByULID": ULID}
    )
    return {
        "ID": game.id * 1_000 - number,
        "AchievementID": own.id,
        "AchievementTitle": own.title,
        "AchievementDesc": _description(own),
        "AchievementType": None,
        "Points": own.points,
        "BadgeName": str(own.id),
        "AchievementAuthor": "Scott",
        "AchievementAuthorULID": ULID,
        "GameID": game.id,
        "ConsoleName": "Genesis/Mega Drive",
        "GameTitle": game.title,
        "GameIcon": "/Images/067895.png",
        "ReportedAt": DATE,
        "ReportType": 2,
        "ReportTypeDescription": "Did not trigger",
        "ReportState": 1 if is_open else 2,
        "ReportStateDescription": "Open" if is_open else "Resolved",
        "Hardcore": 1,
        "ReportNotes": "I finished the act, but nothing happened.\nRetroArch 1.19, newest core.",
        "ReportedBy": reporter.name,
        "ReportedByULID": reporter.ulid,
        **resolver,
    }


def _distribution(world: World, params: Params) -> object:
    """Answer `API_GetAchievementDistribution`: every bucket, zeros included."""
    game = world.games.get(int(params.get("i", 0)))
    if game is None or params.get("f", "3") == "5":
        return []
    held = game.holding[params.get("h", "0") != "0"]
    return {str(number): held[number] for number in range(1, len(game.achievements) + 1)}


WRITERS: dict[str, Callable[[World, Params], object]] = {
    "API_GetGameInfoAndUserProgress": _game,
    "API_GetGameExtended": _game_extended,
    "API_GetUserProgress": _user_progress,
    "API_GetTicketData": _tickets,
    "API_GetAchievementDistribution": _distribution,
}
