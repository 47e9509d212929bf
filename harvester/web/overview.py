"""The first page, and the one about coverage: what is watched, what moved, how the harvest does."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from harvester import wording
from harvester.store import board, cards, gaps
from harvester.web import asked, health, listing
from harvester.web.answers import lines
from harvester.web.asked import Window
from harvester.web.listing import MOST_ROWS, Column, Line, Table, table
from harvester.web.movements import movements
from harvester.web.site import reading, site_of
from harvester.web.templating import page

PAGE: Final = 25  # games
_SPARKS: Final = (("players", "players"), ("game-tickets", "open"))


def overview(request: Request) -> Response:
    """Show what is watched."""
    site, during = site_of(request), asked.window(request)
    number = asked.number(request.query_params, "page", usual=1, most=1_000_000)
    with reading(site) as conn:
        is_alive, pulse = health.pulse(conn, at=site.now())
        return page(
            request,
            "overview.html",
            during=during,
            games=_games(conn, number, during),
            number=number,
            is_last=number * PAGE >= board.count_games(conn),
            movements=movements(conn, at=site.now()),
            people=_people(conn),
            is_alive=is_alive,
            pulse=pulse,
            failing=board.count_failing(conn),
        )


def _games(conn: Connection, number: int, during: Window) -> Table:
    rows = board.watched_games(conn, limit=PAGE, offset=(number - 1) * PAGE)
    lines = _lines(conn, rows, during)
    told = [{**row, **lines[row["game_id"]], "game": _called(row)} for row in rows]
    return table("Watched games", told, _GAMES)


def _called(row: Mapping[str, Any]) -> str:
    return wording.titled(row["game"], "Game", row["game_id"])


_GAMES: Final = (
    Column("game", "", listing.game_at),
    Column("console"),
    Column("achievements", is_number=True),
    Column("players", is_number=True),
    Column("line of players", "Players over time"),
    Column("open_tickets", is_number=True),
    Column("line of game-tickets", "Open tickets over time"),
)


def _lines(conn: Connection, rows: board.Rows, during: Window) -> Mapping[int, Mapping[str, Line]]:
    """Tell the sparklines of all games at once: one trend each, whatever their number."""
    games = [row["game_id"] for row in rows if row["game"] is not None]
    made: dict[int, dict[str, Line]] = defaultdict(_empty)
    for trend, value in _SPARKS if games else ():
        for game, line in _line(conn, trend, value, games, during):
            made[game][f"line of {trend}"] = line
    return made


def _line(
    conn: Connection, trend: str, value: str, games: Sequence[int], during: Window
) -> Iterator[tuple[int, Line]]:
    """Tell how one number of each game went."""
    for told, points in lines(conn, trend, games, during):
        if told.get("is_promoted", True):
            drawn = [None if values is None else values[value] for values in points]
            yield told["game_id"], Line(drawn, told[value])


def _empty() -> dict[str, Line]:
    return {f"line of {trend}": Line() for trend, _ in _SPARKS}


def _people(conn: Connection) -> Sequence[Table]:
    open_tickets = Column("open_tickets", "Open tickets", is_number=True)
    return (
        table(
            "Players", board.watched_players(conn), [Column("user", "Player", listing.player_at)]
        ),
        table(
            "Developers",
            board.watched_developers(conn),
            [Column("user", "Developer", listing.developer_at), open_tickets],
        ),
    )


_JOBS: Final = (
    Column("job"),
    Column("polls", "Watched", is_number=True),
    Column("late", is_number=True),
    Column("failing", is_number=True),
    Column("never", "Never answered", is_number=True),
    Column("last_ok_at", "Last answer"),
    Column("next_due_at", "Next due"),
)


def coverage(request: Request) -> Response:
    """Show how well everything was looked at; unlock lists only where a game is asked for."""
    site, during = site_of(request), asked.window(request)
    games = asked.ids(request.query_params.getlist("game")[:1], "game")
    about = health.about(games)
    with reading(site) as conn:
        return page(
            request,
            "coverage.html",
            during=during,
            game=_named(conn, games[0]) if games else None,
            is_watched=gaps.is_any(conn, about),
            holes=_holes(conn, about, during, at=site.now()),
            state=() if games else _state(conn, during, at=site.now()),
        )


def _holes(conn: Connection, about: gaps.About, during: Window, *, at: datetime) -> Table:
    """Tell the newest holes; of a game all, for its unlock lists are told together."""
    most = None if about.games else MOST_ROWS + 1
    found = health.holes(conn, about, during, at=at, most=most)
    told = table("When nobody looked", found, _HOLES, during.zone)
    is_cut = told.remark and most
    return replace(told, remark=f"The newest {MOST_ROWS:,}. {_ALL_OF_THEM}") if is_cut else told


_ALL_OF_THEM: Final = "All of them are in the data below."


def _state(conn: Connection, during: Window, *, at: datetime) -> Sequence[Table]:
    """Tell how all jobs are doing, and which polls fail if any do."""
    failing = table("Polls that fail", health.failing(conn), _FAILING, during.zone)
    jobs = table("Jobs", board.jobs(conn, at=at), _JOBS, during.zone)
    return [failing, jobs] if failing.rows else [jobs]


def _named(conn: Connection, own: int) -> Mapping[str, Any]:
    card = cards.game(conn, own)
    return {"game_id": own, "game": _called({"game_id": own, "game": card and card["title"]})}


_HOLES: Final = (
    Column("target", "What", listing.game_at),
    Column("job"),
    Column("from_at", "From"),
    Column("to_at", "To"),
    Column("duration", "For"),
    Column("reason", "Why"),
)
_FAILING: Final = (
    Column("job"),
    Column("target"),
    Column("failures", is_number=True),
    Column("last_error"),
    Column("last_ok_at", "Last answer"),
    Column("due_at", "Tried again"),
)
