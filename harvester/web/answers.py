"""The one place where the dashboard asks for a trend: pages, charts and the API get the same."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from harvester.errors import ConfigError
from harvester.store import cards, subjects, trends
from harvester.store.trends import TRENDS, Answer
from harvester.web import asked
from harvester.web.asked import Window

MOST_ROWS: Final = 250_000  # a year of days of a large set; some seconds, some 100 MB
Keys = Mapping[str, Sequence[str]]


class TooMuch(ConfigError):
    """The answer would be too large for a page; a page can do without it."""


def answered(conn: Connection, name: str, keys: Keys, during: Window) -> Answer:
    """Answer a trend.

    Raises `ConfigError` as `trends.answer` does, and for ids that are none; `TooMuch` for what
    could come to more than `MOST_ROWS`, for it would be in memory as a whole.
    """
    games = asked.ids(keys.get("game", ()), "game")
    if during.periods * _series(conn, name, keys, games) > MOST_ROWS:
        raise TooMuch("that is too much at a time: ask for fewer keys, or longer periods")
    return trends.answer(
        conn,
        name,
        games=games,
        achievements=asked.ids(keys.get("achievement", ()), "achievement"),
        users=keys.get("user", ()),
        developers=keys.get("developer", ()),
        since=during.since,
        until=during.until,
        every=during.every,
        zone=during.zone,
    )


def ends(
    conn: Connection, name: str, games: Collection[int], during: Window
) -> Sequence[Mapping[str, Any]]:
    """Tell what the numbers of games were when the range began, and are at its end."""
    return trends.ends(conn, name, games=games, since=during.since, until=during.until)


def _series(conn: Connection, name: str, keys: Keys, games: Collection[int]) -> int:
    """Count the series of an answer, about: a game may stand for all of its achievements."""
    given = sum(map(len, keys.values()))
    if name == "distribution":
        return given + 2 * cards.count_achievements(conn, games)  # hardcore and casual
    if "achievement" in TRENDS[name].keys and name != "changes":  # which has no periods
        return given + cards.count_achievements(conn, games)
    if name == "progress" and not games:
        own = subjects.people(conn, keys.get("user", ()), called="user")
        return given + cards.count_games(conn, own)
    return given
