"""What can go wrong, sorted by what the caller should do about it.

- `HarvesterError`: known trouble; `str(error)` is the one line a user sees
    - `ConfigError`: mend the configuration or the command (exit 2)
    - `QueryRefused`: the SQL was not run (exit 2)
    - `ApiError`: what asking RetroAchievements came to
        - `Refused`: the key is not accepted; ask nothing more (exit 4)
        - `Unavailable`: no usable answer this time; try later (exit 5)
            - `TooManyRequests`: asked too fast; wait first
            - `ServerError`: RA's own program failed on this very question
            - `PlayerUnreadable`: the game answered, the player's part did not
            - `GaveUp`: three such in a row; the round ends
        - `NotFound`: RA does not know what was asked about
        - `Invalid`: an answer that makes no sense; nothing of it may be stored
    - `Struck`: a bug of ours struck some polls; the others were asked (exit 1)
    - `BudgetSpent`: the day's requests are used up; the rest waits (exit 0)
    - `DatabaseHeld`: another harvester writes to this database (exit 6)
    - `DatabaseUnfit`: wrong schema, damaged or not writable (exit 7)
- `Stopped`: the user asked to stop; unwinds like Ctrl-C does

Anything else that escapes is a bug and shows its traceback (exit 1).
"""

from typing import ClassVar


class HarvesterError(Exception):
    """Known trouble, told in one line that says what to do next."""

    exit_code: ClassVar[int] = 1


class ConfigError(HarvesterError):
    """The configuration or the command line does not make sense."""

    exit_code = 2


class QueryRefused(HarvesterError):
    """A query that would write, is no single statement, or ran out of time."""

    exit_code = 2


class ApiError(HarvesterError):
    """Asking RetroAchievements did not give an answer that can be stored."""

    outcome: ClassVar[str]


class Refused(ApiError):
    """The key is refused: 401, 403 with RA's own JSON, or the third 403 page in a row."""

    exit_code = 4
    outcome = "refused"


class Unavailable(ApiError):
    """Timeout, 429, 5xx, a web page instead of JSON, or JSON that broke off."""

    exit_code = 5
    outcome = "unavailable"


class TooManyRequests(Unavailable):
    """HTTP 429; `wait_seconds` is how long RA asked us, or we decided, to wait."""

    def __init__(self, message: str, wait_seconds: float) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class ServerError(Unavailable):
    """HTTP 500 in RA's own JSON: it reached the program, and the program failed."""


class PlayerUnreadable(Unavailable):
    """The game's part was read another way; the player's part cannot be read now."""


class GaveUp(Unavailable):
    """No usable answer three times in a row: the round ends, the rest stays due."""


class NotFound(ApiError):
    """RA does not know `what` ("game", "user" or "achievement")."""

    outcome = "not_found"

    def __init__(self, message: str, what: str) -> None:
        super().__init__(message)
        self.what = what


class Invalid(ApiError):
    """A shape or value that makes no sense, or an answer about something else."""

    outcome = "invalid"

    def __init__(self, message: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.body = body


class Struck(HarvesterError):
    """A bug of ours struck some polls, which are put off; its traceback was logged."""

    exit_code = 1


class BudgetSpent(HarvesterError):
    """The requests of this UTC day are used up; nothing is wrong, the rest stays due."""

    exit_code = 0


class DatabaseHeld(HarvesterError):
    """Another harvester holds this database."""

    exit_code = 6


class DatabaseUnfit(HarvesterError):
    """The database is of another schema, damaged, full, read-only or unreachable."""

    exit_code = 7


class Stopped(BaseException):
    """The user asked to stop (SIGTERM, Ctrl-C); not an error, so not an `Exception`."""
