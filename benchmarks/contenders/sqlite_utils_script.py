"""requests + sqlite-utils: the script that people write first."""

import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import requests
import sqlite_utils

PAGE = 500


class Script:
    """One connection to the server, one to the database."""

    def __init__(self, base_url: str, path: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.db = sqlite_utils.Database(sqlite3.connect(path))
        self.db.enable_wal()
        self.db.execute("PRAGMA synchronous = NORMAL")  # as the others do

    def get(self, name: str, **params: str | int) -> Any:  # noqa: ANN401 - decoded JSON
        """Ask one thing."""
        url = f"{self.base_url}API_Get{name}.php"
        return self.session.get(url, params={"y": "key", **params}).json()

    def upsert(self, table: str, rows: Any, *pk: str) -> None:  # noqa: ANN401 - any rows
        """Write rows, in one transaction."""
        self.db[table].upsert_all(rows, pk=pk, batch_size=PAGE)

    def game(self, game: int) -> None:
        """Ask everything about a game, once."""
        progress = self.get("GameInfoAndUserProgress", g=game, u="Owner", a=1)
        achievements = list(progress.pop("Achievements").values())
        self.upsert("games", [progress], "ID")
        self.upsert("achievements", achievements, "ID")
        self.upsert("tickets", [self.get("TicketData", g=game)], "GameID")
        self.upsert("distribution", list(self.distribution(game)), "game", "h", "place")
        for one in achievements:
            self.unlocks(one["ID"])

    def distribution(self, game: int) -> Iterator[dict[str, int]]:
        """Ask for the two distributions of a game."""
        for mode in (0, 1):
            for place, held in self.get("AchievementDistribution", i=game, h=mode).items():
                yield {"game": game, "h": mode, "place": int(place), "players": held}

    def unlocks(self, achievement: int) -> None:
        """Read a whole list, each page beginning with the last row of the one before."""
        offset, page = 0, PAGE
        while page == PAGE:
            rows = self.get("AchievementUnlocks", a=achievement, c=PAGE, o=offset)["Unlocks"]
            kept = [{"achievement_id": achievement, **_row(row)} for row in rows]
            self.upsert("unlocks", kept, "achievement_id", "ulid")
            offset, page = offset + PAGE - 1, len(rows)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Keep of a row what the floor keeps."""
    return {
        "ulid": row["ULID"],
        "name": row["User"],
        "date": row["DateAwarded"],
        "is_hardcore": row["HardcoreMode"],
    }


def main() -> None:
    """Read all games of the command line."""
    _, base_url, games, path = sys.argv
    script = Script(base_url, path)
    for game in games.split(","):
        script.game(int(game))
    script.db.close()


if __name__ == "__main__":
    main()
