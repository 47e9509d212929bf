"""The floor: the least that can be done with Python and SQLite. No feature at all.

requests -> orjson -> `executemany` of an upsert, a transaction per page. It forgets nothing
only because it reads everything, every time.
"""

import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import requests

PAGE = 500
TABLES = """
CREATE TABLE IF NOT EXISTS unlocks (
  achievement_id INTEGER, ulid TEXT, name TEXT, date TEXT, is_hardcore INTEGER,
  PRIMARY KEY (achievement_id, ulid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (
  achievement_id INTEGER PRIMARY KEY, unlocks INTEGER, hardcore INTEGER
);
CREATE TABLE IF NOT EXISTS numbers (
  game_id INTEGER, what TEXT, place INTEGER, value INTEGER, PRIMARY KEY (game_id, what, place)
) WITHOUT ROWID;
"""
UNLOCK = """
INSERT INTO unlocks VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET name = excluded.name, date = excluded.date, is_hardcore = excluded.is_hardcore
"""
COUNTER = """
INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE
SET unlocks = excluded.unlocks, hardcore = excluded.hardcore
"""
NUMBER = "INSERT INTO numbers VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"


class Floor:
    """One connection to the server, one to the database."""

    def __init__(self, base_url: str, path: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(TABLES)

    def get(self, name: str, **params: str | int) -> Any:  # noqa: ANN401 - decoded JSON
        """Ask one thing."""
        url = f"{self.base_url}API_Get{name}.php"
        return orjson.loads(self.session.get(url, params={"y": "key", **params}).content)

    def game(self, game: int) -> None:
        """Ask everything about a game, once."""
        progress = self.get("GameInfoAndUserProgress", g=game, u="Owner", a=1)
        achievements = progress["Achievements"].values()
        counters = [
            (one["ID"], one["NumAwarded"], one["NumAwardedHardcore"]) for one in achievements
        ]
        with self.db:
            self.db.executemany(COUNTER, counters)
            self.db.executemany(NUMBER, self.numbers(game, progress["NumDistinctPlayers"]))
        for one in achievements:
            self.unlocks(one["ID"])

    def numbers(self, game: int, players: int) -> Iterator[tuple[int, str, int, int]]:
        """Ask for the tickets and the two distributions of a game."""
        yield game, "players", 0, players
        yield game, "tickets", 0, self.get("TicketData", g=game)["OpenTickets"]
        for mode in (0, 1):
            for place, held in self.get("AchievementDistribution", i=game, h=mode).items():
                yield game, f"distribution {mode}", int(place), held

    def unlocks(self, achievement: int) -> None:
        """Read a whole list, each page beginning with the last row of the one before."""
        offset, page = 0, PAGE
        while page == PAGE:
            rows = self.get("AchievementUnlocks", a=achievement, c=PAGE, o=offset)["Unlocks"]
            with self.db:
                self.db.executemany(
                    UNLOCK,
                    [
                        (
                            achievement,
                            row["ULID"],
                            row["User"],
                            row["DateAwarded"],
                            row["HardcoreMode"],
                        )
                        for row in rows
                    ],
                )
            offset, page = offset + PAGE - 1, len(rows)


def main() -> None:
    """Read all games of the command line."""
    _, base_url, games, path = sys.argv
    floor = Floor(base_url, path)
    for game in games.split(","):
        floor.game(int(game))
    floor.db.close()


if __name__ == "__main__":
    main()
