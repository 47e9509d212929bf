"""How things changed: intervals and dated rows -> rows by period.

`answer` finds the subjects (`subjects.py`), asks the trend, one statement per table, and puts
the columns of its rows in order. The trends there are stand in `registry.py`.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from typing import Any, NamedTuple, TypedDict, Unpack

from sqlalchemy import Connection

from harvester.errors import ConfigError
from harvester.store import notes, subjects
from harvester.store.notes import Note
from harvester.store.series import Period, Span, periods
from harvester.store.subjects import Labels
from harvester.store.trends import looked
from harvester.store.trends.asking import Question, Spans, Trend
from harvester.store.trends.comparison import COLUMNS as COMPARED
from harvester.store.trends.comparison import compare
from harvester.store.trends.courses import Points
from harvester.store.trends.ends import Ends
from harvester.store.trends.ends import ends as _ends
from harvester.store.trends.registry import TRENDS

__all__ = [
    "COMPARED",
    "TRENDS",
    "Answer",
    "Ends",
    "Points",
    "Trend",
    "answer",
    "compare",
    "compared",
    "ends",
    "lines",
    "noted",
]


class _Given(TypedDict, total=False):
    """What a trend is asked about: ids, and names or ULIDs."""

    games: Collection[int]
    achievements: Collection[int]
    users: Collection[str]
    developers: Collection[str]


class Answer(NamedTuple):
    """The rows, in the order of time, then of the keys, and what they cannot tell.

    `notes` are the dated remarks on what is asked about, in the range: what changed meaning.
    """

    rows: list[dict[str, Any]]
    missing: str | None
    notes: list[Note]

    @property
    def caveat(self) -> str | None:
        """What is to be said beside the rows, in a line."""
        return self.missing or (None if self.rows else "nothing is known about that")


def answer(  # noqa: PLR0913 - the options of the command, one each
    conn: Connection,
    name: str,
    *,
    since: datetime,
    until: datetime,
    every: Period,
    zone: tzinfo = UTC,
    now: datetime | None = None,
    is_range: bool = False,
    is_delta: bool = False,
    **given: Unpack[_Given],
) -> Answer:
    """Tell how it stood at the end of every period in (since, until], the last one at `until`.

    Periods are those of the calendar of `zone`; `time` is an instant in UTC. A value is None
    where nothing was known, `is_observed` tells whether anybody had looked. An event trend tells
    what happened in the period; `basis` is "reconstructed" where that was before it was watched.
    With `is_range` numbers come with the least and the most seen in the period, with `is_delta`
    with the change since the point before that was seen, and how much that is in a day.
    `until` must not lie in the future: what holds now would be told for then. By `now`, the
    present, is told whether a look is late that has not come yet; left out, it is `until`.
    Cost: reads the index entries of the keys asked, fetches the rows that overlap the range.

    Raises `ConfigError` for an unknown name or key, a missing one, and an empty range.
    """
    trend = _trend(name)
    asked = _subjects(conn, trend, given)
    _check_numbers(trend, is_range=is_range, is_delta=is_delta)
    spans = _spans(since, until, every, zone)
    columns = trend.columns(is_range=is_range, is_delta=is_delta)
    present = now or until
    question = Question(conn, asked, spans, present, columns, is_range=is_range, is_delta=is_delta)
    rows = list(trend.rows(question))
    missing = trend.missing(question, rows) or looked.unseen(question, trend.jobs, rows)
    return Answer(rows, missing, notes.within(conn, since, until, _scopes(trend, asked)))


def noted(
    conn: Connection,
    name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    **given: Unpack[_Given],
) -> list[Note]:
    """List the notes that `answer` tells beside its rows, without making these.

    Raises `ConfigError` as `answer` does.
    """
    trend = _trend(name)
    asked = _subjects(conn, trend, given)
    return notes.listed(conn, since=since, until=until, scopes=_scopes(trend, asked))


def ends(
    conn: Connection,
    name: str,
    *,
    since: datetime,
    until: datetime,
    now: datetime | None = None,
    **given: Unpack[_Given],
) -> list[dict[str, Any]]:
    """Tell what the numbers of a state trend were at `since`, and what they are at `until`.

    A row for each label, with `Ends` by name, counted as `top` counts; see `ends.py`.
    Cost: as `answer`. Raises `ConfigError` as that does.
    """
    trend = _trend(name)
    asked, spans = _subjects(conn, trend, given), [Span(since, until)]
    question = Question(conn, asked, spans, now or until, is_range=True)
    return list(_ends(question, trend.courses(question), trend.values))


def lines(
    conn: Connection,
    name: str,
    *,
    since: datetime,
    until: datetime,
    every: Period,
    zone: tzinfo = UTC,
    now: datetime | None = None,
    **given: Unpack[_Given],
) -> list[tuple[dict[str, Any], Points]]:
    """Tell `ends`, and beside each row the values of every period, as `answer` has them.

    Both come from one reading. Cost: as `answer`. Raises `ConfigError` as that does.
    """
    trend = _trend(name)
    asked, spans = _subjects(conn, trend, given), _spans(since, until, every, zone)
    question = Question(conn, asked, spans, now or until, is_range=True)
    courses = list(trend.courses(question))
    told = _ends(question, courses, trend.values)
    return [(row, one.at(question.ends)) for row, one in zip(told, courses, strict=True)]


def compared(
    conn: Connection,
    games: Collection[int],
    *,
    at: datetime,
    vs: datetime | None = None,
    now: datetime | None = None,
) -> Answer:
    """Answer with `compare`; the notes are those on what happened between the two instants.

    Raises `ConfigError` for an unknown game.
    """
    rows = compare(conn, games, at=at, vs=vs, now=now)
    instants = {"at": at} if vs is None else {"at": at, "vs": vs}
    blind = [when for name, when in instants.items() if all(row[name] is None for row in rows)]
    words = f"nobody had looked at {' and at '.join(f'{one:%Y-%m-%d %H:%M}' for one in blind)}"
    scopes = notes.scopes(games=games, jobs=TRENDS["distribution"].jobs, trends=["distribution"])
    since, until = min(instants.values()), max(instants.values())
    return Answer(rows, words if blind else None, notes.within(conn, since, until, scopes))


def _trend(name: str) -> Trend:
    if name not in TRENDS:
        near = get_close_matches(name, TRENDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(TRENDS)}"
        raise ConfigError(f"no trend is called {name!r}, {hint}")
    return TRENDS[name]


def _subjects(conn: Connection, trend: Trend, given: _Given) -> dict[str, Labels]:
    """Find who and what is asked about, by option."""
    games, achievements = given.get("games", ()), given.get("achievements", ())
    users, developers = given.get("users", ()), given.get("developers", ())
    told = {"game": games, "achievement": achievements, "user": users, "developer": developers}
    _check(trend, [key for key, those in told.items() if those])
    return {
        "game": subjects.games(conn, games),
        "achievement": _achievements(conn, trend, achievements, games),
        "user": subjects.people(conn, users, called="user"),
        "developer": subjects.people(conn, developers, called="developer"),
    }


def _check(trend: Trend, given: Collection[str]) -> None:
    for key in given:
        if key not in trend.keys:
            raise ConfigError(f"trend {trend.name} takes {_options(trend.keys)}, not --{key}")
    if not any(key in given for key in trend.needs):
        raise ConfigError(f"trend {trend.name} needs {_options(trend.needs)}")


def _check_numbers(trend: Trend, *, is_range: bool, is_delta: bool) -> None:
    chosen = {"range": is_range, "delta": is_delta}
    for option in (name for name, is_chosen in chosen.items() if is_chosen and not trend.numbers):
        able = ", ".join(one.name for one in TRENDS.values() if one.numbers)
        raise ConfigError(f"trend {trend.name} takes no --{option}; these do: {able}")


def _options(keys: Iterable[str]) -> str:
    return " or ".join(f"--{key}" for key in keys)


def _spans(since: datetime, until: datetime, every: Period, zone: tzinfo) -> Spans:
    try:
        return periods(since, until, every, zone)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _achievements(
    conn: Connection, trend: Trend, own: Collection[int], games: Collection[int]
) -> Labels:
    """Find the achievements asked for: named ones, and all those of named games."""
    if "achievement" not in trend.keys:
        return {}
    return subjects.achievements(conn, own, of_games=games)


def _scopes(trend: Trend, own: Mapping[str, Labels]) -> list[str]:
    """Name what is asked about, the sets that it is in, the trend, and its jobs."""
    sets = {label["game_id"] for label in own["achievement"].values()} - {None}
    return notes.scopes(
        games=own["game"].keys() | sets,
        achievements=own["achievement"],
        users=[*own["user"], *own["developer"]],
        jobs=trend.jobs,
        trends=[trend.name],
    )
