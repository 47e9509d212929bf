"""What stands in the report: the watchlist at a glance, then games, players and developers.

Every number comes from the trends, and what changed is what `top` says (`store/trends/ends.py`),
whatever periods the pictures have. Its size does not grow with the watchlist: all games are in
the overview, those that moved most get a section of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from harvester import charts, wording
from harvester.charts import sparklines
from harvester.charts.names import Name, labels
from harvester.charts.ticks import zone_name
from harvester.report import figures
from harvester.report.figures import Figure, Row, Table
from harvester.store import notes, report, trends
from harvester.store.notes import Note
from harvester.store.series import Period
from harvester.store.trends import Ends
from harvester.store.watched import watched

MOST_GAMES: Final = 30  # that get a section of their own
MOST_PEOPLE: Final = 20
RAREST: Final = 25
_Own = TypeVar("_Own", int, str)
_DAILY: Final = timedelta(days=62)
_WEEKLY: Final = timedelta(days=731)


@dataclass(frozen=True)
class Course:
    """How one number of a game went: at first, at last, and the line between.

    `remark` says what is counted, where that is not what the column is about.
    """

    ends: Ends
    values: Sequence[float | None]
    remark: str = ""

    @property
    def now(self) -> str:
        """What it is at the end."""
        return wording.number(self.ends.after) + self.remark

    @property
    def moved(self) -> float:
        """By how much it changed."""
        return self.ends.change or 0

    @property
    def change(self) -> str:
        """The same in words."""
        return figures.change(*self.ends)

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
    """What is asked of the trends, and when (left out: at the end), whatever they are about."""

    conn: Connection
    since: datetime
    until: datetime
    zone: tzinfo
    now: datetime | None = None

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
            now=self.now,
            **about,
        )
        rows = [row for row in told.rows if row.get("is_promoted") is not False]
        return told._replace(rows=rows)

    def ends(self, name: str, **about: Any) -> list[Row]:  # noqa: ANN401 - its keys
        """Ask what the numbers of a trend were, and are; of unofficial achievements nothing."""
        rows = trends.ends(
            self.conn, name, since=self.since, until=self.until, now=self.now, **about
        )
        return [row for row in rows if row.get("is_promoted") is not False]

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
        [_player(asked, *own) for own in _called(known.players, "player")[:MOST_PEOPLE]],
        [_developer(asked, *own) for own in _called(known.developers, "developer")[:MOST_PEOPLE]],
        report.status(asked.conn, at=asked.until),
        notes.listed(asked.conn, since=asked.since, until=asked.until),
    )


def _most_first(own: Glance) -> float:
    return -own.moved


def _glances(asked: Range, games: Mapping[int, str | None]) -> list[Glance]:
    if not games:
        return []
    (players,) = _courses(asked, "players", ["players"], games)
    opened, reported = _courses(asked, "game-tickets", ["open", "reported"], games)
    return [
        Glance(
            game,
            title,
            players[game],
            _known(opened[game], reported[game]),
        )
        for game, title in _called(games, "game")
    ]


def _called(names: Mapping[_Own, str | None], kind: str) -> list[tuple[_Own, str]]:
    """Tell with each id what it is called; what would read the same bears the id there, too."""
    words = [Name(wording.titled(own, kind, key), str(key)) for key, own in names.items()]
    return list(zip(names, labels(words), strict=True))


def _courses(
    asked: Range, trend: str, names: Sequence[str], games: Mapping[int, str | None]
) -> list[dict[int, Course]]:
    """Tell by name how it went with each game."""
    lines: dict[int, list[Row]] = {game: [] for game in games}
    for row in asked.answer(trend, games=games).rows:
        lines[row["game_id"]].append(row)
    ends = {row["game_id"]: row for row in asked.ends(trend, games=games)}
    return [
        {game: Course(ends[game][name], [row[name] for row in lines[game]]) for game in games}
        for name in names
    ]


def _known(opened: Course, reported: Course) -> Course:
    """Fall back to what was reported, and say so, where tickets are counted and not listed."""
    is_counted = opened.ends.after is None and reported.ends.after is not None
    return replace(reported, remark=" reported") if is_counted else opened


def _game(asked: Range, own: Glance) -> Section:
    rare = _ranked(asked.ends("rarity", games=[own.game]), "rarity_hardcore")
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
    ends = asked.ends("distribution", games=[game])
    label, heads = ["unlocked", "is_hardcore"], ["achievements held", "mode"]
    table = figures.then_and_now(ends, label, "players", heads)
    return asked.figure("distribution", told._replace(rows=_two_times(ends) or told.rows), table)


def _two_times(ends: Sequence[Row]) -> list[dict[str, Any]]:
    """Tell as rows of the trend how the buckets were at first, and how they are at last."""
    return [
        {**row, "time": row[time], "players": row["players"][place]}
        for place, time in enumerate(("from_at", "to_at"))
        for row in ends
        if row[time] is not None
    ]


def _unlocks(asked: Range, game: int) -> Figure:
    told = asked.answer("unlocks", games=[game])
    ends = asked.ends("unlocks", games=[game])
    return asked.figure("unlocks", told, _ranked(ends, "unlocks"))


def _ranked(rows: Iterable[Row], value: str) -> Table:
    return figures.then_and_now(rows, ["achievement"], value, ["achievement"])


def _player(asked: Range, own: str, title: str) -> Section:
    told = asked.answer("progress", users=[own])
    ends = asked.ends("progress", users=[own])
    table = figures.then_and_now(ends, ["game"], "completion_hardcore", ["game"])
    return Section("", title, [asked.figure("progress", told, table)])


def _developer(asked: Range, own: str, title: str) -> Section:
    return Section("", title, [_over_time(asked, "developer-tickets", developers=[own])])
