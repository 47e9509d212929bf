"""What a view is: its name, what it shows, what its columns mean, and one question it answers.

Views are written in the SQL that SQLite and PostgreSQL share; the few words that differ come
from `Words`. Every view has a column `time` and says by name what its rows are about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Table

Dialect = Literal["sqlite", "postgresql"]
LATEST: Final = "'9999-12-31'"  # after every instant, in both databases


@dataclass(frozen=True)
class Words:
    """The words in which the two databases differ; arguments are SQL."""

    dialect: Dialect

    def day(self, at: str) -> str:
        """Begin the UTC day of an instant."""
        if self.dialect == "sqlite":
            return f"substr({at}, 1, 10) || ' 00:00:00'"
        return f"date_trunc('day', {at}, 'UTC')"

    def seconds(self, since: str, until: str) -> str:
        """Count the seconds between two instants."""
        if self.dialect == "sqlite":
            return f"strftime('%s', {until}) - strftime('%s', {since})"
        return f"CAST(extract(epoch FROM {until} - {since}) AS BIGINT)"

    def truth(self, flag: str) -> str:
        """Write a boolean as text."""
        if self.dialect == "sqlite":
            return f"CASE {flag} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
        return f"CAST({flag} AS TEXT)"


@dataclass(frozen=True)
class View:
    """A view: its SELECT, the table whose columns it hands on, and the meanings of the others."""

    name: str
    about: str
    select: Callable[[Words], str]
    columns: Mapping[str, str | None]  # in order; None: as in `of`, or as in every view
    example: str
    question: str
    of: Table | None = None

    def meaning(self, column: str) -> str:
        """Tell what a column means, and its unit."""
        own = self.columns[column]
        if own is None and self.of is not None and column in self.of.c:
            own = self.of.c[column].doc
        return own or COMMON[column]

    def create(self, dialect: Dialect) -> str:
        """Write the statement that makes the view."""
        return f"CREATE VIEW {self.name} AS\n{self.select(Words(dialect)).strip()}"


COMMON: Final[Mapping[str, str]] = {
    "time": "since when this holds",
    "game_id": "RA's id of the game",
    "game": "its title now",
    "achievement_id": "RA's id of the achievement",
    "achievement": "its title now",
    "user_id": "our own number of the player",
    "user": "his name now",
    "ulid": "RA's stable id of the player",
    "developer_id": "our own number of the developer",
    "developer": "his name now",
    "valid_from": "since when this holds",
    "valid_to": "until when it held; null: still so",
}


def same(select: str) -> Callable[[Words], str]:
    """Make what both databases say alike."""
    return lambda _words: select


def inherited(*names: str) -> dict[str, str | None]:
    """Name columns whose meaning is known from elsewhere."""
    return dict.fromkeys(names)
