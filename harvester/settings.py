"""What can be configured: every key and its default.

The models are the truth about `config.toml`; `config` fills them from the file and the
environment, `complaints` puts what is wrong into words. The description of a field ends
the sentence "must be …" that a user reads when a value has the wrong form.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from harvester.schedule import Every, OnChange
from harvester.values import (
    GAME_ID,
    LARGEST,
    BaseUrl,
    ByClock,
    ByClockOrChange,
    Contact,
    DatabaseUrl,
    Duration,
    GameId,
    Key,
    Schedules,
    Switch,
    Timezone,
    Username,
    Users,
    sqlite_file,
)

Mode = Literal["full", "recent", "off"]

_CLOSED = ConfigDict(frozen=True, extra="forbid")
_HOURLY, _DAILY = Every(3600), Every(86400)
_A_DAY, _A_WEEK, _A_MONTH = timedelta(days=1), timedelta(weeks=1), timedelta(days=30)


class ApiSettings(BaseModel):
    """`[api]`: whom to ask, as whom, and how fast.

    `key` is the key in force, wherever it came from; empty where none was needed so far.
    `timeout` bounds the silence of the server.
    """

    model_config = _CLOSED

    username: Username = ""
    key: Key = SecretStr("")
    key_file: Annotated[str, Field(description="a path in quotes")] = ""
    base_url: BaseUrl = "https://retroachievements.org/API/"
    auth: Annotated[Literal["query", "bearer"], Field(description='"query" or "bearer"')] = "query"
    contact: Contact = ""
    requests_per_second: Annotated[
        float,
        Field(strict=True, gt=0, allow_inf_nan=False, description="a number greater than 0"),
    ] = 1.0
    burst: Annotated[
        int, Field(strict=True, ge=1, le=LARGEST, description="a whole number from 1")
    ] = 4
    daily_budget: Annotated[
        int,
        Field(strict=True, ge=0, le=LARGEST, description="a whole number from 0 (no limit)"),
    ] = 20_000
    timeout: Duration = timedelta(seconds=30)
    in_flight: Annotated[
        int, Field(strict=True, ge=1, le=4, description="a whole number from 1 to 4")
    ] = 1


class DatabaseSettings(BaseModel):
    """`[database]`: where to remember; an SQLite file is absolute once it is loaded."""

    model_config = _CLOSED

    url: DatabaseUrl = "sqlite:///harvester.db"
    auto_upgrade: Annotated[bool | None, Field(strict=True, description="true or false")] = None

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of SQLite."""
        return sqlite_file(self.url) is not None

    @property
    def is_self_upgrading(self) -> bool:
        """Whether `run` and `fetch` may upgrade an older schema by themselves."""
        return self.is_sqlite if self.auto_upgrade is None else self.auto_upgrade


class ScheduleSettings(BaseModel):
    """`[schedule]`: the time zone of cron expressions."""

    model_config = _CLOSED

    timezone: Timezone = "UTC"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.timezone)


class WatchedGame(BaseModel):
    """One game of the watchlist; `every` and `unlocks` override `[jobs]` for it alone."""

    model_config = _CLOSED

    id: Annotated[GameId, Field(description=GAME_ID)]
    unofficial: Switch = False
    unlocks: Annotated[Mode | None, Field(description='"full", "recent" or "off"')] = None
    every: Schedules = {}


class WatchSettings(BaseModel):
    """`[watch]`: the games in short and long form, players and developers."""

    model_config = _CLOSED

    short: Annotated[
        tuple[GameId, ...],
        Field(alias="games", description="a list of game ids such as [1, 14402]"),
    ] = ()
    long: Annotated[
        tuple[WatchedGame, ...], Field(alias="game", description="tables headed [[watch.game]]")
    ] = ()
    users: Users = ()
    developers: Users = ()

    @cached_property
    def games(self) -> tuple[WatchedGame, ...]:
        """The watched games of both forms, in the order of the file."""
        return (*(WatchedGame(id=number) for number in self.short), *self.long)

    @model_validator(mode="after")
    def _each_game_once(self) -> Self:
        (game, times), *_ = Counter(game.id for game in self.games).most_common(1) or [(0, 0)]
        if times > 1:
            raise ValueError(f"game {game} is listed twice")
        return self


class GameTicketsJob(BaseModel):
    """`[jobs.game-tickets]`; `recheck`: how old a look at an open ticket may be.

    `every` is the shortest interval of an `adaptive` job, `at_most` the longest, here as below.
    """

    model_config = _CLOSED

    every: ByClock = _HOURLY
    at_most: Duration = _A_DAY
    adaptive: Switch = False
    detail: Switch = True
    recheck: Duration = timedelta(hours=6)
    recheck_closed: Duration = _A_WEEK


class DeveloperTicketsJob(BaseModel):
    """`[jobs.developer-tickets]`."""

    model_config = _CLOSED

    every: ByClock = _HOURLY
    at_most: Duration = _A_DAY
    adaptive: Switch = False


class DistributionJob(BaseModel):
    """`[jobs.distribution]`; `at_most`: asked for at least this often, moved or not."""

    model_config = _CLOSED

    every: ByClock = _DAILY
    at_most: Duration = _A_WEEK
    adaptive: Switch = False


class ProgressJob(BaseModel):
    """`[jobs.progress]`."""

    model_config = _CLOSED

    every: ByClock = _HOURLY
    at_most: Duration = _A_DAY
    adaptive: Switch = False


class UnlocksJob(BaseModel):
    """`[jobs.unlocks]`; `sweep`: how often a list is read completely, which adapts on change."""

    model_config = _CLOSED

    every: ByClockOrChange = OnChange()
    at_most: Duration = _A_MONTH
    adaptive: Switch = False
    mode: Annotated[Mode, Field(description='"full", "recent" or "off"')] = "full"
    sweep: Duration = _A_WEEK


Job = GameTicketsJob | DeveloperTicketsJob | DistributionJob | ProgressJob | UnlocksJob


class JobsSettings(BaseModel):
    """`[jobs]`: what is asked, and how often."""

    model_config = _CLOSED

    game_tickets: Annotated[GameTicketsJob, Field(alias="game-tickets")] = GameTicketsJob()
    developer_tickets: Annotated[DeveloperTicketsJob, Field(alias="developer-tickets")] = (
        DeveloperTicketsJob()
    )
    distribution: DistributionJob = DistributionJob()
    progress: ProgressJob = ProgressJob()
    unlocks: UnlocksJob = UnlocksJob()

    def of(self, job: str) -> Job:
        """Find a job by the name that it has in the file."""
        found: Job = getattr(self, job.replace("-", "_"))
        return found


class Settings(BaseModel):
    """A whole configuration, checked; `path` is the file it came from, if any."""

    model_config = _CLOSED

    api: ApiSettings = ApiSettings()
    database: DatabaseSettings = DatabaseSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    watch: WatchSettings = WatchSettings()
    jobs: JobsSettings = JobsSettings()
    _path: Path | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path | None:
        """The file that was read."""
        return self._path

    def model_post_init(self, context: Mapping[str, Path | None] | None, /) -> None:
        """Keep the path, which is no key of the file and thus no field."""
        self._path = context["path"] if context else None
