"""dlt: generator resources over its own HTTP session, merged on primary keys into SQLite."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.helpers import requests

PAGE = 500
Rows = Iterator[list[dict[str, Any]]]


def _get(base_url: str, name: str, **params: str | int) -> Any:  # noqa: ANN401 - decoded JSON
    url = f"{base_url}API_Get{name}.php"
    return requests.get(url, params={"y": "key", **params}).json()


@dlt.source(name="ra")
def _site(base_url: str, games: list[int]) -> Any:  # noqa: ANN401 - dlt's resources
    progress = {
        game: _get(base_url, "GameInfoAndUserProgress", g=game, u="Owner", a=1) for game in games
    }

    @dlt.resource(write_disposition="merge", primary_key="ID")
    def achievements() -> Rows:
        for answer in progress.values():
            yield list(answer["Achievements"].values())

    @dlt.resource(write_disposition="merge", primary_key="GameID")
    def tickets() -> Rows:
        yield [_get(base_url, "TicketData", g=game) for game in games]

    @dlt.resource(write_disposition="merge", primary_key=("game", "h", "place"))
    def distribution() -> Rows:
        for game in games:
            for mode in (0, 1):
                answer = _get(base_url, "AchievementDistribution", i=game, h=mode)
                yield [
                    {"game": game, "h": mode, "place": int(place), "players": held}
                    for place, held in answer.items()
                ]

    @dlt.resource(write_disposition="merge", primary_key=("achievement_id", "ulid"))
    def unlocks() -> Rows:
        for answer in progress.values():
            for achievement in answer["Achievements"].values():
                yield from _unlocks(base_url, achievement["ID"])

    return achievements, tickets, distribution, unlocks


def _unlocks(base_url: str, achievement: int) -> Rows:
    """Read a whole list, each page beginning with the last row of the one before.

    That row is left out: with primary keys dlt's staging tables take no row twice.
    """
    offset, page = 0, PAGE
    while page == PAGE:
        answer = _get(base_url, "AchievementUnlocks", a=achievement, c=PAGE, o=offset)
        rows = answer["Unlocks"][1 if offset else 0 :]
        yield [{"achievement_id": achievement, **_row(row)} for row in rows]
        offset, page = offset + PAGE - 1, len(answer["Unlocks"])


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Keep of a row what the floor keeps."""
    return {
        "ulid": row["ULID"],
        "name": row["User"],
        "date": row["DateAwarded"],
        "is_hardcore": row["HardcoreMode"],
    }


def main() -> None:
    """Load all games of the command line; `create_primary_keys` saves it from quadratic time."""
    _, base_url, games, path = sys.argv
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(Path(path).parent / "dlt"),
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{path}", create_primary_keys=True),
        dataset_name="main",
    )
    pipeline.run(_site(base_url, [int(game) for game in games.split(",")]))


if __name__ == "__main__":
    main()
