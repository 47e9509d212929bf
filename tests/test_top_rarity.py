"""`top rarity` beside the trend: the same ends of the same histories, whatever happens to a set."""

from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looks import ALWAYS, SONIC, SPELUNKER, at, looked, tell
from sqlalchemy import Connection

from harvester.store import changed, schema, top, trends

DEED = 21


class Page(NamedTuple):
    """An answer about the game that has the achievement: with what, or that it has it not."""

    days: int
    game: int
    players: int
    unlocks: int
    is_promoted: bool


def told(conn: Connection, page: Page) -> None:
    """Remember an answer; where the achievement is in no set its counters are not told."""
    tell(conn, schema.game_counters, page.days, {"game_id": page.game, "players": page.players})
    version = {"achievement_id": DEED, "game_id": page.game, "is_promoted": page.is_promoted}
    tell(conn, schema.achievement_versions, page.days, version)
    if page.is_promoted:
        counted = {"achievement_id": DEED, "unlocks": page.unlocks}
        tell(conn, schema.achievement_counters, page.days, counted)


def ranked(conn: Connection, since: float, until: float) -> list[tuple[float, float]]:
    rows = top.ranked(conn, "rarity", since=at(since), until=at(until), limit=99)
    return [(row["before"], row["after"]) for row in rows]


def ends(conn: Connection, since: float, until: float) -> list[tuple[Any, Any]]:
    asked = {"since": at(since), "until": at(until)}
    rows = trends.ends(conn, "rarity", achievements=[DEED], **asked)  # type: ignore[arg-type]
    return [tuple(row["rarity"]) for row in rows if row["rarity"].change]


@pytest.fixture(params=["short", "long"])
def length(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take every period for a short, or for a long one."""
    is_short = request.param == "short"
    monkeypatch.setattr(changed, "SHORT", timedelta.max if is_short else timedelta(0))
    return str(request.param)


@pytest.mark.usefixtures("length")
def test_what_only_a_ticket_named_before_counts_from_when_its_set_was_read(
    sonic: Connection,
) -> None:
    looked(sonic, "progress", ALWAYS, game=SONIC)
    tell(sonic, schema.game_counters, 0, {"game_id": SONIC, "players": 2})
    tell(sonic, schema.tickets, 1, {"id": 7, "game_id": SONIC, "achievement_id": DEED})
    for page in (Page(3, SONIC, 10, 1, is_promoted=True), Page(5, SONIC, 10, 2, is_promoted=True)):
        told(sonic, page)

    assert ranked(sonic, 2, 6) == [(0.1, 0.2)]
    assert ends(sonic, 2, 6) == [(0.1, 0.2)]


@pytest.mark.usefixtures("length")
def test_a_game_that_nobody_had_played_counts_from_its_first_player_on(sonic: Connection) -> None:
    looked(sonic, "progress", ALWAYS, game=SONIC)
    for days, players, unlocks in ((0, 0, 0), (2, 10, 1), (5, 10, 4)):
        told(sonic, Page(days, SONIC, players, unlocks, is_promoted=True))

    assert ranked(sonic, 1, 6) == [(0.1, 0.4)]
    assert ends(sonic, 1, 6) == [(0.1, 0.4)]


pages = st.lists(
    st.builds(
        Page,
        st.integers(0, 12),
        st.sampled_from([SONIC, SPELUNKER]),
        st.integers(1, 4),
        st.integers(0, 3),
        is_promoted=st.sampled_from([True, True, True, False]),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda page: page.days,
)
both_ends = st.tuples(st.integers(-1, 13), st.integers(-1, 13)).filter(lambda own: own[0] < own[1])


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.usefixtures("length")
@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(pages, both_ends, st.none() | st.integers(0, 12), st.none() | st.integers(0, 12))
def test_rarity_is_ranked_by_the_ends_of_the_trend(
    sonic: Connection,
    drawn: list[Page],
    both: tuple[int, int],
    ticket: int | None,
    gone: int | None,
) -> None:
    with sonic.begin_nested() as savepoint:
        tell(sonic, schema.game_versions, -2, {"game_id": SPELUNKER, "title": "S"}, fetch=1)
        for game in (SONIC, SPELUNKER):
            looked(sonic, "progress", ALWAYS, game=game)
        named = {"id": 7, "game_id": SONIC, "achievement_id": DEED}
        events: list[tuple[float, Page | None]] = [(page.days, page) for page in drawn]
        events += [(ticket - 0.5, None)] if ticket is not None else []
        for days, page in sorted(events, key=lambda event: event[0]):
            if page is None:
                tell(sonic, schema.tickets, days, named)
            else:
                told(sonic, page)
        if gone is not None:
            own = schema.achievements
            sonic.execute(own.update().where(own.c.id == DEED).values(gone_at=at(gone)))
        unlocked = top.ranked(sonic, "unlocks", since=at(both[0]), until=at(both[1]))
        found, expected = ranked(sonic, *both), ends(sonic, *both)
        savepoint.rollback()

    assert found == (expected if unlocked else [])
