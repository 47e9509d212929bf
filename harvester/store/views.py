"""The views, the friendliest door to the database: names instead of ids, and a column `time`.

They are made by migrations, which hold their own copies; a test compares those with these.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, text

from harvester.store import views_of_games, views_of_harvest, views_of_people, views_of_sets
from harvester.store.view import Dialect, View

VIEWS: Final[Mapping[str, View]] = {
    view.name: view
    for view in (
        views_of_games.GAME_TICKETS,
        views_of_people.TICKETS,
        views_of_people.DEVELOPER_TICKETS,
        views_of_games.DISTRIBUTION,
        views_of_games.MASTERY,
        views_of_sets.RARITY,
        views_of_people.UNLOCKS,
        views_of_people.UNLOCKS_PER_DAY,
        views_of_people.PROGRESS,
        views_of_games.PLAYERS,
        views_of_sets.SET_CHANGES,
        views_of_harvest.COVERAGE,
        views_of_harvest.DISCONTINUITIES,
    )
}


def create(conn: Connection) -> None:
    """Make all views in a database that has the tables and none of them."""
    dialect: Dialect = "sqlite" if conn.dialect.name == "sqlite" else "postgresql"
    for view in VIEWS.values():
        conn.execute(text(view.create(dialect)))
