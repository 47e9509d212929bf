"""Which polls may be asked beside those in hand, so that all is as if each were asked alone.

An answer about progress in a game tells of all its lists, its distribution and its other
players, and a survey tells of all games of its player: whatever bears on each other is never
in hand at the same time, or an older answer could be written down after a newer one.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, and_, func, not_

from harvester.store import schema
from harvester.store.polls import SWEEP, Poll, matching

Conditions = Collection[ColumnElement[bool]]
polls = schema.polls
_game, _name = func.coalesce(polls.c.game_id, 0), func.coalesce(polls.c.asked_as, "")
_is_progress = polls.c.job == "progress"
_is_list = polls.c.job.in_(["unlocks", "distribution"])


def others(in_hand: Sequence[Poll]) -> Conditions:
    """Match what is not in hand; of sweeps one at a time, for it may take all the room there is."""
    free = [polls.c.id.not_in([poll.id for poll in in_hand])]
    is_sweeping = any(poll.priority == SWEEP for poll in in_hand)
    return [*free, polls.c.priority != SWEEP] if is_sweeping else free


def apart(in_hand: Sequence[Poll]) -> Conditions:
    """Match what bears on nothing that is in hand."""
    looks = [poll for poll in in_hand if poll.job == "progress"]
    games = [poll.game_id for poll in looks if poll.game_id is not None]
    listed = [poll.game_id for poll in in_hand if poll.job in {"unlocks", "distribution"}]
    return [
        not_(and_(_is_progress | _is_list, _game.in_(games))),
        not_(and_(_is_progress, _game.in_(listed))),
        not_(and_(_is_progress, _same_player(looks))),
        not_(_name.in_(_strangers(in_hand))),
    ]


def fitting(in_hand: Sequence[Poll], first: Poll) -> Conditions:
    """Match what may be asked beside what is in hand, as urgent as some poll or more."""
    return [*others(in_hand), *apart(in_hand), polls.c.priority <= first.priority]


def of_another_job(poll: Poll) -> Conditions:
    """Match what is of another job than a poll."""
    return [polls.c.job != poll.job]


def is_apart(conn: Connection, poll: Poll, in_hand: Sequence[Poll]) -> bool:
    """Whether a poll is not in hand, and bears on nothing that is."""
    fits = [*others(in_hand), *apart(in_hand)]
    return bool(matching(conn, polls.c.id == poll.id, *fits))


def _same_player(looks: Sequence[Poll]) -> ColumnElement[bool]:
    """Match surveys of players whose games are being asked about, and the other way round."""
    surveyed = [poll.asked_as for poll in looks if poll.asked_as and poll.game_id is None]
    played = [poll.asked_as for poll in looks if poll.asked_as and poll.game_id is not None]
    return _name.in_(surveyed) | and_(_game == 0, _name.in_(played))


def _strangers(in_hand: Sequence[Poll]) -> list[str]:
    """Name those whom RA has yet to name, which one answer may spare the other polls to ask."""
    return [poll.asked_as for poll in in_hand if poll.asked_as and poll.user_id is None]
