"""What can be asked of RA's Web API (v1), and what its answers say in every era.

A `Request` names the question and reads its answer. Answers are read in three steps:
*is it about what was asked -> fields.py, one field at a time -> frozen payload*.
None stands for RA's null, `UNTOLD` for a key that the answer did not have; keys that we
do not know are ignored. A needed field that is
missing or makes no sense makes the whole answer `Invalid`.

Sources: RAWeb's `public/API/API_GetTicketData.php`, `API_GetAchievementDistribution.php`,
`API_GetGameInfoAndUserProgress.php` and `API_GetGameExtended.php`, and the answers published
with RA's documentation and clients.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from pydantic import BeforeValidator, Field

from harvester.api import fields
from harvester.api.fields import UNTOLD, Told, called
from harvester.api.reading import limit, read_as, same
from harvester.errors import Invalid, NotFound

P = TypeVar("P")

MOST_TICKETS: Final = 100  # what RA clamps a page of tickets to

_PROMOTED, _UNPROMOTED = 3, 5  # RA's flags for official and unofficial achievements


@dataclass(frozen=True)
class Request(Generic[P]):
    """One question to RA.

    `params` lack the key and the user name, which the client adds. `read` turns the
    decoded JSON of a 200 into the payload, or raises `Invalid` or `NotFound`. `read_fast`
    does so with the bytes, where they are of the one form that it knows, else it returns
    None. `what` is the kind of thing that a 404 denies.
    """

    name: str
    params: tuple[tuple[str, str | int], ...]
    read: Callable[[object], P]
    what: str
    read_fast: Callable[[bytes], P | None] = lambda _body: None

    @property
    def words(self) -> str:
        """The question as it is told, without the key."""
        return " ".join([self.name, *(f"{name}={value}" for name, value in self.params)])


# --- tickets ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Ticket:
    """A report that an achievement misbehaves, as it stands now.

    `report_type` and `state` are RA's numbers, of which new ones may turn up; the texts
    are RA's own words for them. `assignee` is who maintained the achievement when it was
    reported. The `resolved` part is emptied again when a ticket is reopened.
    """

    id: Annotated[fields.Id, called("ID", "id")]
    achievement_id: Annotated[fields.Id, called("AchievementID", "achievementId")]
    game_id: Annotated[fields.Id, called("GameID", "gameId")]
    report_type: Annotated[fields.Count, called("ReportType", "reportType")]
    state: Annotated[fields.Count, called("ReportState", "reportState")]
    is_hardcore: Annotated[fields.Flag | None, called("Hardcore", "hardcore")]
    notes: Annotated[fields.Notes | None, called("ReportNotes", "reportNotes")]
    reported_at: Annotated[fields.Instant, called("ReportedAt", "reportedAt")]
    reporter_name: Annotated[fields.NoName, called("ReportedBy", "reportedBy")]
    assignee_name: Annotated[fields.NoName, called("AchievementAuthor", "achievementAuthor")]
    resolved_at: Annotated[fields.Instant | None, called("ResolvedAt", "resolvedAt")]
    resolver_name: Annotated[fields.NoName, called("ResolvedBy", "resolvedBy")]
    report_type_text: Annotated[
        fields.Word, called("ReportTypeDescription", "reportTypeDescription")
    ] = ""
    state_text: Annotated[
        fields.Word, called("ReportStateDescription", "reportStateDescription")
    ] = ""
    reporter_ulid: Annotated[fields.Ulid, called("ReportedByULID")] = None
    assignee_ulid: Annotated[fields.Ulid, called("AchievementAuthorULID")] = None
    resolver_ulid: Annotated[fields.Ulid, called("ResolvedByULID")] = None


@dataclass(frozen=True)
class GameTickets:
    """The tickets of one game, either kind of achievement.

    `reported` counts the tickets in every state, whatever RA calls it; `tickets` is one
    page of them, newest first, or None where only the count was asked for.
    """

    game_id: Annotated[fields.Id, called("GameID")]
    title: Annotated[fields.Title, called("GameTitle")]
    console_name: Annotated[fields.Name, called("ConsoleName")]
    reported: Annotated[fields.Count, called("OpenTickets")]
    tickets: Annotated[
        Annotated[
            tuple[Ticket, ...], BeforeValidator(fields.listed), Field(max_length=MOST_TICKETS)
        ]
        | None,
        called("Tickets"),
    ] = None


@dataclass(frozen=True)
class DeveloperTickets:
    """How many tickets on official achievements a developer was given, by state.

    Tickets that wait for their reporter or for review are in none of the counts.
    """

    name: Annotated[fields.Name, called("User")]
    open: Annotated[fields.Count, called("Open")]
    closed: Annotated[fields.Count, called("Closed")]
    resolved: Annotated[fields.Count, called("Resolved")]
    total: Annotated[fields.Count, called("Total")]
    ulid: Annotated[fields.Ulid, called("ULID")] = None


def game_tickets(game_id: int, *, is_promoted: bool = True) -> Request[GameTickets]:
    """Ask how many tickets a game has, in all states, on achievements of either kind."""

    def read(decoded: object) -> GameTickets:
        return _about_game(read_as(GameTickets, _not_of_the_site(decoded)), game_id)

    params = (("g", game_id), *_kind(is_promoted=is_promoted))
    return Request("API_GetTicketData", params, read, "game")


def game_ticket_list(
    game_id: int, *, is_promoted: bool = True, offset: int = 0, count: int = MOST_TICKETS
) -> Request[GameTickets]:
    """Ask for one page of a game's tickets, newest first; at most 100 at a time."""

    def read(decoded: object) -> GameTickets:
        found = _about_game(read_as(GameTickets, _not_of_the_site(decoded)), game_id)
        limit("Tickets", found.tickets, count)
        return found

    page = (("d", 1), ("c", count), ("o", offset))
    params = (("g", game_id), *_kind(is_promoted=is_promoted), *page)
    return Request("API_GetTicketData", params, read, "game")


def developer_tickets(user: str) -> Request[DeveloperTickets]:
    """Ask for a developer's tickets, by name or by ULID."""

    def read(decoded: object) -> DeveloperTickets:
        found = read_as(DeveloperTickets, _not_of_the_site(decoded))
        if fields.is_ulid(user) and found.ulid != user.upper():
            raise Invalid(f"ULID: asked about {user.upper()}, told about {found.ulid}")
        return found

    return Request("API_GetTicketData", (("u", user),), read, "user")


def _not_of_the_site(decoded: object) -> object:
    """Refuse the newest tickets of the whole site, in which a bad id ends with a 200."""
    if isinstance(decoded, Mapping) and "RecentTickets" in decoded:
        raise Invalid("answered with the tickets of the whole site instead")
    return decoded


def _about_game(found: GameTickets, game_id: int) -> GameTickets:
    """Refuse tickets of another game than the one asked about."""
    same("GameID", found.game_id, game_id)
    for ticket in found.tickets or ():
        same("Tickets GameID", ticket.game_id, game_id)
    return found


def _kind(*, is_promoted: bool) -> tuple[tuple[str, str | int], ...]:
    return () if is_promoted else (("f", _UNPROMOTED),)


# --- distribution ----------------------------------------------------------------------


@dataclass(frozen=True)
class Distribution:
    """How many players hold exactly 1, 2, … N achievements of a game.

    Empty for an unknown game and for one without such achievements alike. Without
    hardcore RA counts casual-only unlocks (since 2024-09-23).
    """

    players: dict[int, int]


def distribution(
    game_id: int, *, is_hardcore: bool, is_promoted: bool = True
) -> Request[Distribution]:
    """Ask how the players of a game are spread over the number of their unlocks."""

    def read(decoded: object) -> Distribution:
        try:
            return Distribution(fields.buckets(decoded))
        except ValueError as trouble:
            reason = str(trouble)
        raise Invalid(f"the distribution {reason}")

    flag = _PROMOTED if is_promoted else _UNPROMOTED
    params = (("i", game_id), ("h", int(is_hardcore)), ("f", flag))
    return Request("API_GetAchievementDistribution", params, read, "game")


# --- games and progress ----------------------------------------------------------------


@dataclass(frozen=True)
class Achievement:
    """An achievement as defined today, its counters, and when the player earned it.

    `true_ratio` moves with the number of players. The counters are of ranked players;
    RA's columns behind them may be null. `earned_at` is None unless a player was asked
    about and has earned it.
    """

    id: Annotated[fields.Id, called("ID")]
    title: Annotated[fields.Title, called("Title")]
    description: Annotated[fields.Description, called("Description")]
    points: Annotated[fields.Count, called("Points")]
    author_name: Annotated[fields.NoName, called("Author")]
    unlocks: Annotated[fields.Count | None, called("NumAwarded")]
    unlocks_hardcore: Annotated[fields.Count | None, called("NumAwardedHardcore")]
    author_ulid: Annotated[fields.Ulid, called("AuthorULID")] = None
    true_ratio: Annotated[Told[fields.Count | None], called("TrueRatio")] = UNTOLD
    type: Annotated[Told[fields.NoName], called("Type", "type")] = UNTOLD
    badge_name: Annotated[Told[fields.Word | None], called("BadgeName")] = UNTOLD
    display_order: Annotated[Told[fields.Position | None], called("DisplayOrder")] = UNTOLD
    mem_md5: Annotated[Told[fields.Path | None], called("MemAddr")] = UNTOLD
    created_at: Annotated[Told[fields.Instant | None], called("DateCreated")] = UNTOLD
    modified_at: Annotated[Told[fields.Instant | None], called("DateModified")] = UNTOLD
    earned_at: Annotated[fields.Instant | None, called("DateEarned")] = None
    earned_hardcore_at: Annotated[fields.Instant | None, called("DateEarnedHardcore")] = None


@dataclass(frozen=True)
class GameInfo:
    """A game and its achievements of one kind, in RA's order.

    `players` are the ranked ones with at least one unlock. With `released_granularity`
    "month" or "year" the rest of `released_on` is filler.
    """

    id: Annotated[fields.Id, called("ID")]
    title: Annotated[fields.Title, called("Title")]
    console_id: Annotated[fields.Id, called("ConsoleID")]
    console_name: Annotated[fields.Name, called("ConsoleName")]
    achievements_count: Annotated[fields.Count | None, called("NumAchievements")]
    achievements: Annotated[
        tuple[Achievement, ...], BeforeValidator(fields.keyed_by("ID")), called("Achievements")
    ]
    players: Annotated[Told[fields.Count | None], called("NumDistinctPlayers")] = UNTOLD
    parent_game_id: Annotated[Told[fields.NoId], called("ParentGameID")] = UNTOLD
    forum_topic_id: Annotated[Told[fields.NoId], called("ForumTopicID")] = UNTOLD
    publisher: Annotated[Told[fields.Title | None], called("Publisher")] = UNTOLD
    developer: Annotated[Told[fields.Title | None], called("Developer")] = UNTOLD
    genre: Annotated[Told[fields.Title | None], called("Genre")] = UNTOLD
    released_on: Annotated[Told[fields.ReleaseDay], called("Released")] = UNTOLD
    released_granularity: Annotated[Told[fields.NoName], called("ReleasedAtGranularity")] = UNTOLD
    image_icon: Annotated[Told[fields.Path | None], called("ImageIcon")] = UNTOLD
    image_title: Annotated[Told[fields.Path | None], called("ImageTitle")] = UNTOLD
    image_ingame: Annotated[Told[fields.Path | None], called("ImageIngame")] = UNTOLD
    image_box_art: Annotated[Told[fields.Path | None], called("ImageBoxArt")] = UNTOLD
    rich_presence_md5: Annotated[Told[fields.Path | None], called("RichPresencePatch")] = UNTOLD


@dataclass(frozen=True)
class GameProgress:
    """A game, and how far one player is in it.

    The player's counters may lag behind the earned dates; completion is a fraction from
    0 to 1. The award is the best one ever given, which outlives revisions of the set.
    """

    game: GameInfo
    awarded: Annotated[fields.Count, called("NumAwardedToUser")]
    awarded_hardcore: Annotated[fields.Count, called("NumAwardedToUserHardcore")]
    completion: Annotated[fields.Fraction, called("UserCompletion")]
    completion_hardcore: Annotated[fields.Fraction, called("UserCompletionHardcore")]
    playtime_seconds: Annotated[Told[fields.Count | None], called("UserTotalPlaytime")] = UNTOLD
    award_kind: Annotated[Told[fields.NoName], called("HighestAwardKind")] = UNTOLD
    award_at: Annotated[Told[fields.Instant | None], called("HighestAwardDate")] = UNTOLD


def game_progress(game_id: int, user: str) -> Request[GameProgress]:
    """Ask for a game, its achievements and counters, and one player's progress in it."""

    def read(decoded: object) -> GameProgress:
        found = read_as(GameProgress, _with_game(_present(decoded, "game or user")))
        same("ID", found.game.id, game_id)
        return found

    params = (("g", game_id), ("u", user), ("a", 1))
    return Request("API_GetGameInfoAndUserProgress", params, read, "game or user")


def game_extended(game_id: int, *, is_promoted: bool = True) -> Request[GameInfo]:
    """Ask for a game, its achievements of one kind and their counters, without a player."""

    def read(decoded: object) -> GameInfo:
        found = read_as(GameInfo, _with_granularity(_present(decoded, "game")))
        same("ID", found.id, game_id)
        return found

    flag = _PROMOTED if is_promoted else _UNPROMOTED
    return Request("API_GetGameExtended", (("i", game_id), ("f", flag)), read, "game")


def _present(decoded: object, what: str) -> object:
    """Refuse the empty list with which RA answers about what it does not know."""
    if decoded == []:
        raise NotFound(f"RetroAchievements knows no such {what}", what)
    return decoded


def _with_game(decoded: object) -> object:
    """Show the answer to the game's part, too: RA mixes game and player in one object."""
    if not isinstance(decoded, Mapping):
        return decoded
    return {**decoded, "game": _with_granularity(decoded)}


def _with_granularity(decoded: object) -> object:
    """Say that a release date is only a year where its text says so ("1980")."""
    if not isinstance(decoded, Mapping) or not fields.is_only_year(decoded.get("Released")):
        return decoded
    return {**decoded, "ReleasedAtGranularity": "year"}
