"""The report: one HTML file that says how everything watched stands, and how it got there.

database -> trends -> pictures and tables (`content.py`, `figures.py`) -> one page (`page.html.j2`).
It needs no network, no JavaScript and no other file; titles are escaped by the template engine.
"""

from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from harvester.charts import NOT_INSTALLED
from harvester.errors import ConfigError
from harvester.report.content import Range, gathered
from harvester.report.figures import dark_style, when
from harvester.text import one_line
from harvester.wording import share

_TEMPLATE: Final = Path(__file__).with_name("page.html.j2")


def page(
    conn: Connection,
    *,
    since: datetime,
    until: datetime,
    zone: tzinfo,
    now: datetime | None = None,
) -> str:
    """Write the report of a range as HTML, as of `now`: left out, as of its end.

    Raises `ConfigError` where the extra for pictures is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - only a report needs it
    except ImportError as missing:
        raise ConfigError(NOT_INSTALLED) from missing
    engine = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_harmless, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    told = gathered(Range(conn, since, until, zone, now))
    template = engine.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(told=told, dark=dark_style(), when=when, share=share)


def _harmless(value: object) -> object:
    """Keep marks that turn the reading direction out of the page; markup is no plain `str`."""
    return one_line(value) if type(value) is str else value
