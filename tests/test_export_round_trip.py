import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from examples import examples
from exports import (
    Row,
    duck,
    export,
    in_order,
    ndjson,
    order,
    parquet,
    recipes,
    record,
    rfc,
    stored,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from worlds import NOW

from harvester.errors import ConfigError
from harvester.store import schema

pytestmark = pytest.mark.no_cover  # what it does at length is measured elsewhere
# Every example empties the tables it fills, so that one database serves all of them.
many = settings(
    max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
hostile = st.sampled_from(
    [
        "",
        " ",
        "null",
        "NULL",
        "=1+1",
        "@x",
        '"',
        "'",
        'a,"b"\r\nc',
        "\\N",
        "\u2028",
        "💾",
        "\x1b[2J",
    ]
)
text = st.one_of(st.none(), hostile, texts)
counts = st.one_of(st.none(), st.sampled_from([0, -1, 2**63 - 1, -(2**63)]), st.integers(-9, 2**53))
first, last = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
instants = st.integers(int(first.timestamp()), int(last.timestamp())).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
GAME = st.fixed_dictionaries(
    {
        "title": text,
        "genre": text,
        "parent_game_id": counts,
        "forum_topic_id": counts,
        "released_on": st.one_of(st.none(), st.dates()),
        "first_seen_at": instants,
        "gone_at": st.one_of(st.none(), instants),
    }
)
SHARE = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))


def refill(engine: Engine, games: list[Row]) -> None:
    """Let these be all the games there are."""
    with engine.begin() as conn:
        conn.execute(schema.games.delete())
        if games:
            rows = [{"id": number, **game} for number, game in enumerate(games, 1)]
            conn.execute(schema.games.insert(), rows)


@many
@given(games=st.lists(GAME, max_size=5))
def test_what_was_stored_is_read_back_whatever_the_format(
    engine: Engine, tmp_path: Path, games: list[Row]
) -> None:
    refill(engine, games)

    for form in ("parquet", "ndjson", "csv"):
        export(engine, order(tmp_path, form, "games"))

    told = stored(engine, "games")
    assert parquet(tmp_path / "games.parquet") == told
    assert duck(f"SELECT * FROM '{tmp_path}/games.parquet'") == told
    lines = {row["id"]: row for row in ndjson(tmp_path / "games.ndjson")}
    with (tmp_path / "games.csv").open(newline="", encoding="utf-8") as file:
        cells = {int(row["id"]): row for row in csv.DictReader(file)}
    assert len(told) == len(lines) == len(cells) == len(games)
    for number, game in enumerate(games, 1):
        assert game.items() <= next(row for row in told if row["id"] == number).items()
        assert as_json(game).items() <= lines[number].items()
        assert as_cells(game).items() <= cells[number].items()
        assert not cells[number]["title"].lstrip().startswith(("=", "+", "-", "@"))


def as_json(row: Row) -> Row:
    """Tell what JSON makes of a row: null is not an empty text, and instants have their zone."""
    days = {name: own.isoformat() for name, own in row.items() if isinstance(own, date)}
    times = {name: rfc(own) for name, own in row.items() if isinstance(own, datetime)}
    return {**row, **days, **times}


def as_cells(row: Row) -> dict[str, str]:
    """Tell what the cells of a spreadsheet hold that no stranger wrote."""
    plain = {name: own for name, own in row.items() if name not in ("title", "genre")}
    return {name: "" if own is None else str(own).split("+")[0] for name, own in plain.items()}


def test_csv_tells_null_from_an_empty_text_to_who_looks_at_the_quotes(
    engine: Engine, tmp_path: Path
) -> None:
    with engine.begin() as conn:
        told: list[dict[str, Any]] = [{"id": 1, "name": ""}, {"id": 2, "name": None}]
        conn.execute(schema.consoles.insert(), told)

    export(engine, order(tmp_path, "csv", "consoles"))

    assert (tmp_path / "consoles.csv").read_bytes() == b'id,name\n1,""\n2,\n'
    read = f"SELECT * FROM read_csv('{tmp_path}/consoles.csv', allow_quoted_nulls = false)"
    assert duck(read) == told


@many
@given(shares=st.lists(st.tuples(SHARE, SHARE), min_size=1, max_size=4))
def test_fractions_are_exact(
    engine: Engine, tmp_path: Path, shares: list[tuple[float | None, float | None]]
) -> None:
    ids = range(1, len(shares) + 1)
    with engine.begin() as conn:
        for table in (schema.progress, schema.games, schema.users):
            conn.execute(table.delete())
        seen = {"first_seen_at": NOW}
        conn.execute(schema.users.insert(), {"id": 1, **seen})
        conn.execute(schema.games.insert(), [{"id": number, **seen} for number in ids])
    both = ("completion", "completion_hardcore")
    rows: list[Row] = [
        {"user_id": 1, "game_id": number, **dict(zip(both, own, strict=True))}
        for number, own in enumerate(shares, 1)
    ]
    record(engine, schema.progress, rows, at=NOW)

    export(engine, order(tmp_path / "out", "parquet", "progress"))

    told = {row["game_id"]: row for row in parquet(tmp_path / "out" / "progress.parquet")}
    assert [tuple(told[number][name] for name in both) for number in ids] == shares


def test_columns_have_their_types_also_where_there_is_no_row(
    engine: Engine, tmp_path: Path
) -> None:
    export(engine, order(tmp_path, "parquet", "games", "achievements", "progress", "unlocks"))

    def types(name: str) -> dict[str, pa.DataType]:
        schema = pq.read_schema(tmp_path / f"{name}.parquet")
        return dict(zip(schema.names, schema.types, strict=True))

    instant = pa.timestamp("ms", "UTC")
    assert types("games")["first_seen_at"] == types("unlocks")["hardcore_at"] == instant
    assert types("games")["released_on"] == pa.date32()
    assert types("games")["id"] == types("unlocks")["user_id"] == pa.int64()
    assert types("achievements")["is_promoted"] == pa.bool_()
    assert types("progress")["completion"] == pa.float64()
    assert types("games")["title"] == pa.string()


@pytest.fixture
def held(engine: Engine) -> Engine:
    """Yield a database in which three achievements can be held by a player."""
    seen = {"first_seen_at": NOW}
    with engine.begin() as conn:
        conn.execute(schema.users.insert(), {"id": 1, **seen})
        conn.execute(schema.achievements.insert(), [{"id": n, **seen} for n in (1, 2, 3)])
    return engine


STEP = st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(0, 5_000), st.booleans())


@many
@given(steps=st.lists(STEP, max_size=12), is_by_month=st.booleans())
def test_the_parts_of_many_exports_are_together_what_the_table_is(
    held: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, int, int, bool]],
    *,
    is_by_month: bool,
) -> None:
    folder, at = tmp_path_factory.mktemp("parts"), NOW
    with held.begin() as conn:
        conn.execute(schema.unlocks.delete())
    wanted = order(folder, "parquet", "unlocks", since="last", is_by_month=is_by_month)
    for achievement, months, minutes, is_exported in steps:
        at += timedelta(minutes=minutes)
        unlocked = {"unlocked_at": NOW - timedelta(days=31 * months), "hardcore_at": None}
        record(
            held, schema.unlocks, [{"achievement_id": achievement, "user_id": 1, **unlocked}], at=at
        )
        if is_exported:
            export(held, wanted, at=at + timedelta(seconds=minutes % 2))
    export(held, wanted, at=at + timedelta(seconds=2))

    (query,) = newest()
    told = duck(query.replace("out/", f"{folder}/"))
    assert [
        {name: value for name, value in row.items() if name != "month"} for row in told
    ] == stored(held, "unlocks")


@dataclass(frozen=True)
class Step:
    """What happens: somebody unlocks something, time goes by, and something is exported."""

    achievement: int
    minutes: int
    form: str
    since: int | str | None  # so many days ago
    is_by_month: bool
    tables: tuple[str, ...]


WANTED = st.builds(
    Step,
    st.integers(1, 3),
    st.sampled_from([0, 1, 50, 61, 5_000, -70]),  # the clock may be set back
    st.sampled_from(["parquet", "parquet", "ndjson"]),
    st.sampled_from([None, "last", "last", 0, 2, 9, 400]),
    st.booleans(),
    st.sampled_from([("unlocks",), ("unlocks", "users"), ("users",)]),
)


@many
@given(wanted=st.lists(WANTED, min_size=2, max_size=12))
def test_whatever_was_exported_in_turn_the_folder_holds_what_it_says(
    held: Engine, tmp_path_factory: pytest.TempPathFactory, wanted: list[Step]
) -> None:
    folder, at, seen = tmp_path_factory.mktemp("turns"), NOW, NOW
    with held.begin() as conn:
        conn.execute(schema.unlocks.delete())
    there: dict[str, list[Row]] = {}
    for number, step in enumerate(wanted):
        at += timedelta(minutes=step.minutes, seconds=1)
        seen = max(seen + timedelta(seconds=1), at)
        row = {"achievement_id": step.achievement, "user_id": 1, "hardcore_at": None}
        dated = {"unlocked_at": NOW - timedelta(days=31 * number)}
        record(held, schema.unlocks, [row | dated], at=seen)
        before = files(folder)
        since = at - timedelta(days=step.since) if isinstance(step.since, int) else step.since
        options = {"since": since, "is_by_month": step.is_by_month}
        try:
            export(held, order(folder, step.form, *step.tables, **options), at=at)
        except ConfigError:
            assert files(folder) == before
            continue
        if "unlocks" in step.tables:
            there[step.form] = stored(held, "unlocks")
        for form, rows in there.items():
            begun = claimed(folder, form)
            expected = [shown(row, form) for row in rows if is_since(row, begun)]
            assert read(folder, form) == in_order(expected)


def files(folder: Path) -> dict[Path, bytes]:
    return {one: one.read_bytes() for one in folder.rglob("*.*") if ".lock" not in one.name}


def claimed(folder: Path, form: str) -> datetime | None:
    """Tell since when rows are there, by the folder's own word."""
    told = json.loads((folder / "export.json").read_text())[form]["unlocks"]["since"]
    return None if told is None else datetime.fromisoformat(told)


def is_since(row: Row, begun: datetime | None) -> bool:
    stamps = [at for at in (row["valid_from"], row["valid_to"]) if at is not None]
    return begun is None or max(stamps) >= begun


def shown(row: Row, form: str) -> Row:
    return row if form == "parquet" else as_json(row)


def read(folder: Path, form: str) -> list[Row]:
    """Read unlocks as the document says, from a file or from parts."""
    parts = [*(folder / "unlocks").rglob(f"*.{form}"), *folder.glob(f"unlocks.{form}")]
    if form == "parquet":
        (query,) = newest()
        told = duck(query.replace("'out/unlocks/**/*.parquet'", str([*map(str, parts)])))
        return [{name: own for name, own in row.items() if name != "month"} for row in told]
    ordered = sorted(parts, key=lambda one: one.name)
    rows = {
        (row["achievement_id"], row["user_id"], row["valid_from"]): row
        for part in ordered
        for row in ndjson(part)
    }
    return in_order([*rows.values()])


def newest() -> Iterator[str]:
    """Find the query for the newest state in the document."""
    yield from (own for own in recipes("integrations.md") if "QUALIFY" in own)
