"""A panel: one trend as a chart, with the table below it and the addresses of its data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from harvester.charts.kinds import KINDS
from harvester.store.notes import Note
from harvester.store.trends import Answer
from harvester.web import listing
from harvester.web.answers import TooMuch, answered
from harvester.web.asked import Window
from harvester.web.listing import Table

Keys = Mapping[str, Sequence[str]]

_WHICH: Final = {True: "the newest, without what nobody holds", False: "the newest first"}
_LABELS: Final = {"game": listing.game_at, "achievement": listing.achievement_at}


@dataclass(frozen=True)
class Plot:
    """Which trend a panel shows, under which title, and which of its values are drawn."""

    trend: str
    title: str
    values: tuple[str, ...] = ()
    is_last: bool = False  # whether the table keeps to the end of the period


@dataclass(frozen=True)
class Panel:
    """A plot, filled in for the keys and the period of a page."""

    plot: Plot
    name: str
    alt: str
    table: Table
    missing: str | None
    notes: Sequence[Note]
    query: str  # of chart and data
    has_chart: bool

    @property
    def drawing(self) -> str:
        """The query of its chart."""
        return "&".join([self.query, *(f"value={name}" for name in self.plot.values)])


OF_GAME: Final = (
    Plot("players", "Players", ("players",)),
    Plot("mastery", "Mastered by", ("mastered",)),
    Plot("game-tickets", "Tickets", ("open", "request")),
    Plot("ticket-flow", "Tickets opened and closed"),
    Plot("distribution", "How many hold 1, 2, 3 … achievements", is_last=True),
    Plot("changes", "Revisions of the set"),
)
OF_ACHIEVEMENT: Final = (
    Plot("rarity", "Rarity", ("rarity", "rarity_hardcore")),
    Plot("unlocks", "Unlocks", ("unlocks", "unlocks_hardcore")),
    Plot("unlock-rate", "Unlocks in each period"),
)
OF_PLAYER: Final = (Plot("progress", "Completion", ("completion", "completion_hardcore")),)
OF_DEVELOPER: Final = (Plot("developer-tickets", "Tickets on their achievements", ("open",)),)


def panels(
    conn: Connection, plots: Sequence[Plot], keys: Keys, during: Window, *, of: str
) -> list[Panel]:
    """Fill in plots. Raises `ConfigError` where a key is not known."""
    return [_panel(conn, plot, keys, during, of) for plot in plots]


def _panel(conn: Connection, plot: Plot, keys: Keys, during: Window, of: str) -> Panel:
    found = _answer(conn, plot, keys, during)
    rows = _newest(found.rows, plot)
    made = listing.table(
        f"{plot.title}: {_WHICH[plot.is_last]}",
        rows,
        listing.columns_of(rows, _LABELS),
        during.zone,
    )
    has_chart = bool(plot.trend in KINDS and found.rows)
    alt = f"Chart: {plot.title}, {of}. {_in_words(found.rows)}"
    told = (alt, made, found.missing, found.notes, during.query(**keys), has_chart)
    return Panel(plot, f"panel-{plot.trend}", *told)


def _answer(conn: Connection, plot: Plot, keys: Keys, during: Window) -> Answer:
    """Answer a plot; where that is too much, the other plots of the page still stand."""
    try:
        return answered(conn, plot.trend, keys, during)
    except TooMuch as much:
        return Answer([], str(much), [])


def _newest(rows: Sequence[Mapping[str, Any]], plot: Plot) -> Sequence[Mapping[str, Any]]:
    """Turn the order round; of distributions keep what somebody holds at the last time."""
    if not plot.is_last:
        return rows[::-1]
    return [row for row in rows if row["time"] == rows[-1]["time"] and row["players"] != 0]


def _in_words(rows: Sequence[object]) -> str:
    """Say what a chart shows to those who cannot see it; the numbers are in the table."""
    return "Every number is in the table below." if rows else "There is no data."
