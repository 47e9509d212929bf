"""The one place where the dashboard asks for a trend: pages, charts and the API get the same."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from harvester.store import trends
from harvester.store.trends import Answer
from harvester.web import asked
from harvester.web.asked import Window

Keys = Mapping[str, Sequence[str]]


def answered(conn: Connection, name: str, keys: Keys, during: Window) -> Answer:
    """Answer a trend. Raises `ConfigError` as `trends.answer` does, and for ids that are none."""
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
