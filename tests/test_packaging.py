"""What is shipped: a wheel, built once, installed elsewhere, used without a checkout."""

import os
import sqlite3
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from contextlib import closing
from email import message_from_string
from pathlib import Path

import pytest

from harvester import __version__
from harvester.config import example
from harvester.store import migrate

ROOT = Path(__file__).parents[1]
TAG = "ra_harvester"

pytestmark = pytest.mark.xdist_group("packaging")  # one worker builds, not every one

Harvester = Callable[..., subprocess.CompletedProcess[str]]


def run(*command: object, where: Path) -> subprocess.CompletedProcess[str]:
    """Run a program as somebody would who has never seen the checkout."""
    ours = ("PYTHON", "COV_", "COVERAGE", "HARVESTER", "PIP_", "VIRTUAL_ENV")
    environment = {name: own for name, own in os.environ.items() if not name.startswith(ours)}
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=where, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, as `make wheel` does."""
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    built = run(*command, ROOT, where=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own; yield its `bin`.

    Dependencies come from the tests' own environment, as a plain path: its `.pth` files, by
    which a checkout would come in, do not count there.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    made = run(*pip, "--no-deps", "--no-index", "--no-compile", wheel, where=folder)
    assert made.returncode == 0, made.stderr
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    ours = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    (packages / "dependencies.pth").write_text("\n".join(ours))
    return python.parent


@pytest.fixture
def harvester(installed: Path, tmp_path: Path) -> Harvester:
    """Yield a function that runs the installed `harvester` in an empty directory."""

    def ran(*arguments: object) -> subprocess.CompletedProcess[str]:
        return run(installed / "harvester", *arguments, where=tmp_path)

    return ran


def test_the_wheel_holds_the_program_its_migrations_and_the_example(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "harvester").rglob("*.py")}
    beside = [path.relative_to(ROOT) for path in (ROOT / "migrations").rglob("*.py")]
    migrations = {f"harvester/{path.as_posix()}" for path in beside}
    pages = [
        own for kind in ("templates", "static") for own in (ROOT / "harvester/web" / kind).iterdir()
    ]
    modules |= {path.relative_to(ROOT).as_posix() for path in pages}
    expected = modules | migrations | {"harvester/py.typed", "harvester/config.example.toml"}
    assert expected <= names
    assert {name for name in names if not name.startswith((f"{TAG}-", "harvester/"))} == set()
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"{TAG}-{__version__}.dist-info"
        said = message_from_string(archive.read(f"{info}/METADATA").decode())
        names = archive.namelist()
        entry_points = archive.read(f"{info}/entry_points.txt").decode()

    assert said["Name"] == "ra-harvester"
    assert said["Version"] == __version__
    assert said["Requires-Python"] == ">=3.11"
    assert said["License-Expression"] == "MIT"
    assert f"{info}/licenses/LICENSE" in names
    assert "harvester = harvester.cli:main" in entry_points


def test_the_installed_program_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    told = run(
        installed / "python", "-c", "import harvester; print(harvester.__file__)", where=tmp_path
    )

    assert told.stdout.startswith(str(installed.parent))


def test_the_installed_program_tells_its_version(harvester: Harvester) -> None:
    assert harvester("--version").stdout == f"ra-harvester {__version__}\n"


def test_the_installed_program_writes_the_example_configuration(
    harvester: Harvester, tmp_path: Path
) -> None:
    done = harvester("init")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "config.toml").read_text() == example()


def test_the_installed_program_sets_up_a_database(harvester: Harvester, tmp_path: Path) -> None:
    harvester("init")

    done = harvester("db", "upgrade")

    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "harvester.db")) as made:
        assert made.execute("SELECT version_num FROM alembic_version").fetchone() == (
            migrate.head(),
        )
    assert harvester("db", "upgrade").returncode == 0


def test_the_installed_program_runs_as_a_module(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "python", "-m", "harvester", "--version", where=tmp_path)

    assert done.stdout == f"ra-harvester {__version__}\n"


def test_every_module_of_the_installed_program_can_be_imported(
    installed: Path, tmp_path: Path
) -> None:
    program = (
        "import harvester, pkgutil, importlib\n"
        "found = pkgutil.walk_packages(harvester.__path__, 'harvester.')\n"
        "names = [own.name for own in found if '__main__' not in own.name]\n"
        "print(len([importlib.import_module(name) for name in names]))"
    )

    done = run(installed / "python", "-c", program, where=tmp_path)

    assert done.stderr == ""
    assert int(done.stdout) > len(list((ROOT / "harvester").glob("*.py")))
