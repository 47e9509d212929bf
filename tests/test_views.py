"""The views: what they show, that migrations make just these, and that indexes serve them."""

import random
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, inspect, text
from worlds import NOW

from harvester.store import (
    evidence,
    gaps,
    history,
    migrate,
    notes,
    polls,
    report,
    schema,
    users,
    views,
)
from harvester.store.polls import Wanted
from harvester.store.rows import Batch, Changes, UserRef
from harvester.store.views import VIEWS

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NewEngine = Callable[[], Engine]
Rows = list[dict[str, Any]]


def seen(conn: Connection, query: str, **values: object) -> Rows:
    """Ask the database; instants come as it tells them."""
    return [dict(row) for row in conn.execute(text(query), values).mappings()]


def instant(value: datetime | str | None) -> datetime | None:
    """Read an instant, whichever database told it."""
    return datetime.fromisoformat(f"{value}Z") if isinstance(value, str) else value


def at(conn: Connection, view: str, when: datetime) -> Rows:
    """Tell the rows of a view that held at an instant."""
    rows = seen(conn, f"SELECT * FROM {view}")
    return [row for row in rows if _held(row, when)]


def _held(row: dict[str, Any], when: datetime) -> bool:
    since, until = instant(row["valid_from"]), instant(row["valid_to"])
    assert since is not None
    return since <= when and (until is None or when < until)


def told(conn: Connection, when: datetime, *batches: Batch) -> None:
    """Remember what answers told."""
    for batch in batches:
        history.record(conn, batch, at=when, fetch_id=1)


# --- the definitions -----------------------------------------------------------------------------


def test_the_views_are_those_that_are_promised() -> None:
    names = "game_tickets tickets developer_tickets distribution mastery rarity unlocks "
    names += "unlocks_per_day progress players set_changes coverage discontinuities"

    assert list(VIEWS) == [f"v_{name}" for name in names.split()]


def test_migrations_make_the_very_views_of_this_version(new_engine: NewEngine) -> None:
    upgraded, made = new_engine(), new_engine()
    migrate.upgrade(upgraded, now=NOW)
    schema.metadata.create_all(made)
    with made.begin() as conn:
        views.create(conn)

    assert definitions(upgraded) == definitions(made)
    assert definitions(upgraded).keys() == VIEWS.keys()


def test_a_database_that_is_taken_down_and_brought_up_again_has_the_same_views(
    new_engine: NewEngine,
) -> None:
    engine = new_engine()
    migrate.run(engine, "0005")
    before = definitions(engine)
    migrate.run(engine, "0006")
    newest = definitions(engine)

    migrate.run(engine, "-1")
    assert definitions(engine) == before
    assert before.keys() == {"v_unlocks"}

    migrate.run(engine, "0006")
    assert definitions(engine) == newest


def definitions(engine: Engine) -> dict[str, str | None]:
    """Tell the views of a database in its own words."""
    found = inspect(engine)
    return {name: found.get_view_definition(name) for name in found.get_view_names()}


def test_the_comparison_of_views_notices_a_changed_one(new_engine: NewEngine) -> None:
    made, changed = new_engine(), new_engine()
    for engine in (made, changed):
        migrate.upgrade(engine, now=NOW)
    with changed.begin() as conn:
        conn.execute(text("DROP VIEW v_players"))
        other = VIEWS["v_players"].create("sqlite").replace("h.players AS", "h.players + 1 AS")
        conn.execute(text(other))

    differing = {
        name for name, own in definitions(made).items() if own != definitions(changed)[name]
    }
    assert differing == {"v_players"}


def test_every_view_has_the_columns_that_are_documented_and_a_time(conn: Connection) -> None:
    for name, view in VIEWS.items():
        columns = list(conn.execute(text(f"SELECT * FROM {name}")).keys())

        assert columns == list(view.columns)
        assert columns[0] == "time"
        assert all(view.meaning(column) for column in columns)


# --- what they show ------------------------------------------------------------------------------


def test_unlocks_are_seen_with_names_and_the_date_that_counts(conn: Connection) -> None:
    alice, bob = UserRef("alice", "A" * 26), UserRef("bob", "B" * 26)
    unlocked = [
        {"user_id": alice, "unlocked_at": NOW - 9 * DAY, "hardcore_at": NOW - 2 * DAY},
        {"user_id": bob, "unlocked_at": NOW - 5 * DAY, "hardcore_at": None},
    ]
    batches, _ = users.bind(
        conn,
        (
            Batch(schema.game_versions, {"game_id": 1}, [{"title": "Sonic"}]),
            ring(1),
            Batch(schema.unlocks, {"achievement_id": 9}, unlocked),
        ),
        at=NOW,
        fetch_id=1,
    )
    told(conn, NOW, *batches)

    rows = conn.execute(
        text('SELECT game, achievement, "user", awarded_at = time FROM v_unlocks ORDER BY time')
    )
    assert [tuple(row) for row in rows] == [
        ("Sonic", "Ring", "bob", True),
        ("Sonic", "Ring", "alice", True),
    ]
    days = seen(conn, "SELECT time, game, unlocks, unlocks_hardcore AS h FROM v_unlocks_per_day")
    midnight = NOW.replace(hour=0)
    assert sorted((instant(row["time"]), row["unlocks"], row["h"]) for row in days) == [
        (midnight - 5 * DAY, 1, 0),
        (midnight - 2 * DAY, 1, 1),
    ]


def ring(game: int, **more: object) -> Batch:
    """Say that achievement 9 belongs to a game."""
    row = {"achievement_id": 9, "title": "Ring", "is_promoted": True, **more}
    return Batch(schema.achievement_versions, {"game_id": game}, [row])


@pytest.mark.parametrize("seed", range(4))
def test_mastery_is_the_last_bucket_at_every_instant(seed: int, conn: Connection) -> None:
    rng = random.Random(seed)
    truth: list[tuple[datetime, list[tuple[int, int]]]] = []
    for step in range(40):
        when, size = NOW + step * DAY, rng.choice((0, 2, 3, 3, 3, 4, 5))
        buckets = [{"unlocked": own + 1, "players": rng.choice((0, 1))} for own in range(size)]
        for is_hardcore in (True, False):
            kind = {"game_id": 1, "is_promoted": True, "is_hardcore": is_hardcore}
            rows = buckets if is_hardcore else [{"unlocked": 1, "players": step}]
            told(conn, when, Batch(schema.distribution, kind, rows, complete=True))
        truth.append((when, [(size, int(buckets[-1]["players"]))] if buckets else []))

    for when, expected in truth:
        rows = at(conn, "v_mastery", when + HOUR)
        assert [(row["achievements"], row["mastered"]) for row in rows] == expected


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.parametrize("seed", range(4))
def test_rarity_is_unlocks_by_the_players_of_then_at_every_instant(
    seed: int, conn: Connection
) -> None:
    rng, state = random.Random(seed), {"unlocks": 1, "game": 1, "ratio": 1, 1: 10, 2: 100}
    truth = []
    for step in range(40):
        when = NOW + step * DAY
        moved = rng.choice(("unlocks", "game", "ratio", 1, 2)) if step else None
        state |= {moved: rng.randint(1, 2)} if moved == "game" else {}
        state |= {moved: state[moved] + 1} if moved not in (None, "game") else {}
        counters = {"unlocks": state["unlocks"], "unlocks_hardcore": 1}
        told(
            conn,
            when,
            ring(state["game"]),
            Batch(schema.achievement_counters, {"achievement_id": 9}, [counters]),
            Batch(
                schema.achievement_ratios, {"achievement_id": 9}, [{"true_ratio": state["ratio"]}]
            ),
            *(
                Batch(schema.game_counters, {"game_id": own}, [{"players": state[own]}])
                for own in (1, 2)
            ),
        )
        truth.append((when, state["unlocks"], state[state["game"]]))

    for when, unlocks, players in truth:
        (row,) = at(conn, "v_rarity", when + HOUR)
        assert (row["unlocks"], row["players"]) == (unlocks, players)
        assert row["rarity"] == pytest.approx(unlocks / players)


def test_what_no_set_has_has_no_rarity_and_what_is_gone_ends(conn: Connection) -> None:
    counters = Batch(schema.achievement_counters, {"achievement_id": 9}, [{"unlocks": 3}])
    ratio = Batch(schema.achievement_ratios, {"achievement_id": 9}, [{"true_ratio": 5}])
    for days, players in ((0, 10), (2, 12), (4, 20)):
        many = Batch(schema.game_counters, {"game_id": 1}, [{"players": players}])
        told(conn, NOW + days * DAY, ring(1), counters, ratio, many)
    for days, is_promoted in ((1, False), (3, True)):
        state = {"game_id": 1, "is_promoted": is_promoted}
        told(
            conn,
            NOW + days * DAY,
            Batch(schema.achievement_versions, {"achievement_id": 9}, [state]),
        )
    own = schema.achievements
    conn.execute(own.update().where(own.c.id == 9).values(gone_at=NOW + 5 * DAY))

    rows = seen(conn, "SELECT * FROM v_rarity ORDER BY time")

    shares = [(row["rarity"], row["true_ratio"]) for row in rows]
    assert shares == [(0.3, 5), (None, None), (None, None), (0.25, 5), (0.15, 5)]
    assert instant(rows[-1]["valid_to"]) == NOW + 5 * DAY


def test_rarity_without_players_is_not_known(conn: Connection) -> None:
    counters = Batch(schema.achievement_counters, {"achievement_id": 9}, [{"unlocks": 3}])
    none = Batch(schema.game_counters, {"game_id": 1}, [{"players": 0}])
    told(conn, NOW, ring(1), counters)
    told(conn, NOW + DAY, none)

    shares = [row["rarity"] for row in seen(conn, "SELECT * FROM v_rarity ORDER BY time")]
    assert shares == [None, None]


def test_every_changed_column_of_a_set_is_a_row_with_old_and_new(conn: Connection) -> None:
    game = Batch(schema.game_versions, {"game_id": 1}, [{"title": "Sonic"}])
    told(conn, NOW, game, ring(1, points=5))
    told(conn, NOW + DAY, ring(1, points=10, description="Find it", modified_at=NOW))
    new = {"achievement_id": 10, "title": "New", "is_promoted": True}
    told(conn, NOW + 2 * DAY, Batch(schema.achievement_versions, {"game_id": 1}, [new]))
    told(conn, NOW + 3 * DAY, ring(1, is_promoted=False))
    told(conn, NOW + 4 * DAY, Batch(schema.game_versions, {"game_id": 1}, [{"title": "Sonic 2"}]))

    rows = seen(conn, "SELECT * FROM v_set_changes ORDER BY time, achievement_id, changed")
    assert [(row["achievement"], row["changed"], row["old"], row["new"]) for row in rows] == [
        ("Ring", "description", None, "Find it"),
        ("Ring", "points", "5", "10"),
        ("New", "is_promoted", None, "true"),
        ("Ring", "is_promoted", "true", "false"),
        (None, "title", "Sonic", "Sonic 2"),
    ]
    assert {row["game"] for row in rows} == {"Sonic 2"}


def test_an_achievement_that_moved_did_not_come_later_than_the_game_it_began_in(
    conn: Connection,
) -> None:
    told(conn, NOW, Batch(schema.game_versions, {"game_id": 1}, [{"title": "Sonic"}]))
    elder = Batch(schema.game_versions, {"game_id": 2}, [{"title": "Sonic, bonus"}])
    told(conn, NOW + HOUR, elder, ring(2))
    told(conn, NOW + DAY, ring(1))

    rows = seen(conn, "SELECT * FROM v_set_changes ORDER BY time")
    assert [(row["changed"], row["old"], row["new"]) for row in rows] == [("game_id", "2", "1")]


def test_every_column_that_can_be_revised_is_looked_at(conn: Connection) -> None:
    """Only RA's own dates are left out: they change whenever anything does."""
    told_by_name = {"console_id": "console", "author_id": "author"}
    definition = VIEWS["v_set_changes"].create("sqlite")
    for name in ("game_versions", "achievement_versions"):
        for column in schema.HISTORIES[name].values:
            shown = f"'{told_by_name.get(column, column)}'" in definition
            assert shown == (column not in {"created_at", "modified_at"}), column


@pytest.mark.parametrize("seed", range(3))
def test_coverage_is_that_of_status(seed: int, conn: Connection) -> None:
    rng, when, ids = random.Random(seed), NOW, evidence.ids(conn)
    polls.plan(conn, [Wanted("progress", "game 1", "3600s", 3600, game_id=1)], at=NOW)
    for _ in range(60):
        (poll,) = polls.matching(conn)
        outcome = rng.choice(("changed", "unchanged", "unchanged", "unavailable"))
        attempt = evidence.Attempt(outcome, when, 1, Changes())
        evidence.prove(conn, polls.change(conn, poll, fetch_id=None), attempt, ids)
        if outcome != "unavailable":
            polls.change(conn, poll, last_ok_at=when)
        last = when
        when += timedelta(minutes=rng.choice((10, 60, 60, 89, 91, 300)))
    rows = seen(conn, "SELECT * FROM v_coverage ORDER BY time, first_at")
    first = min(row["time"] for row in rows if row["covered_to"])
    ends = max(row["last_at"] for row in rows if row["covered_to"])
    covered, holes = (
        sum(row[name] for row in rows) for name in ("covered_seconds", "hole_seconds")
    )

    since, until = instant(first), instant(ends)
    assert since is not None
    assert until is not None
    assert covered + holes == (until - since).total_seconds()
    conn.execute(schema.polls.update().values(watched_from=since))
    (status,) = report.status(conn, at=until)
    assert last >= until
    assert status["coverage"] == pytest.approx(covered / (covered + holes), abs=1e-4)


@pytest.mark.parametrize(("minutes", "hole"), [(89, 0), (91, 91 * 60)])
def test_what_was_not_watched_is_no_hole_and_a_first_look_has_its_time(
    conn: Connection, minutes: int, hole: int
) -> None:
    wanted, ids = [Wanted("progress", "game 1", "3600s", 3600, game_id=1)], evidence.ids(conn)
    again = NOW + DAY
    for planned, when in ((NOW, NOW), (again, again + timedelta(minutes=minutes))):
        polls.plan(conn, [], at=NOW)
        polls.plan(conn, wanted, at=planned)
        (poll,) = polls.matching(conn)
        evidence.prove(conn, poll, evidence.Attempt("changed", when, 1), ids)
        polls.change(conn, poll, last_ok_at=when)

    told = seen(conn, "SELECT hole_seconds FROM v_coverage ORDER BY time")
    assert [row["hole_seconds"] for row in told] == [hole, 0]
    (status,) = report.status(conn, at=again + timedelta(minutes=minutes))
    assert status["coverage"] == (0 if hole else 1)


def test_a_hole_is_what_was_watched_of_the_time_to_the_next_look(conn: Connection) -> None:
    wanted, ids = [Wanted("progress", "game 1", "3600s", 3600, game_id=1)], evidence.ids(conn)
    polls.plan(conn, wanted, at=NOW)
    for hours, planned in ((5, []), (8, wanted), (10, []), (11, wanted), (12, []), (20, wanted)):
        polls.plan(conn, planned, at=NOW + timedelta(hours=hours))
        if hours in {5, 20}:
            (poll,) = polls.matching(conn)
            at = NOW + timedelta(hours={5: 2, 20: 24}[hours])
            evidence.prove(conn, poll, evidence.Attempt("changed", at, 1), ids)
            polls.change(conn, poll, last_ok_at=at)
    (before, last) = seen(conn, "SELECT hole_seconds FROM v_coverage ORDER BY time")
    assert [before["hole_seconds"], last["hole_seconds"]] == [(3 + 2 + 0 + 4) * 3600, 0]
    until = NOW + timedelta(hours=24)
    told = gaps.holes(conn, since=NOW + timedelta(hours=2), until=until, at=until)
    holes = [one["duration"] for one in told if one["reason"] not in gaps.UNPROMISED]
    assert sum(holes, timedelta()) == timedelta(hours=3 + 2 + 4)


def test_remarks_say_what_they_are_about(conn: Connection) -> None:
    told(conn, NOW, Batch(schema.game_versions, {"game_id": 1}, [{"title": "Sonic"}]), ring(1))
    conn.execute(schema.users.insert().values(id=12, name="Ann", first_seen_at=NOW))
    for scope in notes.scopes(games=[1], achievements=[9], users=[12], jobs=["unlocks"]):
        notes.add(conn, at=NOW, title="x", scope=scope)
    notes.add(conn, at=NOW, title="x")

    names = 'SELECT game, achievement, "user", job FROM v_discontinuities'
    own = seen(conn, f"{names} WHERE source = 'user' ORDER BY id")
    assert [tuple(row.values()) for row in own] == [
        ("Sonic", None, None, None),
        (None, "Ring", None, None),
        (None, None, "Ann", None),
        (None, None, None, "unlocks"),
        (None, None, None, None),
    ]


# --- their cost ----------------------------------------------------------------------------------

SMALL = {"k", "d", "s", "p", *VIEWS}  # constants, notes, what a sub-query tells, the plan
BY_KEY = [
    *((view, "game_id") for view in VIEWS if view not in {"v_developer_tickets", "v_progress"}),
    ("v_developer_tickets", "developer_id"),
    ("v_progress", "user_id"),
    *((view, "achievement_id") for view in ("v_unlocks", "v_unlocks_per_day", "v_rarity")),
]


@pytest.mark.parametrize(("view", "key"), BY_KEY)
def test_an_index_leads_to_the_rows_of_one_subject(view: str, key: str, conn: Connection) -> None:
    scanned = set(_scanned(conn, f"SELECT * FROM {view} WHERE {key} = 14402"))

    assert scanned <= SMALL


def _scanned(conn: Connection, query: str) -> Iterator[str]:
    """Name what is read from end to end, by its alias, even where that would cost more."""
    if conn.dialect.name == "sqlite":
        for row in conn.execute(text(f"EXPLAIN QUERY PLAN {query}")):
            yield from re.findall(r"^SCAN (?!CONSTANT)(\w+)", row[3])
        return
    conn.execute(text("SET LOCAL enable_seqscan = off"))
    for (line,) in conn.execute(text(f"EXPLAIN {query}")):
        yield from re.findall(r"Seq Scan on \w+ (\w+)", line)


def test_a_scan_is_noticed(conn: Connection) -> None:
    assert set(_scanned(conn, "SELECT * FROM unlocks u WHERE user_id = 1")) == {"u"} or (
        conn.dialect.name == "postgresql"  # reads all of the index then, and says so otherwise
    )
