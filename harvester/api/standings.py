"""How far one player is in many games: RAWeb's `public/API/API_GetUserProgress.php`.

The smallest answer about several games at once: six numbers for each, no dates, no playtime.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from harvester.api import fields
from harvester.api.fields import called
from harvester.api.payloads import Request
from harvester.api.reading import read_as
from harvester.errors import Invalid, NotFound

MOST_CHARACTERS: Final = 3000  # of ids in a URL of less than 4 kB
_COMMA = len("%2C")  # as it travels


@dataclass(frozen=True)
class Standing:
    """What a player holds of a game's official achievements, in number and in points.

    All zero for a game that RA does not know.
    """

    possible: Annotated[fields.Count, called("NumPossibleAchievements")]
    possible_score: Annotated[fields.Count, called("PossibleScore")]
    awarded: Annotated[fields.Count, called("NumAchieved")]
    score: Annotated[fields.Count, called("ScoreAchieved")]
    awarded_hardcore: Annotated[fields.Count, called("NumAchievedHardcore")]
    score_hardcore: Annotated[fields.Count, called("ScoreAchievedHardcore")]


def user_progress(user: str, games: Sequence[int]) -> Request[dict[int, Standing]]:
    """Ask how far a player is in some games (at least one)."""
    params = (("u", user), ("i", ",".join(map(str, games))))
    return Request("API_GetUserProgress", params, _reader(games), "user")


def _reader(games: Sequence[int]) -> Callable[[object], dict[int, Standing]]:
    def read(decoded: object) -> dict[int, Standing]:
        if decoded == []:
            raise NotFound("RetroAchievements knows no such user", "user")
        if not isinstance(decoded, Mapping):
            raise Invalid("the answer: must be an object")
        return {game: _standing(decoded, game) for game in games}

    return read


def _standing(decoded: Mapping[str, object], game: int) -> Standing:
    if str(game) not in decoded:
        raise Invalid(f"game {game}: is missing")
    return read_as(Standing, decoded[str(game)])


def chunks(games: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Split ids into as few questions as URLs of less than 4 kB allow."""
    some: list[int] = []
    room = MOST_CHARACTERS
    for game in games:
        length = len(str(game)) + _COMMA
        if length > room:
            yield tuple(some)
            some, room = [], MOST_CHARACTERS
        some.append(game)
        room -= length
    if some:
        yield tuple(some)
