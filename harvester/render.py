"""Rows as text for people and programs: table, JSON, NDJSON, CSV or TSV.

Everything but the table is written row by row, so that a long answer starts at once and
takes no memory.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

from harvester.plain import cell, json_text
from harvester.tables import table
from harvester.text import one_line

Row = Mapping[str, object]

# What spreadsheets take for a formula: in East Asia also where the sign is a full-width one.
_FORMULA: Final = re.compile(r"\s*[=+@\uff1d\uff0b\uff20\uff0d-]|[\t\r]")
_JSON_FORMS: Final = ("json", "ndjson")  # whose instants name their zone, which is UTC
_SPECIAL: Final = re.compile(r'[",\r\n]')  # what CSV has to put into quotes


def render(rows: Iterable[Row], columns: Sequence[str], form: str, out: TextIO) -> None:
    """Write rows to `out` in one of `FORMATS`; a column that a row lacks is null."""
    out.writelines(f"{line}\n" for line in FORMATS[form](rows, columns, out))


def render_object(content: Mapping[str, object], out: TextIO) -> None:
    """Write one JSON object to `out`, its lists of rows with a line per row."""
    lines = (f"  {json_text(name)}: {_json_value(value)}" for name, value in content.items())
    out.write("{\n" + ",\n".join(lines) + "\n}\n")


def _json_value(value: object) -> str:
    if not isinstance(value, list) or not value:
        return json_text(value)
    lines = ",\n".join(f"    {json_text(one)}" for one in value)
    return f"[\n{lines}\n  ]"


def localized(
    rows: Sequence[Mapping[str, Any]], form: str, zone: ZoneInfo | None
) -> Sequence[Mapping[str, Any]]:
    """Show the clock of a zone, and say so in the name of the column; JSON stays in UTC."""
    if zone is None or form in _JSON_FORMS:
        return rows
    return [{_named(name, zone): _at(value, zone) for name, value in row.items()} for row in rows]


def _named(name: str, zone: ZoneInfo) -> str:
    return f"time ({zone.key})" if name == "time" else name


def _at(value: object, zone: ZoneInfo) -> object:
    return value.astimezone(zone) if isinstance(value, datetime) else value


def terminal_width(out: TextIO) -> int | None:
    """Return the width of the terminal that `out` is; None if it is none."""
    return shutil.get_terminal_size().columns if out.isatty() else None


def _table(rows: Iterable[Row], columns: Sequence[str], out: TextIO) -> Iterator[str]:
    lines = table(list(rows), columns, width=terminal_width(out))
    yield _bold(next(lines, ""), out)
    yield from lines


def _bold(header: str, out: TextIO) -> str:
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return header if is_plain or not out.isatty() else f"\x1b[1m{header}\x1b[0m"


def _json(rows: Iterable[Row], columns: Sequence[str], out: TextIO) -> Iterator[str]:
    """Yield one array with a line per object."""
    before = "["
    for line in _ndjson(rows, columns, out):
        yield before if before == "[" else f"{before},"
        before = line
    yield from ["[]"] if before == "[" else [before, "]"]


def _ndjson(rows: Iterable[Row], columns: Sequence[str], _out: TextIO) -> Iterator[str]:
    for row in rows:
        yield json_text({name: row.get(name) for name in columns})


def _csv(rows: Iterable[Row], columns: Sequence[str], _out: TextIO) -> Iterator[str]:
    """Yield lines in which a null is nothing, and an empty text is a pair of quotes."""
    yield ",".join(_quoted(_cell(name)) for name in columns)
    for row in rows:
        values = (row.get(name) for name in columns)
        line = ",".join("" if value is None else _quoted(_cell(value)) for value in values)
        yield line or '""'  # readers pass over an empty line


def _quoted(text: str) -> str:
    if text and not _SPECIAL.search(text):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _tsv(rows: Iterable[Row], columns: Sequence[str], _out: TextIO) -> Iterator[str]:
    return ("\t".join(cells) for cells in _cells(rows, columns))


def _cells(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[list[str]]:
    yield [_cell(name) for name in columns]
    for row in rows:
        yield [_cell(row.get(name)) for name in columns]


def _cell(value: object) -> str:
    return _harmless(value) if isinstance(value, str) else cell(value)


def _harmless(text: str) -> str:
    """Keep spreadsheets from running a text as a formula."""
    line = one_line(text)
    return f"'{line}" if _FORMULA.match(text) or _FORMULA.match(line) else line


Writer = Callable[[Iterable[Row], Sequence[str], TextIO], Iterator[str]]

FORMATS: Final[Mapping[str, Writer]] = {
    "table": _table,
    "json": _json,
    "ndjson": _ndjson,
    "csv": _csv,
    "tsv": _tsv,
}
"""The output formats by the name that `--format` takes."""
