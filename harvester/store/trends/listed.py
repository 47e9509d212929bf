"""How far unlock lists are known: since when, and until when, every unlock was told.

`polls` -> an extent for each achievement whose list is read, or once was. A first listing
comes back page by page; where only recent rows are wanted, a list begins when it was watched.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Connection, RowMapping, ScalarSelect, Select, func, select

from harvester.store import known, many, schema
from harvester.store.pairs import FULL_ROUND
from harvester.store.polls import RECENT
from harvester.store.series import Span
from harvester.store.trends.asking import Basis, Question

Limit = Literal["backfill", "recent", "none"]

polls, achievements, counters = schema.polls, schema.achievements, schema.achievement_counters
ALWAYS, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = "%Y-%m-%d %H:%M"
LIMITS: Final[Mapping[Limit, str]] = {
    "backfill": f"listed back to {{:{MINUTE}}} only, the first listing is under way",
    "recent": f"listed from {{:{MINUTE}}} on only (mode recent)",
}


@dataclass(frozen=True)
class Extent:
    """Of one list, all that is dated in [since, until) is known; `limit` is why none before.

    "backfill": the first listing is not over. "recent": only what is new is wanted. What is
    dated before `watched_from` was found when it was over, not seen as it came.
    """

    since: datetime
    until: datetime
    limit: Limit
    watched_from: datetime

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known at all."""
        return self.since >= self.until

    def has(self, span: Span, *, is_last: bool) -> bool:
        """Whether all of a period is known; of the last one asked for, what came so far."""
        is_seen = span.since < self.until if is_last else span.until <= self.until
        return self.since <= span.since and is_seen

    def basis(self, span: Span) -> Basis:
        """Tell what the numbers of a period rest on."""
        return "observed" if self.watched_from <= span.since else "reconstructed"


UNREAD = Extent(NEVER, ALWAYS, "none", NEVER)


def extents(conn: Connection, ids: Collection[int]) -> Mapping[int, Extent]:
    """Tell how far the lists of these achievements are known; those never read are left out.

    Cost: one statement, O(these lists and the polls of their games).
    """
    return {
        row["achievement_id"]: Extent(_since(row), _until(row), _limit(row), row["watched_from"])
        for row in conn.execute(_lists(ids)).mappings()
    }


def _lists(ids: Collection[int]) -> Select[tuple[object, ...]]:
    """Select the polls of lists, with what the counters and the game's own look tell of them."""
    is_counted = counters.c.achievement_id == achievements.c.id
    return (
        select(polls, achievements.c.is_promoted, _counted_at().label("counted_at"))
        .add_columns(counters.c.unlocks, counters.c.unlocks_hardcore)
        .outerjoin(achievements, achievements.c.id == polls.c.achievement_id)
        .outerjoin(counters, is_counted & counters.c.valid_to.is_(None))
        .where(polls.c.job == "unlocks", many.among(polls.c.achievement_id, ids))
    )


def _counted_at() -> ScalarSelect[datetime]:
    """Find when the counters of an achievement's game were last looked at."""
    counting = polls.alias("counting")
    own = (counting.c.job == "progress") & (counting.c.game_id == achievements.c.game_id)
    newest = select(func.max(counting.c.last_ok_at, type_=schema.Instant)).where(
        own, ~counting.c.schedule.startswith(FULL_ROUND)
    )
    return newest.correlate(achievements).scalar_subquery()


def _limit(row: RowMapping) -> Limit:
    if row["schedule"].endswith(RECENT):
        return "recent"
    return "backfill" if row["listed_at"] is None else "none"


def _since(row: RowMapping) -> datetime:
    """Tell the instant from which on a list is known.

    The second that a first listing has come back to may go on at its next page.
    """
    came_to, since = row["listed_from_at"], ALWAYS
    if row["listed_at"] is None:
        since = came_to + SECOND if came_to else NEVER
    return max(since, row["watched_from"]) if row["schedule"].endswith(RECENT) else since


def _until(row: RowMapping) -> datetime:
    """Tell when it was last seen what a list has at its head.

    By reading it, or by counters that are still those of its last reading; the counters of
    unofficial achievements are frozen and prove nothing. A first listing that is read in many
    turns counts as one look, hence the counters.
    """
    now = known.token(row["unlocks"], row["unlocks_hardcore"])
    is_unmoved = bool(row["is_promoted"]) and row["token"] == now
    seen = (row["last_ok_at"], row["counted_at"] if is_unmoved else None)
    return max((at for at in seen if at), default=ALWAYS)


def missing(question: Question) -> str | None:
    """Tell in one line how many lists do not reach over the range, and how far they do.

    Where several are meant, the instant is that of the one that is known the least.
    """
    asked, spans = question.subjects["achievement"], question.spans
    count, known = len(asked), [*extents(question.conn, asked).values()]
    told = [f"{some} of {count} {words}" for some, words in _reasons(known, count, spans) if some]
    return f"achievements whose unlocks are not all known: {'; '.join(told)}" if told else None


def _reasons(
    known: Sequence[Extent], count: int, spans: Sequence[Span]
) -> Iterator[tuple[int, str]]:
    begun = [extent for extent in known if not extent.is_empty]
    yield count - len(known), "not read (unlocks are off, or the game is not watched)"
    yield len(known) - len(begun), "not listed yet"
    for limit, words in LIMITS.items():
        late = [one.since for one in begun if one.limit == limit and one.since > spans[0].since]
        yield len(late), words.format(max(late, default=NEVER))
    ended = [extent.until for extent in begun if extent.until <= spans[-1].since]
    yield len(ended), f"not looked at since {min(ended, default=NEVER):{MINUTE}}"
