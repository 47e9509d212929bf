"""What other tools are handed tells what the trends tell, and nothing where nobody looked."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from harvests import DAY, HOURLY, STILL, BenchOf, fetch
from looks import SONIC, at, looked, polls, tell
from panels import DASHBOARDS, Range, drawn, instant
from sqlalchemy import Connection, Engine, insert
from worlds import NOW, Bench

from docs import handouts
from harvester.sandbox.world import World
from harvester.store import db, notes, report, schema, trends
from harvester.store.polls import Wanted, plan
from harvester.store.series import parse_every
from harvester.store.shipped import SHIPPED

LINES = {
    "Tickets by state": ("game-tickets", ("open", "request", "resolved", "closed", "quarantined")),
    "Players": ("players", ("players",)),
    "Players who hold everything (hardcore)": ("mastery", ("mastered",)),
    "Completion by player": ("progress", ("completion",)),
    "Open tickets by developer": ("developer-tickets", ("open",)),
}
SECOND = "%Y-%m-%d %H:%M:%S"
DATASETTE = json.loads((handouts.FOLDER / "datasette.json").read_text("utf-8"))
RAREST = "Rarest achievements at the end of the range"
BY_NAME = {"Completion by player": "Ann", "Open tickets by developer": "SandboxOwner"}
KEYS: dict[str, Any] = {
    "progress": {"users": ["Ann"], "games": [SONIC]},
    "developer-tickets": {"developers": ["SandboxOwner"]},
}
WATCH = '[watch]\ngames = [1]\nusers = ["Ann"]\ndevelopers = ["SandboxOwner"]'
JOBS = '[jobs.distribution]\nevery = "1h"'

Down = tuple[Engine, Sequence[datetime], datetime]


# --- a harvest that was down for some days, and died


@pytest.fixture
def down(bench_of: BenchOf, world: World, database_url: str) -> Iterator[Down]:
    """Harvest three hours, then nothing for five days, three hours again; it is dead for three.

    Yields the database, when it was looked, and the present.
    """
    yield from gone_down(bench_of, world, database_url)


@pytest.fixture
def down_file(bench_of: BenchOf, world: World, sqlite_url: str) -> Iterator[Down]:
    """Do the same in SQLite alone."""
    yield from gone_down(bench_of, world, sqlite_url)


def gone_down(bench_of: BenchOf, world: World, url: str) -> Iterator[Down]:
    world.add_game(1, "Sonic", 1)
    for number in (11, 12):
        world.add_achievement(1, f"Deed {number}", id=number)
    ann = world.add_user("Ann")
    world.unlock(ann, 11, at=NOW - 40 * DAY)
    world.open_ticket(11, ann, reported_at=NOW - DAY)
    looks = list(looked_at(bench_of(WATCH, database=url, jobs=JOBS, api=STILL), ann))
    world.advance(days=3)
    engine = db.connect(url)
    yield engine, looks, world.now
    engine.dispose()


def looked_at(bench: Bench, ann: str) -> Iterator[datetime]:
    for hours in (0, 1, 1, 120, 1, 1):
        bench.world.advance(hours=hours)
        if hours == 120:
            happen(bench.world, ann)
        fetch(bench, is_forced=True)
        yield bench.world.now


def happen(world: World, ann: str) -> None:
    """Change, while nobody looks, all that is drawn."""
    world.unlock(ann, 12)
    world.unlock(world.add_user("Bob"), 11, at=world.now - 3 * DAY)
    world.achievements[12].points = 50
    world.open_ticket(12, ann, reported_at=world.now)


def trend_of(conn: Connection, name: str, *, since: datetime, until: datetime) -> list[Any]:
    rows = told_by(conn, name, since, until, "1h", **KEYS.get(name, {"games": [SONIC]}))
    return [row for row in rows if row.get("is_promoted", True)]


def told_by(
    conn: Connection,
    name: str,
    since: datetime,
    until: datetime,
    every: str,
    **keys: Any,  # noqa: ANN401
) -> list[dict[str, Any]]:
    asked = {"since": since, "until": until, "every": parse_every(every)}
    return trends.answer(conn, name, **asked, **keys).rows  # type: ignore[arg-type]


def test_lines_are_what_trends_tell_and_broken_where_nobody_looked(down: Down) -> None:
    engine, _, now = down
    chosen = Range(NOW - DAY, now + DAY, now)
    with engine.connect() as conn:
        for title, (name, values) in LINES.items():
            rows = [row for row in chosen.told(conn, title) if is_of(row, title)]
            told = trend_of(conn, name, since=NOW - DAY, until=now)
            times = [row["time"] for row in told]
            assert any(row["is_observed"] for row in told)
            for value in values:
                assert drawn(rows, value, times) == [row[value] for row in told], (title, value)


def is_of(row: dict[str, Any], title: str) -> bool:
    return row.get("metric") == BY_NAME.get(title)


def test_a_line_ends_at_the_last_look_before_a_hole_and_begins_at_the_next(down: Down) -> None:
    engine, looks, now = down
    second = timedelta(seconds=1)
    with engine.connect() as conn:
        for title, (_, values) in LINES.items():
            rows = [
                row for row in Range(NOW - DAY, now, now).told(conn, title) if is_of(row, title)
            ]
            seen = [instant(row["time"]) for row in rows if row[values[0]] is not None]
            assert (seen[0], seen[-1]) == (looks[0], looks[-1])
            assert not any(looks[2] < one < looks[3] for one in seen)
            broken = [instant(row["time"]) for row in rows if row[values[0]] is None]
            assert broken == [looks[2] + second, looks[5] + second]


def test_as_long_as_no_look_is_late_a_line_goes_on_to_now(down: Down) -> None:
    engine, looks, _ = down
    now = looks[-1] + HOURLY
    with engine.connect() as conn:
        for title, (_, values) in LINES.items():
            rows = [
                row for row in Range(NOW, now + DAY, now).told(conn, title) if is_of(row, title)
            ]
            assert instant(rows[-1]["time"]) == now
            assert rows[-1][values[0]] is not None


def test_what_stood_at_the_end_of_the_range_is_told_only_if_somebody_had_looked(
    down: Down,
) -> None:
    engine, looks, now = down
    titles = ("Distribution at the end of the range (hardcore)", RAREST)
    with engine.connect() as conn:
        for title in titles:
            assert Range(NOW - DAY, looks[2], now).told(conn, title)
            assert not Range(NOW - DAY, looks[2] + DAY, now).told(conn, title)
            assert not Range(NOW - DAY, now + DAY, now).told(conn, title)


def test_tables_say_until_when_they_are_known_and_since_when_nobody_had_looked(down: Down) -> None:
    engine, looks, now = down
    chosen = Range(NOW - DAY, now, now)
    with engine.connect() as conn:
        tickets = chosen.told(conn, "Oldest open tickets")
        revised = chosen.told(conn, "What was revised")

    assert {instant(row["known_until"]) for row in tickets} == {looks[-1]}
    (points,) = (row for row in revised if row["changed"] == "points")
    assert (instant(points["time"]), instant(points["unseen_since"])) == (looks[3], looks[2])


def test_days_whose_unlocks_are_not_all_known_have_no_bar(down: Down) -> None:
    engine, _, now = down
    midnight = now.replace(hour=0)
    since = midnight - 12 * DAY
    with engine.connect() as conn:
        rows = Range(since, now, now).told(conn, "Unlocks per day")
        told = told_by(conn, "unlock-rate", since, now, "1d", games=[SONIC])

    assert [instant(row["time"]) for row in rows] == [since + DAY * day for day in range(13)]
    for row, end in zip(rows, sorted({row["time"] for row in told}), strict=True):
        lists = [one["unlocks"] for one in told if one["time"] == end]
        if None in lists:
            assert (row["hardcore"], row["casual"]) == (None, None)
        else:
            assert row["hardcore"] + row["casual"] == sum(lists)
    assert [row["hardcore"] is None for row in rows[-3:]] == [True] * 3
    assert sum(row["hardcore"] or 0 for row in rows) >= 1


def test_coverage_by_job_counts_the_time_since_the_last_look(down: Down) -> None:
    engine, _, now = down
    with engine.connect() as conn:
        rows = Range(now - report.LOOKED_BACK, now, now).told(conn, "Coverage by job")
        status = report.status(conn, at=now, is_each=True)

    for row in rows:
        own = [one["coverage"] for one in status if one["job"] == row["job"]]
        assert float(row["covered"]) == pytest.approx(sum(own) / len(own), abs=0.001)
        assert row["covered"] < 0.1 or row["job"] == "unlocks"
    assert {row["job"] for row in rows} == {one["job"] for one in status}


def test_coverage_by_job_counts_no_time_away_from_the_watchlist(sonic: Connection) -> None:
    looked(sonic, "game-tickets", (-9, -7), (-6, -5), game=SONIC)
    plan(sonic, [], at=at(-4.5))
    plan(sonic, [Wanted("game-tickets", "1 None", "3600s", 3600, game_id=SONIC)], at=at(-2))
    looked(sonic, "game-tickets", (-2, 0), game=SONIC)

    (row,) = Range(at(0) - report.LOOKED_BACK, at(0), at(0)).told(sonic, "Coverage by job")
    (status,) = report.status(sonic, at=at(0))
    assert float(row["covered"]) == pytest.approx(1 - 1.5 / 6.5, abs=0.0001)
    assert status["coverage"] == pytest.approx(float(row["covered"]), abs=0.0001)


# --- evidence thought up: surveys, answers without the player, polls that left


def spans(rng: random.Random, longest: int = 48) -> list[tuple[float, float]]:
    """Think up when somebody looked, from one full hour to another."""
    bounds = sorted(rng.sample(range(240), 2 * rng.randint(1, 6)))
    return [(first / 24, min(last, first + longest) / 24) for first, last in pairwise(bounds)][::2]


def thought_up(conn: Connection, rng: random.Random) -> None:
    """Have three see a game: itself, and a player whom a survey may watch over, and another one."""
    for own, name in ((7, "Ann"), (8, "Bob")):
        conn.execute(insert(schema.users).values(id=own, name=name, first_seen_at=at(0)))
        conn.execute(insert(schema.user_names).values(user_id=own, name=name, valid_from=at(0)))
        within = {"user_id": own, "game_id": SONIC}
        for hour in sorted(rng.sample(range(240), 8)):
            share = {"completion": rng.randint(0, 8) / 8}
            tell(conn, schema.progress, hour / 24, share, within=within)
    for hour in sorted(rng.sample(range(240), 8)):
        row = {"game_id": SONIC, "players": rng.randint(1, 99)}
        tell(conn, schema.game_counters, hour / 24, row)
    watch(conn, rng)


def watch(conn: Connection, rng: random.Random) -> None:
    often: Any = {"hours": 1 / 6}
    if rng.random() < 0.7:
        looked(conn, "progress", *spans(rng), game=SONIC, **often)
    for own, name in ((7, "Ann"), (8, "Bob")):
        for span in spans(rng):
            error = rng.choice([None, None, "RA's program fails"])
            looked(conn, "progress", span, game=SONIC, user=own, name=name, error=error, **often)
    if rng.random() < 0.7:
        survey = looked(
            conn, "progress", *(spans(rng) if rng.random() < 0.8 else ()), name="Ann", **often
        )
        since, until = sorted(rng.sample(range(240), 2))
        ends: dict[str, Any] = {"watched_from": at(since / 24), "watched_to": at(until / 24)}
        ends |= {"watched_to": None} if rng.random() < 0.5 else {}
        conn.execute(polls.update().where(polls.c.id == survey).values(**ends))


@pytest.mark.parametrize("seed", range(12))
def test_lines_agree_with_trends_whoever_looked(sonic: Connection, seed: int) -> None:
    thought_up(sonic, random.Random(seed))
    now = at(10.5)
    since, until = at(-6 / 24) + HOURLY / 2, at(244 / 24) + HOURLY / 2
    chosen, game = Range(at(-1), at(11), now), {"games": [SONIC]}
    for title, trend, value, name in (
        ("Players", "players", "players", None),
        ("Completion by player", "progress", "completion", "Ann"),
        ("Completion by player", "progress", "completion", "Bob"),
    ):
        keys = game | ({"users": [name]} if name else {})
        told = told_by(sonic, trend, since, until, "1h", **keys)
        points = [row for row in chosen.told(sonic, title) if row.get("metric") == name]
        times = [row["time"] for row in told]
        assert drawn(points, value, times) == [row[value] for row in told], (title, name)


# --- Datasette


def asked(down: Down, name: str, at: str = "") -> list[dict[str, Any]]:
    """Ask a query of Datasette's about game 1."""
    sql = DATASETTE["databases"]["harvester"]["queries"][name]["sql"]
    put = {":game": "1", ":at": f"'{at}'", "datetime('now')": f"'{down[2]:{SECOND}}'"}
    for word, value in put.items():
        sql = sql.replace(word, value)
    with down[0].connect() as conn:
        return [dict(row) for row in conn.exec_driver_sql(sql).mappings()]


def test_tickets_over_time_are_nothing_where_nobody_looked(down_file: Down) -> None:
    looks = [f"{look:{SECOND}}" for look in down_file[1]]
    second = timedelta(seconds=1)
    blind = [f"{down_file[1][place] + second:{SECOND}}" for place in (2, 5)]
    rows = asked(down_file, "tickets_of_a_game")

    assert [(row["time"], row["open"], row["held_until"]) for row in reversed(rows)] == [
        (looks[0], 1, blind[0]),
        (blind[0], None, looks[3]),
        (looks[3], 2, blind[1]),
        (blind[1], None, None),
    ]


def test_a_distribution_is_told_only_of_an_instant_that_was_seen(down_file: Down) -> None:
    _, looks, now = down_file
    told = [asked(down_file, "distribution_at", f"{one:{SECOND}}") for one in (*looks, now)]

    assert [bool(rows) for rows in told] == [True] * 6 + [False]
    assert not asked(down_file, "distribution_at", f"{looks[2] + DAY:{SECOND}}")


def test_what_stands_now_says_until_when_that_is_known(down_file: Down) -> None:
    last = f"{down_file[1][-1]:{SECOND}}"

    assert {row["known_until"] for row in asked(down_file, "rarest_achievements")} == {last}
    assert {row["looked_at"] for row in asked(down_file, "oldest_open_tickets")} == {last}


def test_counts_by_day_say_whether_they_are_whole(down_file: Down) -> None:
    known = {row["time"][:10]: row["is_known"] for row in asked(down_file, "unlocks_per_day")}

    assert known == {"2026-01-20": 1, "2026-03-03": 1, "2026-03-06": 0}


def test_coverage_counts_the_time_since_the_last_look(down_file: Down) -> None:
    with down_file[0].connect() as conn:
        status = report.status(conn, at=down_file[2], is_each=True)
    for row in asked(down_file, "coverage_by_job"):
        own = [one["coverage"] for one in status if one["job"] == row["job"]]
        assert row["covered"] == pytest.approx(sum(own) / len(own), abs=0.001)


# --- notes


def test_every_note_that_is_not_about_another_game_is_an_annotation(sonic: Connection) -> None:
    tell(sonic, schema.achievement_versions, 0, {"achievement_id": 21, "game_id": 2}, fetch=1)
    near = ["all", "game:1", "achievement:11", "achievement:99", "user:7", "job:unlocks"]
    near += ["trend:rarity", "trend:unlocks"]
    for scope in (*near, "game:2", "game:11", "achievement:21"):
        notes.add(sonic, at=at(1), title=scope, scope=scope)
    rows = Range(at(0), at(2), at(3)).told(sonic, "Discontinuities")

    assert sorted(row["title"] for row in rows) == sorted(near)
    assert all(row["title"] == row["tags"] == row["text"] for row in rows)


def test_every_note_that_is_shipped_is_an_annotation(conn: Connection) -> None:
    chosen = Range(SHIPPED[0].at, SHIPPED[-1].at, NOW)
    rows = chosen.told(conn, "Discontinuities")

    told = sorted((instant(row["time"]), row["tags"], row["title"]) for row in rows)
    assert told == sorted((one.at, one.scope, one.title) for one in SHIPPED)


# --- the files


def test_the_files_are_what_the_program_makes() -> None:
    for name, told in handouts.files().items():
        assert (handouts.FOLDER / name).read_text("utf-8") == told, "`make docs` writes it"


def test_grafana_breaks_lines_at_a_null_and_makes_a_line_of_each_name() -> None:
    for board in DASHBOARDS.values():
        for panel in board["panels"]:
            custom = panel["fieldConfig"]["defaults"].get("custom", {})
            if custom.get("drawStyle") == "line":
                assert custom["spanNulls"] is False
                (target,) = panel["targets"]
                is_by_name = "AS metric" in (target.get("rawSql") or target["queryText"])
                is_series = "series" in (target.get("queryType") or target["format"])
                assert is_series != is_by_name  # Grafana would fill one's curve with others' nulls
                parted = [one["id"] for one in panel.get("transformations", [])]
                assert parted == (["partitionByValues"] if is_by_name else [])


def test_the_rarest_are_those_of_the_set_as_it_was_then(sonic: Connection) -> None:
    other, ring = 2, 11
    tell(sonic, schema.game_versions, 0, {"game_id": other, "title": "Other"}, fetch=1)
    for game, count in ((SONIC, 10), (other, 4)):
        tell(sonic, schema.game_counters, 0, {"game_id": game, "players": count})
        looked(sonic, "progress", (0, 4), game=game)
    tell(sonic, schema.achievement_counters, 0, {"achievement_id": ring, "unlocks": 2})
    moved = {"achievement_id": ring, "game_id": other, "is_promoted": True, "title": "Ring"}
    tell(sonic, schema.achievement_versions, 2, moved)

    def told(game: int, days: float) -> list[tuple[str, float]]:
        rows = Range(at(0), at(days), at(4), game).told(sonic, RAREST)
        return [(row["achievement"], row["rarity"]) for row in rows]

    assert (told(SONIC, 1), told(other, 1)) == ([("Ring", 0.2)], [])
    assert (told(SONIC, 3), told(other, 3)) == ([], [("Ring", 0.5)])
