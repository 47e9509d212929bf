"""The pages about games, achievements, players and developers: what is known, then its charts."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from harvester import wording
from harvester.errors import ConfigError
from harvester.store import cards, subjects
from harvester.web import asked, listing, panels
from harvester.web.listing import Column, table
from harvester.web.site import reading, site_of
from harvester.web.templating import page

MOST: Final = 200  # rows of a list beside the charts
FEW: Final = 20  # of what is newest


def game(request: Request) -> Response:
    """Show a game."""
    own, during = _id(request), asked.window(request)
    with reading(site_of(request)) as conn:
        card = _known(cards.game(conn, own), f"game {own}")
        keys = {"game": [str(own)]}
        return page(
            request,
            "game.html",
            card=card,
            during=during,
            panels=panels.panels(conn, panels.OF_GAME, keys, during, of=_called(card, "Game")),
            achievements=_achievements(conn, own),
            tickets=_tickets(conn, own, during),
        )


def _id(request: Request) -> int:
    try:
        return asked.ids([request.path_params["own"]], "the id")[0]
    except ConfigError as wrong:
        raise HTTPException(404, str(wrong)) from None


def _known(card: cards.Card | None, what: str) -> cards.Card:
    if card is None:
        raise HTTPException(404, f"{what} is not in the database; is it watched?")
    return card


def _called(card: Mapping[str, Any], kind: str) -> str:
    return wording.titled(card["title"], kind, card["id"])


def _achievements(conn: Connection, own: int) -> listing.Table:
    rows = [_with_shares(row) for row in cards.achievements_of(conn, own)]
    columns = (
        Column("title", "Achievement", listing.achievement_at),
        Column("points", is_number=True),
        Column("unlocks", is_number=True),
        Column("rarity", "Unlocked by", is_number=True),
        Column("rarity_hardcore", "In hardcore", is_number=True),
        Column("true_ratio", is_number=True),
    )
    return table("Achievements", [row for row in rows if row["is_promoted"] is not False], columns)


def _with_shares(row: Mapping[str, Any]) -> dict[str, Any]:
    """Add which share of the game's players unlocked an achievement, if the set has it."""
    titled = {**row, "title": _called(row, "Achievement")}
    is_in_set = row["is_promoted"] is not False and row["gone_at"] is None
    titled["true_ratio"] = row["true_ratio"] if is_in_set else None
    for name, counter in (("rarity", "unlocks"), ("rarity_hardcore", "unlocks_hardcore")):
        is_known = is_in_set and row[counter] is not None and row["players"]
        titled[name] = row[counter] / row["players"] if is_known else None
    return titled


def _tickets(conn: Connection, own: int, during: asked.Window) -> listing.Table:
    columns = (
        Column("reported_at"),
        Column("state"),
        Column("achievement", "", listing.achievement_at),
        Column("report_type"),
        Column("notes"),
    )
    rows = cards.newest_tickets(conn, own, limit=FEW)
    return table("The newest tickets", rows, columns, during.zone)


def achievement(request: Request) -> Response:
    """Show an achievement."""
    own, during = _id(request), asked.window(request)
    with reading(site_of(request)) as conn:
        card = _with_shares(_known(cards.achievement(conn, own), f"achievement {own}"))
        keys, of = {"achievement": [str(own)]}, card["title"]
        return page(
            request,
            "achievement.html",
            card=card,
            during=during,
            panels=panels.panels(conn, panels.OF_ACHIEVEMENT, keys, during, of=of),
            unlocks=_unlocks(conn, own, during),
        )


def _unlocks(conn: Connection, own: int, during: asked.Window) -> listing.Table:
    columns = (
        Column("awarded_at", "Unlocked"),
        Column("user", "Player", listing.player_at),
        Column("is_hardcore", "Hardcore"),
    )
    rows = cards.newest_unlocks(conn, own, limit=FEW)
    return table("The newest unlocks", rows, columns, during.zone)


def player(request: Request) -> Response:
    """Show a player."""
    during = asked.window(request)
    with reading(site_of(request)) as conn:
        own, name = _person(conn, request.path_params["who"], "player")
        games = cards.games_of(conn, own, limit=MOST)
        who = cards.ulid_of(conn, own) or name
        keys = {"user": [who], "game": [str(row["game_id"]) for row in games[:FEW]]}
        return page(
            request,
            "person.html",
            kind="Player",
            name=name,
            during=during,
            panels=panels.panels(conn, panels.OF_PLAYER, keys, during, of=name),
            lists=[table("Games", games, _PLAYED, during.zone)],
        )


_PLAYED: Final = (
    Column("game", "", listing.game_at),
    Column("completion", "Completion", is_number=True),
    Column("completion_hardcore", "In hardcore", is_number=True),
    Column("awarded", is_number=True),
    Column("awarded_hardcore", "Awarded in hardcore", is_number=True),
    Column("award_kind", "Award"),
)


def developer(request: Request) -> Response:
    """Show a developer."""
    during = asked.window(request)
    with reading(site_of(request)) as conn:
        own, name = _person(conn, request.path_params["who"], "developer")
        keys = {"developer": [cards.ulid_of(conn, own) or name]}
        sets = cards.sets_of(conn, own, limit=MOST)
        return page(
            request,
            "person.html",
            kind="Developer",
            name=name,
            during=during,
            panels=panels.panels(conn, panels.OF_DEVELOPER, keys, during, of=name),
            lists=[table("Sets with achievements of theirs", sets, _SETS)],
        )


_SETS: Final = (
    Column("game", "", listing.game_at),
    Column("achievements", is_number=True),
    Column("points", is_number=True),
)


def _person(conn: Connection, who: str, called: str) -> tuple[int, str]:
    """Find a person by ULID, by name, or by the database's own number."""
    try:
        ((own, label),) = subjects.people(conn, [asked.plain(called, who)], called=called).items()
    except ConfigError as unknown:
        raise HTTPException(404, str(unknown)) from None
    return own, str(label[called])
