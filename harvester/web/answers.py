"""The one place where the dashboard asks for a trend: pages, charts and the API get the same."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypedDict

from sqlalchemy import Connection

from harvester.errors import ConfigError
from harvester.store import cards, notes, subjects, trends
from harvester.store.notes import Note
from harvester.store.trends import TRENDS, Answer, Points
from harvester.web import asked
from harvester.web.asked import Window

MOST_ROWS: Final = 250_000  # a year of days of a large set; some seconds, some 100 MB
Keys = Mapping[str, Sequence[str]]


class TooMuch(ConfigError):
    """The answer would be too large for a page; a page can do without it."""


class _About(TypedDict):
    """Whom a question is about, by the names that the store has for it."""

    games: Sequence[int]
    achievements: Sequence[int]
    users: Sequence[str]
    developers: Sequence[str]


def answered(conn: Connection, name: str, keys: Keys, during: Window) -> Answer:
    """Answer a trend.

    Raises `ConfigError` as `trends.answer` does, and for ids that are none; `TooMuch` for what
    could come to more than `MOST_ROWS`, for it would be in memory as a whole.
    """
    about = _about(keys)
    if during.periods * _series(conn, name, keys, about["games"]) > MOST_ROWS:
        raise TooMuch("that is too much at a time: ask for fewer keys, or longer periods")
    return trends.answer(
        conn,
        name,
        **about,
        since=during.since,
        until=during.until,
        every=during.every,
        zone=during.zone,
        now=during.now,
    )


def noted(
    conn: Connection, name: str, keys: Keys, jobs: Sequence[str], ends: Mapping[str, datetime]
) -> list[Note]:
    """List notes: with the name of a trend those that its answer goes with, without all there are.

    Raises `ConfigError` as `answered` does.
    """
    about, since, until = _about(keys), ends.get("since"), ends.get("until")
    if name:
        return trends.noted(conn, name, **about, since=since, until=until)
    is_narrowed = bool(jobs or any(about.values()))
    scopes = notes.about(conn, **about, jobs=jobs) if is_narrowed else None
    return notes.listed(conn, since=since, until=until, scopes=scopes)


def _about(keys: Keys) -> _About:
    return {
        "games": asked.ids(keys.get("game", ()), "game"),
        "achievements": asked.ids(keys.get("achievement", ()), "achievement"),
        "users": keys.get("user", ()),
        "developers": keys.get("developer", ()),
    }


def lines(
    conn: Connection, name: str, games: Collection[int], during: Window
) -> Sequence[tuple[Mapping[str, Any], Points]]:
    """Tell how the numbers of games went, and what they were at both ends of the range."""
    return trends.lines(
        conn,
        name,
        games=games,
        since=during.since,
        until=during.until,
        every=during.every,
        zone=during.zone,
        now=during.now,
    )


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
