"""`progress`: a game, its achievements and their counters, and how far a player is.

One answer carries it all (`public/API/API_GetGameInfoAndUserProgress.php`). Where that
program fails for a game (an achievement without author), or does not know the player,
`API_GetGameExtended.php` tells the game's part.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from harvester.api import payloads
from harvester.api.fields import UNTOLD, told
from harvester.endpoints import survey, tickets
from harvester.endpoints.base import Ask, Get, Observation, Steps, ref
from harvester.errors import ApiError, NotFound, PlayerUnreadable, ServerError
from harvester.store import schema
from harvester.store.rows import Batch, Changes, Gone, Listing, Row

FOR_GOOD = 3  # failures of RA's program in a row after which it is not asked at every poll
READ_AGAIN = 24  # polls after which it is asked all the same


@dataclass(frozen=True)
class _Answer:
    """A game, with the player's part or with the reason why there is none."""

    game: payloads.GameInfo
    player: payloads.GameProgress | None = None
    trouble: ApiError | None = None


def observe(get: Get, cursor: Any, ask: Ask) -> Steps:  # noqa: ANN401, ARG001 - nothing to take up
    """Survey a player, or ask for a game through his eyes; then for what is unofficial in it."""
    ask = yield from _identified(get, ask)
    yield from _looked_at(get, ask) if ask.game else survey.observe(get, ask)


def _looked_at(get: Get, ask: Ask) -> Steps:
    misses = (ask.memory or {}).get("misses", 0)
    answer = _read(get, ask, misses)
    if answer is None:
        return
    yield _observed(ask, answer, _memory(ask, answer, misses))
    if ask.is_unofficial:
        yield _unofficial(get, ask, answer.game)
    if answer.trouble and ask.is_player_watched and not _is_lent_blind(ask, answer):
        raise answer.trouble


def _is_lent_blind(ask: Ask, answer: _Answer) -> bool:
    """Whether RA does not know the player whose eyes were lent: that is no trouble of the game."""
    return ask.eyes is not None and isinstance(answer.trouble, NotFound)


def _memory(ask: Ask, answer: _Answer, misses: int) -> dict[str, object] | None:
    """Keep how often RA's program failed in a row, and through whose eyes the game was seen."""
    is_unreadable = isinstance(answer.trouble, PlayerUnreadable)
    missed = {"misses": misses + 1} if is_unreadable else {}
    is_lent = ask.eyes is not None and not is_unreadable
    seen = {"eyes": ask.eyes, "is_seen": answer.player is not None} if is_lent else {}
    return {**missed, **seen} or None


def _identified(get: Get, ask: Ask) -> Generator[Observation, Changes | None, Ask]:
    """Learn the ULID of a player known by name; a name that RA does not know stays a name."""
    if not ask.is_player_watched or ask.user.ulid is not None:
        return ask
    try:
        known = tickets.identity(get, ask)
    except NotFound:
        return ask
    yield known
    return replace(ask, user=known.user.by_ulid if known.user else ask.user)


def _read(get: Get, ask: Ask, misses: int) -> _Answer | None:
    """Read game and player; where RA cannot, the game alone. None: the answer is no news."""
    trouble: ApiError = PlayerUnreadable(
        f"RA's program fails on game {ask.game}: its counters are read without the player's part"
    )
    try:
        if misses < FOR_GOOD or misses % READ_AGAIN == 0:
            request = payloads.game_progress(ask.game, ask.handle)
            player = get(request) if ask.is_unofficial else get.news(request)
            return None if player is None else _Answer(player.game, player)
    except NotFound:
        trouble = NotFound(f"RA knows no player {ask.handle!r}", "user")
    except ServerError:
        pass
    return _Answer(get(payloads.game_extended(ask.game)), trouble=trouble)


def _observed(ask: Ask, answer: _Answer, memory: object) -> Observation:
    batches = (*_game(answer.game), *_achievements(answer.game))
    step = Observation(batches, memory=memory)
    if answer.player is None or not ask.is_player_watched:
        return step
    own = _player(ask, answer.player)
    proof = _earned_proof(ask, answer.game)
    return replace(
        step, batches=(*batches, *own), listings=proof, user=None if ask.eyes else ask.user
    )


def _game(game: payloads.GameInfo) -> tuple[Batch, ...]:
    own = {"game_id": game.id}
    counters = told(players=game.players, achievements=game.achievements_count)
    return (
        Batch(schema.consoles, {}, [{"id": game.console_id, "name": game.console_name}]),
        Batch(schema.game_versions, own, [_described(game)]),
        Batch(schema.game_counters, own, [counters]),
    )


def _described(game: payloads.GameInfo) -> Row:
    return told(
        title=game.title,
        console_id=game.console_id,
        parent_game_id=game.parent_game_id,
        forum_topic_id=game.forum_topic_id,
        publisher=game.publisher,
        developer=game.developer,
        genre=game.genre,
        released_on=game.released_on,
        released_granularity=game.released_granularity,
        image_icon=game.image_icon,
        image_title=game.image_title,
        image_ingame=game.image_ingame,
        image_box_art=game.image_box_art,
        rich_presence_md5=game.rich_presence_md5,
    )


def _achievements(game: payloads.GameInfo, *, is_promoted: bool = True) -> tuple[Batch, ...]:
    """Write the achievements of a map; whoever is missing from one that is not empty is demoted."""
    listed = game.achievements
    rows = [_achievement(own, is_promoted=is_promoted) for own in listed]
    return (
        Batch(
            schema.achievement_versions,
            {"game_id": game.id},
            rows,
            complete=is_promoted and bool(rows),
            absent={"is_promoted": False},
        ),
        Batch(schema.achievement_counters, {}, [_counters(own) for own in listed]),
        Batch(schema.achievement_ratios, {}, [_ratio(own) for own in listed]),
    )


def _achievement(own: payloads.Achievement, *, is_promoted: bool) -> Row:
    return told(
        achievement_id=own.id,
        title=own.title,
        description=own.description,
        points=own.points,
        type=own.type,
        author_id=ref(own.author_name, own.author_ulid),
        badge_name=own.badge_name,
        display_order=own.display_order,
        mem_md5=own.mem_md5,
        is_promoted=is_promoted,
        created_at=own.created_at,
        modified_at=own.modified_at,
    )


def _counters(own: payloads.Achievement) -> Row:
    counters = {"unlocks": own.unlocks, "unlocks_hardcore": own.unlocks_hardcore}
    return {"achievement_id": own.id, **told(**counters)}


def _ratio(own: payloads.Achievement) -> Row:
    return told(achievement_id=own.id, true_ratio=own.true_ratio)


def _player(ask: Ask, answer: payloads.GameProgress) -> tuple[Batch, ...]:
    """Write how far the player is, and the date of everything he earned."""
    own = {"user_id": ask.user, "game_id": answer.game.id}
    row = told(
        awarded=answer.awarded,
        awarded_hardcore=answer.awarded_hardcore,
        completion=answer.completion,
        completion_hardcore=answer.completion_hardcore,
        playtime_seconds=answer.playtime_seconds,
        award_kind=answer.award_kind,
        award_at=answer.award_at,
    )
    earned = [_unlock(one) for one in answer.game.achievements if _is_earned(one)]
    return (
        Batch(schema.progress, own, [row]),
        Batch(schema.unlocks, {"user_id": ask.user}, earned),
    )


def _is_earned(own: payloads.Achievement) -> bool:
    return own.earned_at is not None or own.earned_hardcore_at is not None


def _unlock(own: payloads.Achievement) -> Row:
    first = own.earned_at if own.earned_at is not None else UNTOLD
    return told(achievement_id=own.id, unlocked_at=first, hardcore_at=own.earned_hardcore_at)


def _earned_proof(ask: Ask, game: payloads.GameInfo) -> tuple[Listing, ...]:
    """Take a map with one player's dates for what it is: all that he holds of this game."""
    among = {own.id for own in game.achievements}
    seen = {own.id for own in game.achievements if _is_earned(own)}
    return (Listing({"user_id": ask.user}, "achievement_id", seen, among),) if among else ()


def _unofficial(get: Get, ask: Ask, official: payloads.GameInfo) -> Observation:
    """List the unofficial achievements; what neither list holds any more is gone."""
    answer = get(payloads.game_extended(ask.game, is_promoted=False))
    seen = {own.id for own in (*official.achievements, *answer.achievements)}
    gone = (Gone(schema.achievements, {"game_id": ask.game}, seen),) if seen else ()
    return Observation(_achievements(answer, is_promoted=False), gone=gone)
