"""The rules of the house that no linter knows: who may import whom, and read the clock.

sources -> imports -> complaints, one line each. What a module imports inside a function
counts like everything else. The floors are those of the map in CONTRIBUTING.md.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

Modules = Mapping[str, ast.Module]  # by path without suffix: "harvester/store/db"
Wing = tuple[str, ...]  # patterns: "store/db", "endpoints/*"
Floors = tuple[tuple[Wing, ...], ...]  # from the roof down; wings of a floor are separate

PACKAGE = "harvester"
HOMES = {  # what is imported in one place, and where that is
    "requests": r"api/client",
    "urllib3": r"api/client",
    "apscheduler": r"daemon",
    "sqlalchemy": r"store/.*",
    "alembic": r"store/migrate",
    "click": r"cli/.*",
}
SQL_TYPES = {"Connection", "Engine", "Table"}  # and exceptions: may be named anywhere
CLOCKS = re.compile(r"(datetime\.)?(datetime\.(now|utcnow|today)|date\.today)|time\.time(_ns)?")
CLOCK_HOME = "clock"
SANDBOX_KNOWS = {"clock", "errors"}
NAMELESS = re.compile(r"(utils?|helpers?|common|misc|managers?)$")


def modules_in(folder: Path) -> Modules:
    """Read every module of a package."""
    files = sorted(folder.rglob("*.py"))
    return {_name(path.relative_to(folder.parent)): ast.parse(path.read_text()) for path in files}


def _name(path: Path) -> str:
    return path.with_suffix("").as_posix().removeprefix(f"{PACKAGE}/")


def floors_of(text: str) -> Floors:
    """Read the map: one floor per row of the table, names in backticks, wings apart by a dot."""
    rows = re.findall(r"^\| (`[^|]+)\|", text, flags=re.MULTILINE)
    return tuple(
        tuple(tuple(re.findall(r"`(.+?)`", wing)) for wing in row.split("·")) for row in rows
    )


def place_of(name: str, floors: Floors) -> tuple[int, int] | None:
    """Tell floor and wing of a module; its full name goes before a pattern."""
    places, family = _places(floors), f"{name.rpartition('/')[0]}/*"
    return places.get(name, places.get(family))


@cache
def _places(floors: Floors) -> dict[str, tuple[int, int]]:
    return {
        pattern: (level, number)
        for level, wings in enumerate(floors)
        for number, wing in enumerate(wings)
        for pattern in wing
    }


def imports_of(name: str, modules: Modules) -> set[str]:
    """Tell which modules of this package a module imports, anywhere in it."""
    dotted = {own for full in _imported(name, modules[name]) if (own := _ours(full, modules))}
    return dotted - {name}


@cache
def _nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


def _imported(name: str, tree: ast.Module) -> Iterator[str]:
    """List everything imported by its full name, "harvester.store.db" as "sqlalchemy.select"."""
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(name, node)
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _origin(name: str, node: ast.ImportFrom) -> str:
    """Tell where a `from … import` takes from; dots begin at the module's own package."""
    if not node.level:
        return str(node.module)
    above = [PACKAGE, *name.split("/")][: -node.level]
    return ".".join([*above, *([node.module] if node.module else [])])


def _ours(full: str, modules: Modules) -> str | None:
    """Find the module behind an imported name: the longest one that is there."""
    if full != PACKAGE and not full.startswith(f"{PACKAGE}."):
        return None
    parts = full.split(".")[1:]
    for length in range(len(parts), -1, -1):
        name = "/".join(parts[:length])
        for found in (name, f"{name}/__init__".removeprefix("/")):
            if found in modules:
                return found
    return None


def complaints(modules: Modules, floors: Floors) -> list[str]:
    """Tell everything that breaks a rule of the house, one line each."""
    rules = (
        _unplaced(modules, floors),
        _upward(modules, floors),
        _circles(modules),
        _sandbox(modules),
        _away_from_home(modules),
        _sql_elsewhere(modules),
        _clocks(modules),
        _by_name(modules),
        _nameless(modules),
    )
    return [complaint for rule in rules for complaint in rule]


def _unplaced(modules: Modules, floors: Floors) -> Iterator[str]:
    for name in modules:
        if place_of(name, floors) is None:
            yield f"{name} has no place on the map in CONTRIBUTING.md"


def _upward(modules: Modules, floors: Floors) -> Iterator[str]:
    for name in modules:
        for other in sorted(imports_of(name, modules)):
            mine, its = place_of(name, floors), place_of(other, floors)
            if mine and its and its[0] < mine[0]:
                yield f"{name} imports {other}, which is above it"
            elif mine and its and its[0] == mine[0] and its != mine:
                yield f"{name} imports {other}, which is in another wing"


def _circles(modules: Modules) -> Iterator[str]:
    """Peel off what imports nothing that is left: what remains goes round in circles."""
    left = {name: imports_of(name, modules) for name in modules}
    while done := [name for name, others in left.items() if not others & left.keys()]:
        left = {name: others for name, others in left.items() if name not in done}
    while left and (top := [own for own in left if not any(own in left[o] for o in left)]):
        left = {name: others for name, others in left.items() if name not in top}
    if left:
        yield f"{', '.join(sorted(left))} import each other in a circle"


def _sandbox(modules: Modules) -> Iterator[str]:
    """Keep the simulated RA apart: it knows nothing of us, and the product nothing of it."""
    for name in modules:
        for other in sorted(imports_of(name, modules)):
            inside, known = name.startswith("sandbox/"), other.startswith("sandbox/")
            if inside and not known and other not in SANDBOX_KNOWS:
                yield f"{name} imports {other}: the sandbox is RA, not us"
            if known and not inside and name != "demo":
                yield f"{name} imports {other}: only the demo may know the sandbox"


def _away_from_home(modules: Modules) -> Iterator[str]:
    for name, tree in modules.items():
        for full in sorted(set(_imported(name, tree))):
            package = full.partition(".")[0]
            home = HOMES.get(package)
            if home and package != "sqlalchemy" and not re.fullmatch(home, name):
                yield f"{name} imports {full}, which only {home} may"


def _sql_elsewhere(modules: Modules) -> Iterator[str]:
    for name, tree in modules.items():
        if re.fullmatch(HOMES["sqlalchemy"], name):
            continue
        for full in sorted(set(_imported(name, tree))):
            package, _, what = full.partition(".")
            if package == "sqlalchemy" and not (what in SQL_TYPES or what.startswith("exc.")):
                yield f"{name} imports {full}: SQL is written under store/"


def _clocks(modules: Modules) -> Iterator[str]:
    for name, tree in modules.items():
        for called in sorted(_clock_calls(name, tree)):
            if name != CLOCK_HOME:
                yield f"{name} reads {called}: only {CLOCK_HOME} may"


def _clock_calls(name: str, tree: ast.Module) -> set[str]:
    """Find every mention of a wall clock, whatever name it was imported by."""
    known = dict(_aliases(name, tree))
    spelled = [
        _spelled(node) for node in _nodes(tree) if isinstance(node, ast.Attribute | ast.Name)
    ]
    full = [
        (known.get(first, first), rest)
        for first, _, rest in (own.partition(".") for own in spelled)
    ]
    dotted = {f"{first}.{rest}".rstrip(".") for first, rest in full}
    return {own for own in dotted if CLOCKS.fullmatch(own)}


def _aliases(name: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((own.asname, own.name) for own in node.names if own.asname)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(name, node)
            yield from ((own.asname or own.name, f"{origin}.{own.name}") for own in node.names)


def _spelled(node: ast.AST) -> str:
    """Write `a.b.c` as it stands; "" where it begins with something else than a name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _spelled(node.value)):
        return f"{before}.{node.attr}"
    return ""


def _by_name(modules: Modules) -> Iterator[str]:
    for name, tree in modules.items():
        for node in _nodes(tree):
            if _spelled(node).rpartition(".")[2] in {"import_module", "__import__"}:
                yield f"{name} imports by name, which no test can follow"


def _nameless(modules: Modules) -> Iterator[str]:
    for name in modules:
        if any(NAMELESS.fullmatch(part) for part in name.split("/")):
            yield f"{name} says nothing about what is in it"
