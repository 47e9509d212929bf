"""What happens to the unlocks of a world, and what was true of them when.

Every deed has a number and a second of its own. What a harvest may know, and what it must,
is worked out from the world alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from harvests import crowd
from hypothesis import strategies as st
from pages import PAGE
from worlds import NOW

from harvester.sandbox import figures
from harvester.sandbox.records import Unlock
from harvester.sandbox.world import World

DEEDS = (11, 12, 13)
PEOPLE = 40
LATE = timedelta(days=14)  # so late an unlock may come in
Key = tuple[int, str]
Held = tuple[datetime, bool]  # the date that counts, and whether it is hardcore's


class Truth(NamedTuple):
    """What became true of an unlock: with which deed, when, and that; None: it is gone."""

    number: int
    at: datetime
    held: Held | None


def _deed(kind: str, *more: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(kind), *more)


who, which, hardcore = st.integers(0, PEOPLE - 1), st.sampled_from(DEEDS), st.booleans()
DEED = st.one_of(
    _deed("unlock", which, who, hardcore),
    _deed("join", which, who, st.integers(0, 20), hardcore),
    _deed("burst", which, st.integers(2, PAGE - 2), hardcore),
    _deed("backdate", which, who, hardcore, st.integers(0, 14)),
    _deed("copy", which, who, hardcore, st.integers(20, 400)),
    _deed("upgrade", which, st.integers(0, 30), st.integers(0, 14)),
    _deed("reset", which, st.integers(0, 30)),
    _deed("resets", which, st.integers(0, 30)),
    _deed("freeze", which),
    _deed("demote", which),
    _deed("promote", which),
    _deed("unrank", which, st.integers(0, 30)),
    _deed("rerank"),
    _deed("rename", who, st.integers(0, 5)),
)


@dataclass
class Chronicle:
    """Does deeds in a world, and remembers what was true after each of them.

    `blurred` tells by achievement the last deed around which its counters said less than
    what happened: one of them fell, or was not what a recount would give.
    """

    world: World
    people: list[str] = field(default_factory=list)
    number: int = 0
    truths: dict[Key, list[Truth]] = field(default_factory=dict)
    blurred: dict[int, int] = field(default_factory=dict)

    def begin(self, sizes: tuple[int, ...], tied: int) -> None:
        """Put a game with three achievements into the world, already held by some."""
        self.world.add_game(1, "Sonic", 1)
        for deed in DEEDS:
            self.world.add_achievement(1, f"Deed {deed}", id=deed)
        self.people = crowd(self.world, PEOPLE)
        for deed, size in zip(DEEDS, sizes, strict=True):
            for place, ulid in enumerate(self.people[:size]):
                at = NOW - timedelta(hours=1 + 20 * (place // tied))
                self.world.unlock(ulid, deed, at=at, is_hardcore=place % 3 > 0)
        self._note()

    def do(self, deed: tuple[Any, ...]) -> None:
        """Do one thing, a second later than the last."""
        self.number += 1
        self.world.advance(seconds=1)
        before = self._counted()
        blurred = {own for own in DEEDS if self._is_stale(own)}
        _DOERS[deed[0]](self, *deed[1:])
        blurred |= {own for own in DEEDS if self._is_stale(own)}
        for own, counted in self._counted().items():
            if own in blurred or any(a < b for a, b in zip(counted, before[own], strict=True)):
                self.blurred[own] = self.number
        self._note()

    def _counted(self) -> dict[int, tuple[int, int]]:
        return {own: figures.counted(self.world.achievements[own]) for own in DEEDS}

    def _is_stale(self, own: int) -> bool:
        return self.world.counters(own) != figures.counted(self.world.achievements[own])

    def now(self) -> dict[Key, Held]:
        """Tell what is true."""
        return {
            (own, ulid): (row.effective_at, row.hardcore_at is not None)
            for own in DEEDS
            for ulid, row in self.world.achievements[own].unlocks.items()
        }

    def _note(self) -> None:
        now = self.now()
        for key in now.keys() | self.truths.keys():
            told = self.truths.setdefault(key, [])
            if (told[-1].held if told else None) != now.get(key):
                told.append(Truth(self.number, self.world.now, now.get(key)))

    def was_true(self, key: Key, held: Held, since: int) -> bool:
        """Whether something was true after deed `since`, or after a later one."""
        told = self.truths.get(key, [])
        ends = [*(truth.number for truth in told[1:]), self.number + 1]
        return any(
            truth.held == held and end > since for truth, end in zip(told, ends, strict=True)
        )

    def is_steady(self, key: Key, since: int) -> bool:
        """Whether something is true now, and was already after deed `since`."""
        last = self.truths[key][-1]
        return last.held is not None and last.number <= since

    def may_be_missed(self, key: Key, read: int) -> str | None:
        """Name the blind spot for which an unlock may be missed by who last read after `read`."""
        own, ulid = key
        truth = self.truths[key][-1]
        assert truth.held is not None
        blind = {
            "not official": not self.world.achievements[own].is_promoted,
            "not ranked": not self.world.people[ulid].is_ranked,
            "copied in": truth.held[0] < truth.at - LATE,
            "counters stood still": self.blurred.get(own, 0) > read,
        }
        return next((name for name, applies in blind.items() if applies), None)

    # --- the deeds

    def rows(self, own: int) -> list[Unlock]:
        """List the rows of an achievement, newest first."""
        found = self.world.achievements[own].unlocks.values()
        return sorted(found, key=lambda row: row.effective_at, reverse=True)

    def unlock(self, own: int, person: int, is_hardcore: bool, days: int = 0) -> None:  # noqa: FBT001
        """Unlock, backdated by some days."""
        at = self.world.now - timedelta(days=days)
        self.world.unlock(self.people[person], own, is_hardcore=is_hardcore, at=at)

    def join(self, own: int, person: int, place: int, is_hardcore: bool) -> None:  # noqa: FBT001
        """Unlock in the second of a row of these two weeks, unless that fills a page."""
        dates = [row.effective_at for row in self.rows(own)]
        at = dates[place % len(dates)] if dates else self.world.now
        if dates.count(at) < PAGE - 2 and at >= self.world.now - LATE:
            self.world.unlock(self.people[person], own, is_hardcore=is_hardcore, at=at)

    def burst(self, own: int, size: int, is_hardcore: bool) -> None:  # noqa: FBT001
        """Let some who have not yet got it get it in one second."""
        held = self.world.achievements[own].unlocks
        for ulid in [ulid for ulid in self.people if ulid not in held][:size]:
            self.world.unlock(ulid, own, is_hardcore=is_hardcore)

    def upgrade(self, own: int, place: int, days: int) -> None:
        """Let a casual unlock become a hardcore one."""
        casual = [row for row in self.rows(own) if row.hardcore_at is None]
        if casual:
            at = self.world.now - timedelta(days=days)
            self.world.unlock(casual[place % len(casual)].user.ulid, own, at=at)

    def reset(self, own: int, place: int) -> None:
        """Take an unlock back; counters that are frozen stay too high."""
        for row in self._at(own, place):
            self.world.reset(row.user.ulid, own)

    def resets(self, own: int, place: int) -> None:
        """Take back some rows that follow on each other."""
        for row in self.rows(own)[place:][: PAGE // 2]:
            self.world.reset(row.user.ulid, own)

    def unrank(self, own: int, place: int) -> None:
        """Take somebody who holds an achievement out of all counters."""
        for row in self._at(own, place):
            self.world.unrank(row.user.ulid)

    def rerank(self) -> None:
        """Count whoever was left out the longest."""
        for user in [user for user in self.world.people if not user.is_ranked][:1]:
            self.world.rerank(user.ulid)

    def rename(self, person: int, name: int) -> None:
        """Give somebody one of a few names, if it is free."""
        if self.world.people.find(f"Name{name}") is None:
            self.world.rename(self.people[person], f"Name{name}")

    def demote(self, own: int) -> None:
        """Make an official achievement unofficial."""
        if self.world.achievements[own].is_promoted:
            self.world.demote(own)

    def promote(self, own: int) -> None:
        """Make an unofficial achievement official."""
        if not self.world.achievements[own].is_promoted:
            self.world.promote(own)

    def freeze(self, own: int) -> None:
        """Let counters lag behind until the next unlock."""
        self.world.freeze_counters(own)

    def _at(self, own: int, place: int) -> Iterator[Unlock]:
        rows = self.rows(own)
        yield from [rows[place % len(rows)]] if rows else []


_DOERS: dict[str, Callable[..., None]] = {
    "unlock": Chronicle.unlock,
    "join": Chronicle.join,
    "burst": Chronicle.burst,
    "backdate": Chronicle.unlock,
    "copy": Chronicle.unlock,
    "upgrade": Chronicle.upgrade,
    "reset": Chronicle.reset,
    "resets": Chronicle.resets,
    "freeze": Chronicle.freeze,
    "demote": Chronicle.demote,
    "promote": Chronicle.promote,
    "unrank": Chronicle.unrank,
    "rerank": Chronicle.rerank,
    "rename": Chronicle.rename,
}
