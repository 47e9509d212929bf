"""The one place where the dashboard asks for a trend: pages, charts and the API get the same."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from harvester.errors import ConfigError
from harvester.store import trends
from harvester.store.trends import Answer
from harvester.web import asked
from harvester.web.asked import Window

MOST_POINTS: Final = 50_000
Keys = Mapping[str, Sequence[str]]


def answered(conn: Connection, name: str, keys: Keys, during: Window) -> Answer:
    """Answer a trend.

    Raises `ConfigError` as `trends.answer` does, for ids that are none, and for more than
    `MOST_POINTS` keys times periods.
    """
    if during.periods * sum(map(len, keys.values())) > MOST_POINTS:
        raise ConfigError("that is too much at a time: ask for fewer keys, or longer periods")
    return trends.answer(
        conn,
        name,
        games=asked.ids(keys.get("game", ()), "game"),
        achievements=asked.ids(keys.get("achievement", ()), "achievement"),
        users=keys.get("user", ()),
        developers=keys.get("developer", ()),
        since=during.since,
        until=during.until,
        every=during.every,
        zone=during.zone,
    )
