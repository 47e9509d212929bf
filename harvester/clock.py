"""The one place that reads the clock; everyone else is told the time."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the present instant in UTC, to the second as everything is stored."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - this is the one place
