"""`--plot FILE`: the rows of a trend as a picture beside the rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import click

from harvester.cli.options import option
from harvester.cli.saved import save
from harvester.cli.session import note
from harvester.pictures import FORMS
from harvester.store.notes import Note
from harvester.store.trends import TRENDS

Row = Mapping[str, Any]


class _PictureFile(click.ParamType[Path]):
    """A file whose name says what kind of picture it is going to be."""

    name = "file"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """Return the path."""
        path = Path(value)
        if _form(path) in FORMS:
            return path
        return self.fail(f"{str(path)!r} must end in .png, .svg or .html.", param, ctx)


plot = option(
    "--plot", "picture", type=_PictureFile(), metavar="FILE",
    help="Draw it, too: FILE.png, FILE.svg or FILE.html.",
)  # fmt: skip


def _form(path: Path) -> str:
    return path.suffix.removeprefix(".").lower()


def draw(
    path: Path, name: str, rows: Sequence[Row], zone: tzinfo | None, those: Sequence[Note] = ()
) -> None:
    """Draw the rows of a trend into a file, with the notes that belong to them."""
    from harvester import charts, pictures  # noqa: PLC0415 - most calls draw nothing

    specification = charts.specification(
        name, rows, values=TRENDS[name].values, zone=zone or UTC, notes=those
    )
    save(path, pictures.picture(specification, _form(path)))
    note(f"drawn in {path}")


def beside(rows: Iterable[Row], at: datetime, vs: datetime | None) -> list[Row]:
    """Make rows of `distribution` of those that hold two instants beside each other."""
    instants = {"at": at, "vs": vs} if vs else {"at": at}
    buckets = [row for row in rows if row["measure"] == "players"]
    return [
        {**row, "time": time, "players": row[name]}
        for name, time in instants.items()
        for row in buckets
    ]
