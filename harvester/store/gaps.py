"""When a target was not observed although it was watched, and why.

holes in the evidence (`coverage`) -> stretches of one reason each (`reasons`) -> rows
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from harvester.store import coverage, reasons, schema
from harvester.store.coverage import Window
from harvester.store.polls import BACKFILL, ROUTINE, SWEEP, Selection
from harvester.store.reasons import Hole, Known
from harvester.store.series import Span, joined, without

COLUMNS: Final = ("job", "target", "from_at", "to_at", "duration", "reason")
UNWATCHED: Final = "not yet watched"
PAUSED: Final = "not watched"
UNPROMISED: Final = (UNWATCHED, PAUSED)  # outside of coverage

polls, before = schema.polls, schema.watched_before
LABEL: Final = tuple(polls.c[name] for name in ("job", "target", "game_id", "achievement_id"))


@dataclass(frozen=True)
class About:
    """Whom a question is about; nothing said: everybody, also who left the watchlist."""

    jobs: Collection[str] = ()
    games: Collection[int] = ()
    users: Collection[str] = ()
    developers: Collection[str] = ()

    def conditions(self) -> Sequence[ColumnElement[bool]]:
        """Express it in SQL."""
        chosen = Selection(self.jobs, self.games).conditions()[1:]
        is_developers = polls.c.job == "developer-tickets"
        players = [*Selection(users=self.users).conditions()[1:], ~is_developers]
        authors = [*Selection(users=self.developers).conditions()[1:], is_developers]
        people = [and_(*players)] if self.users else []
        people += [and_(*authors)] if self.developers else []
        return [*chosen, or_(*people)] if people else chosen


EVERYTHING: Final = About()


def holes(
    conn: Connection,
    *,
    since: datetime,
    until: datetime,
    at: datetime,
    about: About = EVERYTHING,
    is_each: bool = False,
) -> list[dict[str, Any]]:
    """Return a row of `COLUMNS` for every stretch of one reason in which a poll was not observed.

    `at` is the present, `duration` a `timedelta`; rows also have `game_id` and
    `achievement_id`. The unlock lists of a game are told together, unless `is_each`. The time
    before a target was watched, and from when it left the watchlist to when it came back, is
    told, too, and lies outside of its coverage: all others add up to what that lacks.
    Cost: O(polls, looks since then that came late, and what is known of that time), memory for
    the holes alone.
    """
    window = Window(since, min(until, at), at, about.conditions())
    told = _explained(conn, _found(conn, window, about), at)
    told += _unwatched(conn, window, about)
    told.sort(key=_order)
    return told if is_each else list(_folded(told))


def newest(
    conn: Connection,
    *,
    since: datetime,
    until: datetime,
    at: datetime,
    about: About,
    most: int | None = None,
) -> list[dict[str, Any]]:
    """Return what `holes` returns, the newest first, and with `most` so many holes at the most.

    Cost: as of `holes`, but only the holes that are told are explained.
    """
    window = Window(since, min(until, at), at, about.conditions())
    told = _explained(conn, _found(conn, window, about, most), at)
    told += _unwatched(conn, window, about)
    told.sort(key=_order)
    return sorted(_folded(told), key=itemgetter("to_at"), reverse=True)


def is_any(conn: Connection, about: About) -> bool:
    """Whether anything is, or was, watched that a question is about."""
    return conn.execute(select(polls.c.id).where(*about.conditions()).limit(1)).first() is not None


def _found(
    conn: Connection, window: Window, about: About, most: int | None = None
) -> Iterable[Row[Any]]:
    own = coverage.holes(window)
    query = select(own, *LABEL).join(polls, polls.c.id == own.c.poll_id)
    found = query.where(*about.conditions(), own.c.from_at < own.c.to_at)
    ids = (func.coalesce(polls.c[name], 0) for name in ("game_id", "achievement_id"))
    newest_first = (own.c.to_at.desc(), polls.c.job, *ids, polls.c.target)  # see `_order`
    return conn.execute(found.order_by(*newest_first).limit(most) if most else found)


def _explained(conn: Connection, found: Iterable[Row[Any]], at: datetime) -> list[dict[str, Any]]:
    holes = [(row, _hole(row)) for row in found]
    known = reasons.read(conn, [hole for _, hole in holes], at=at)
    return [one for row, hole in holes for one in _rows(row, hole, known)]


def _hole(row: Row[Any]) -> Hole:
    listed = BACKFILL if row.is_first else SWEEP
    return Hole(
        row.poll_id,
        Span(row.began_at, row.ended_at),
        timedelta(seconds=row.promised),
        listed if row.job == "unlocks" else ROUTINE,
        bool(row.is_first),
    )


def _rows(row: Row[Any], hole: Hole, known: Known) -> Iterator[dict[str, Any]]:
    """Explain a whole hole, and tell what of it lies in the time asked about."""
    for span, reason in reasons.explained(hole, known):
        since, until = max(span.since, row.from_at), min(span.until, row.to_at)
        if since < until:
            yield _told(row, Span(since, until), reason)


def _told(row: Row[Any], span: Span, reason: str) -> dict[str, Any]:
    ends = {"from_at": span.since, "to_at": span.until, "duration": span.until - span.since}
    return {column.name: getattr(row, column.name) for column in LABEL} | ends | {"reason": reason}


def _unwatched(conn: Connection, window: Window, about: About) -> list[dict[str, Any]]:
    """Tell the time before targets were watched, and before they were again."""
    begun, watched = polls.c.watched_from, _watched_before(conn, about)
    query = select(polls.c.id, begun, *LABEL).where(begun > window.since, *about.conditions())
    rows = conn.execute(query)
    return [one for row in rows for one in _outside(row, window, joined(watched[row.id]))]


def _watched_before(conn: Connection, about: About) -> Mapping[int, Sequence[Span]]:
    """List when polls were watched that left the watchlist and came back."""
    own, found = before.c, defaultdict(list)
    query = select(own.poll_id, own.watched_from, own.watched_to).join(polls)
    for poll, since, until in conn.execute(query.where(*about.conditions())):
        found[poll].append(Span(since, until))
    return found


def _outside(row: Row[Any], window: Window, watched: Sequence[Span]) -> Iterator[dict[str, Any]]:
    asked = Span(window.since, min(row.watched_from, window.until))
    for span in without([asked], watched):
        is_known = bool(watched) and span.since >= watched[0].since
        yield _told(row, span, PAUSED if is_known else UNWATCHED)


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    own = row["game_id"] or 0, row["achievement_id"] or 0, row["target"]
    return row["job"], *own, row["from_at"]


# --- lists of a game, told together ----------------------------------------------------


def _folded(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Make rows of a game out of those of its unlock lists."""
    for (job, game), group in groupby(rows, key=lambda row: (row["job"], row["game_id"])):
        these = list(group)
        yield from _of_game(game, these) if job == "unlocks" else these


def _of_game(game: int, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put what overlaps and has one reason into one row, which counts the lists."""
    by_reason = sorted(rows, key=lambda row: (row["reason"], row["from_at"]))
    stretches: list[list[dict[str, Any]]] = []
    until = None
    for row in by_reason:
        is_more = stretches and stretches[-1][0]["reason"] == row["reason"]
        if until is None or not is_more or row["from_at"] > until:
            stretches.append([])
            until = row["to_at"]
        stretches[-1].append(row)
        until = max(until, row["to_at"])
    return sorted((_together(game, some) for some in stretches), key=lambda row: row["from_at"])


def _together(game: int, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    since, until = min(row["from_at"] for row in rows), max(row["to_at"] for row in rows)
    lists = len({row["target"] for row in rows})
    return rows[0] | {
        "target": f"game {game}: {lists} unlock list{'s' if lists > 1 else ''}",
        "achievement_id": None,
        "from_at": since,
        "to_at": until,
        "duration": until - since,
    }
