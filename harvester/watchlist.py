"""Which polls a watchlist asks for. Pure: settings and known achievements in, polls out."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from harvester.config import Settings, WatchedGame
from harvester.schedule import Every, OnChange, Schedule, interval_seconds, text_of
from harvester.store import pairs
from harvester.store.known import KnownAchievement
from harvester.store.polls import BACKFILL, Poll, Wanted

MANY = 50  # pairs of a player and a game from which on the players are surveyed


def polls(
    settings: Settings, achievements: Iterable[KnownAchievement], *, at: datetime
) -> list[Wanted]:
    """List every poll that the watchlist asks for."""
    return [
        *_of_players(settings, at),
        *_of_games(settings, at),
        *_of_developers(settings, at),
        *unlock_polls(settings, achievements, at=at),
    ]


def is_surveyed(settings: Settings) -> bool:
    """Tell whether pairs of a player and a game are so many that surveys watch over them."""
    return len(settings.watch.users) * len(settings.watch.games) >= MANY


def _of_players(settings: Settings, at: datetime) -> Iterator[Wanted]:
    for player in settings.watch.users if is_surveyed(settings) else ():
        when = _timing(settings, _of_surveys(settings, at), at)
        yield Wanted("progress", f"player {player}", *when, asked_as=player)


def _of_games(settings: Settings, at: datetime) -> Iterator[Wanted]:
    for game in settings.watch.games:
        yield _of_game(settings, game, "game-tickets", at)
        yield _of_game(settings, game, "distribution", at)
        yield from _of_progress(settings, game, at)


def _of_progress(settings: Settings, game: WatchedGame, at: datetime) -> Iterator[Wanted]:
    """List a game's pairs, and the game itself where they are too many or too few for it."""
    is_many = is_surveyed(settings)
    if is_many or not settings.watch.users:
        own = _of_game(settings, game, "progress", at)
        yield _marked(own) if is_many and game.unofficial else own
    for player in settings.watch.users:
        yield _of_pair(settings, game, player, at)


def _marked(own: Wanted) -> Wanted:
    return replace(own, schedule=own.schedule + pairs.UNOFFICIAL)


def _of_game(settings: Settings, game: WatchedGame, job: str, at: datetime) -> Wanted:
    when = _timing(settings, job_schedule(settings, job, game), at)
    return Wanted(job, f"game {game.id}", *when, game_id=game.id)


def _of_pair(settings: Settings, game: WatchedGame, player: str, at: datetime) -> Wanted:
    text, seconds = _timing(settings, job_schedule(settings, "progress", game), at)
    if is_surveyed(settings):
        seconds = max(int(settings.jobs.progress.at_most.total_seconds()), seconds)
        text = f"{pairs.FULL_ROUND}{seconds}s"
    target = f"game {game.id}, player {player}"
    return Wanted("progress", target, text, seconds, game_id=game.id, asked_as=player)


def _of_surveys(settings: Settings, at: datetime) -> Schedule:
    """Tell how often players are surveyed: as often as the most eager of the games is looked at."""
    schedules = [job_schedule(settings, "progress", game) for game in settings.watch.games]
    return min(schedules, key=lambda schedule: _timing(settings, schedule, at)[1])


def schedule_of(settings: Settings, poll: Poll) -> Schedule:
    """Tell the schedule of a poll of the plan."""
    if pairs.is_slow(poll):
        return Every(poll.interval_seconds)
    if poll.job == "progress" and poll.game_id is None and settings.watch.games:
        return _of_surveys(settings, poll.due_at)
    games = {game.id: game for game in settings.watch.games}
    return job_schedule(settings, poll.job, games.get(poll.game_id or 0))


def _of_developers(settings: Settings, at: datetime) -> Iterator[Wanted]:
    job = "developer-tickets"
    when = _timing(settings, job_schedule(settings, job), at)
    for name in settings.watch.developers:
        yield Wanted(job, f"developer {name}", *when, asked_as=name)


def unlock_polls(
    settings: Settings, achievements: Iterable[KnownAchievement], *, at: datetime
) -> Iterator[Wanted]:
    """List the unlock lists to read: every known achievement of the games that want them."""
    games = {game.id: game for game in settings.watch.games}
    for own in achievements:
        game = games.get(own.game_id)
        if game is not None and unlock_mode(settings, game) != "off":
            yield _of_achievement(settings, game, own, at)


def _of_achievement(
    settings: Settings, game: WatchedGame, own: KnownAchievement, at: datetime
) -> Wanted:
    text, seconds = _timing(settings, job_schedule(settings, "unlocks", game), at)
    return Wanted(
        "unlocks",
        f"achievement {own.id}",
        f"{text}, {unlock_mode(settings, game)}",
        seconds,
        game_id=game.id,
        achievement_id=own.id,
        priority=BACKFILL,
    )


def unlock_mode(settings: Settings, game: WatchedGame) -> str:
    """Tell how much of a game's unlock lists is wanted: "full", "recent" or "off"."""
    return game.unlocks or settings.jobs.unlocks.mode


def job_schedule(settings: Settings, job: str, game: WatchedGame | None = None) -> Schedule:
    """Tell the schedule of a job; a game may have its own."""
    general: Schedule = settings.jobs.of(job).every
    chosen = game.every.get(job, general) if game else general
    return _adaptive(settings, job, chosen) if isinstance(chosen, Every) else chosen


def sweep(settings: Settings) -> Every:
    """Tell how often a list that is read on change is read completely all the same."""
    every = Every(int(settings.jobs.unlocks.sweep.total_seconds()))
    return _adaptive(settings, "unlocks", every)


def _adaptive(settings: Settings, job: str, every: Every) -> Every:
    """Let an interval stretch where the job is to adapt; a default may be too short for it."""
    chosen = settings.jobs.of(job)
    longest = max(int(chosen.at_most.total_seconds()), every.seconds)
    return Every(every.seconds, longest) if chosen.adaptive else every


def _timing(settings: Settings, schedule: Schedule, at: datetime) -> tuple[str, int]:
    """Write a schedule down for the plan: its text, and its present interval in seconds."""
    if isinstance(schedule, OnChange):
        every = sweep(settings)
        return f"on-change, sweep {text_of(every)}", every.seconds
    return text_of(schedule), interval_seconds(schedule, at, settings.schedule.zone)
