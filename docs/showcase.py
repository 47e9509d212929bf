"""What the README shows: a trend as the command tells it, and its picture in both themes."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from unittest import mock

from sqlalchemy import Connection

from docs.world import DAYS, GAME
from harvester import charts, cli, pictures
from harvester.store import trends
from harvester.store.series import parse_every

README: Final = Path(__file__).parent.parent / "README.md"
THEMES: Final[Mapping[str, str]] = {"light": "tickets.svg", "dark": "tickets-dark.svg"}
TREND: Final = "game-tickets"
SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)  # when the simulated weeks begin
UNTIL: Final = SINCE + timedelta(days=DAYS)
COMMAND: Final = (
    "trend", TREND, "--game", f"{GAME}", "--since", f"{SINCE:%Y-%m-%d}",
    "--until", f"{UNTIL:%Y-%m-%d}", "--every", "1w",
)  # fmt: skip
_SHOWN: Final = re.compile(r"```console\n\$ harvester trend .*?\n```", re.DOTALL)


def told(database: Path) -> str:
    """Return the command and what it answers, as a terminal shows them."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    environ = {"HARVESTER_DATABASE_URL": f"sqlite:///{database}"}
    with mock.patch.dict("os.environ", environ), redirect_stdout(out), _silence():
        cli.run(COMMAND)
    out.flush()
    lines = out.buffer.getvalue().decode().splitlines()
    return "\n".join([f"$ harvester {' '.join(COMMAND)}", *(line.rstrip() for line in lines)])


@contextmanager
def _silence() -> Iterator[None]:
    with redirect_stderr(io.StringIO()):
        yield


def shown(page: str, database: Path) -> str:
    """Write the page anew with the answer of this database."""
    return _SHOWN.sub(lambda _: f"```console\n{told(database)}\n```", page)


def update(database: Path) -> None:
    """Show the answer of this database in the README, if it is another one."""
    page = README.read_text()
    if (anew := shown(page, database)) != page:
        README.write_text(anew)


def draw(conn: Connection, folder: Path) -> None:
    """Draw the trend, day by day, in both themes."""
    folder.mkdir(exist_ok=True)
    answer = trends.answer(
        conn, TREND, games=[GAME], since=SINCE, until=UNTIL, every=parse_every("1d")
    )
    for theme, name in THEMES.items():
        specification = charts.specification(
            TREND,
            answer.rows,
            values=trends.TRENDS[TREND].values,
            notes=answer.notes,
            theme=theme,
        )
        (folder / name).write_bytes(pictures.picture(specification, "svg"))
