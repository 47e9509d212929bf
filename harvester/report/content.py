"""What stands in the report: the watchlist at a glance, then games, players and developers.

Every number comes from the trends. Its size does not grow with the watchlist: all games are in
the overview, those that moved most get a section of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import Connection

from harvester import charts, wording
from harvester.charts import sparklines
from harvester.charts.ticks import zone_name
from harvester.report import figures
from harvester.report.figures import Figure, Row, Table
from harvester.store import notes, report, trends
from harvester.store.notes import Note
from harvester.store.series import Period
from harvester.store.watched import watched

MOST_GAMES: Final = 30  # that get a section of their own
MOST_PEOPLE: Final = 20
RAREST: Final = 25
_DAILY: Final = timedelta(days=62)
_WEEKLY: Final = timedelta(days=731)


@dataclass(frozen=True)
class Course:
    """How one number of a game went: at first, at last, and the line between."""

    values: Sequence[float | None]

    @property
    def known(self) -> Sequence[float]:
        """The values that are known."""
        return [value for value in self.values if value is not None]

    @property
    def now(self) -> str:
        """The newest one that is known."""
        return wording.number(self.known[-1] if self.known else None)

    @property
    def moved(self) -> float:
        """By how much it changed."""
        return self.known[-1] - self.known[0] if self.known else 0

    @property
    def change(self) -> str:
        """The same in words."""
        return figures.change(self.known[0], self.known[-1]) if self.known else wording.NOTHING

    @property
    def strokes(self) -> Sequence[str]:
        """The line."""
        return sparklines.lines(self.values)


@dataclass(frozen=True)
class Glance:
    """A line of the overview."""

    game: int
    title: str
    players: Course
    tickets: Course

    @property
    def anchor(self) -> str:
        """Where its section is, if it has one."""
        return f"game-{self.game}"

    @property
    def moved(self) -> float:
        """How much went on."""
        return abs(self.players.moved) + abs(self.tickets.moved)


@dataclass(frozen=True)
class Section:
    """What there is about one game, player or developer."""

    anchor: str
    title: str
    figures: Sequence[Figure]
    rarest: Table | None = None
    left_out: int = 0


@dataclass(frozen=True)
class Content:
    """The whole report."""

    since: datetime
    until: datetime
    zone: tzinfo
    glances: Sequence[Glance] = ()
    games: Sequence[Section] = ()
    players: Sequence[Section] = ()
    developers: Sequence[Section] = ()
    coverage: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[Note] = ()

    @property
    def zone_name(self) -> str:
        """Whose clock the times are told by."""
        return zone_name(self.zone)

    @property
    def detailed(self) -> set[str]:
        """The places in the page that there are."""
        return {own.anchor for own in self.games}


@dataclass(frozen=True)
class Range:
    """What is asked of the trends, whatever they are about."""

    conn: Connection
    since: datetime
    until: datetime
    zone: tzinfo

    @property
    def every(self) -> Period:
        """Periods so short that a spell of observation shows in them, some hundred at most."""
        span = self.until - self.since
        if span <= _DAILY:
            return Period(length=timedelta(days=1))
        return Period(length=timedelta(weeks=1)) if span <= _WEEKLY else Period(months=1)

    def answer(self, name: str, **about: Any) -> trends.Answer:  # noqa: ANN401 - its keys
        """Ask a trend; of unofficial achievements nothing is told."""
        told = trends.answer(
            self.conn,
            name,
            since=self.since,
            until=self.until,
            every=self.every,
            zone=self.zone,
            **about,
        )
        rows = [row for row in told.rows if row.get("is_promoted") is not False]
        return told._replace(rows=rows)

    def figure(self, name: str, told: trends.Answer, table: Table) -> Figure:
        """Draw what a trend answered."""
        specification = charts.specification(
            name,
            told.rows,
            values=trends.TRENDS[name].values,
            zone=self.zone,
            notes=told.notes,
        )
        return figures.figure(specification, table)


def gathered(asked: Range) -> Content:
    """Gather the report. Cost: five trends and four pictures for each game with a section."""
    known = watched(asked.conn)
    glances = _glances(asked, known.games)
    detailed = {own.game for own in sorted(glances, key=_most_first)[:MOST_GAMES]}
    return Content(
        asked.since,
        asked.until,
        asked.zone,
        glances,
        [_game(asked, own) for own in glances if own.game in detailed],
        [_player(asked, *own) for own in list(known.players.items())[:MOST_PEOPLE]],
        [_developer(asked, *own) for own in list(known.developers.items())[:MOST_PEOPLE]],
        report.status(asked.conn, at=asked.until),
        notes.listed(asked.conn, since=asked.since, until=asked.until),
    )


def _most_first(own: Glance) -> float:
    return -own.moved


def _glances(asked: Range, games: Mapping[int, str | None]) -> list[Glance]:
    if not games:
        return []
    players = _courses(asked.answer("players", games=games).rows, "players")
    counts = asked.answer("game-tickets", games=games).rows
    opened, reported = (_courses(counts, value) for value in ("open", "reported"))
    return [
        Glance(
            game,
            wording.titled(title, "game", game),
            Course(players[game]),
            Course(_known(opened[game], reported[game])),
        )
        for game, title in games.items()
    ]


def _courses(rows: Iterable[Row], value: str) -> dict[int, list[float | None]]:
    courses: dict[int, list[float | None]] = {}
    for row in rows:
        courses.setdefault(row["game_id"], []).append(row[value])
    return courses


def _known(one: list[float | None], other: list[float | None]) -> list[float | None]:
    return other if all(value is None for value in one) else one


def _game(asked: Range, own: Glance) -> Section:
    rare = _ranked(asked.answer("rarity", games=[own.game]).rows, "rarity_hardcore")
    return Section(
        own.anchor,
        own.title,
        [
            _over_time(asked, "game-tickets", games=[own.game]),
            _over_time(asked, "players", games=[own.game]),
            _distribution(asked, own.game),
            _unlocks(asked, own.game),
        ],
        Table(rare.columns, rare.rows[:RAREST]),
        max(0, len(rare.rows) - RAREST),
    )


def _over_time(asked: Range, name: str, **about: Any) -> Figure:  # noqa: ANN401 - keys of the trend
    told, values = asked.answer(name, **about), trends.TRENDS[name].values
    return asked.figure(name, told, figures.over_time(told.rows, values, asked.zone))


def _distribution(asked: Range, game: int) -> Figure:
    told = asked.answer("distribution", games=[game])
    label, heads = ["unlocked", "is_hardcore"], ["achievements held", "mode"]
    table = figures.then_and_now(told.rows, label, "players", heads)
    return asked.figure("distribution", told, table)


def _unlocks(asked: Range, game: int) -> Figure:
    told = asked.answer("unlocks", games=[game])
    return asked.figure("unlocks", told, _ranked(told.rows, "unlocks"))


def _ranked(rows: Iterable[Row], value: str) -> Table:
    return figures.then_and_now(rows, ["achievement"], value, ["achievement"])


def _player(asked: Range, own: str, name: str) -> Section:
    told = asked.answer("progress", users=[own])
    table = figures.then_and_now(told.rows, ["game"], "completion_hardcore", ["game"])
    title = wording.titled(name, "player", own)
    return Section("", title, [asked.figure("progress", told, table)])


def _developer(asked: Range, own: str, name: str) -> Section:
    title = wording.titled(name, "developer", own)
    return Section("", title, [_over_time(asked, "developer-tickets", developers=[own])])
