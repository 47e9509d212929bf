"""The one door for chores: which Python it takes, and what it says where there is none."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = ROOT / "Makefile"

REAL = f'exec {sys.executable} "$@"'
BROKEN = "echo 'pyenv: command not found' >&2; exit 127"  # a shim of a version not chosen
TOO_OLD = "exit 1"  # whatever it is asked
WITHOUT_VENV = 'case "$2" in *ensurepip*) exit 1;; esac'


def machine(folder: Path, **pythons: str) -> Path:
    """Make a PATH with these Pythons: "python3_11" is python3.11."""
    path = folder / "bin"
    path.mkdir()
    for name, script in pythons.items():
        program = path / name.replace("_", ".")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return path


def make(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    found = {"PATH": str(path)} if path else {"PATH": "/usr/bin:/bin"}
    command = ["/usr/bin/env", "make", "-f", str(MAKEFILE), *arguments]
    if path is not None:
        command[1] = _make()
    return subprocess.run(command, env=found, capture_output=True, text=True, check=False)


def _make() -> str:
    asked = ["/bin/sh", "-c", "command -v make"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def chosen(folder: Path, path: Path, *arguments: str) -> str:
    """Tell how .venv would be made."""
    venv = folder / "venv"
    made = make("-n", f"VENV={venv}", f"{venv}/bin/python", *arguments, path=path)
    assert made.returncode == 0, made.stderr
    return made.stdout.splitlines()[0].removesuffix(f" -m venv --clear {venv}")


def refused(folder: Path, path: Path, *arguments: str) -> str:
    """Tell the one line with which make gives up."""
    made = make(f"VENV={folder}/venv", "test", *arguments, path=path)
    (line,) = made.stderr.splitlines()
    assert made.returncode == 2
    assert made.stdout == ""
    return line


def test_make_alone_lists_every_chore() -> None:
    chores = re.findall(r"^([a-z]+):", MAKEFILE.read_text(), flags=re.MULTILINE)

    listed = [line.split()[1] for line in make().stdout.splitlines()]

    assert listed == chores
    assert {"demo", "test", "check", "fmt", "migrate", "wheel", "clean"} <= set(listed)


@pytest.mark.parametrize(
    ("pythons", "expected"),
    [
        ({"python3_13": REAL, "python3": REAL}, "python3.13"),
        ({"python3_13": BROKEN, "python3_12": BROKEN, "python3_11": REAL}, "python3.11"),
        ({"python3": REAL}, "python3"),
        ({"python3_12": WITHOUT_VENV, "python3": REAL}, "python3"),
        ({"python3_11": REAL, "python3": TOO_OLD}, "python3.11"),
    ],
)
def test_the_first_python_that_works_is_taken(
    pythons: dict[str, str], expected: str, tmp_path: Path
) -> None:
    assert chosen(tmp_path, machine(tmp_path, **pythons)) == f'"{expected}"'


def test_a_certain_python_can_be_asked_for(tmp_path: Path) -> None:
    path = machine(tmp_path, python3_13=REAL, **{"my python": REAL})

    assert chosen(tmp_path, path, f"PYTHON={path}/my python") == f'"{path}/my python"'


@pytest.mark.parametrize(
    ("pythons", "advice"),
    [
        ({"python3_11": WITHOUT_VENV, "python3": WITHOUT_VENV}, "apt install python3-venv"),
        ({"python3_11": WITHOUT_VENV, "python3": TOO_OLD}, "apt install python3.11-venv"),
        ({"python3": TOO_OLD}, "needs Python 3.11 or newer"),
        ({}, "apt install python3-venv"),
    ],
)
def test_one_line_says_what_to_install(
    pythons: dict[str, str], advice: str, tmp_path: Path
) -> None:
    assert advice in refused(tmp_path, machine(tmp_path, **pythons))


def test_a_python_that_was_asked_for_is_not_replaced_by_another(tmp_path: Path) -> None:
    path = machine(tmp_path, python3_13=REAL, old=TOO_OLD)

    assert "needs Python 3.11 or newer" in refused(tmp_path, path, f"PYTHON={path}/old")


def test_the_demo_installs_only_what_it_needs_to_run(tmp_path: Path) -> None:
    path = machine(tmp_path, python3=REAL)
    venv = f"VENV={tmp_path}/venv"

    assert "[dev]" not in make("-n", venv, "demo", path=path).stdout
    assert "[dev]" in make("-n", venv, "test", path=path).stdout


def test_a_migration_needs_a_name(tmp_path: Path) -> None:
    made = make("-n", "migrate", path=machine(tmp_path, python3=REAL))

    assert 'make migrate M="' in made.stderr
    assert made.returncode == 2
