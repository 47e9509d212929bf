"""Templates, and what they may write: everything is escaped, on one line, and of bounded length.

Titles, names and notes were written by strangers. Escaping keeps them text; that they cannot
turn the reading direction of what stands around them is seen to here.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from harvester import __version__
from harvester.charts import sparklines
from harvester.text import one_line
from harvester.web import asked, assets
from harvester.web.site import site_of

LONGEST: Final = 500  # characters of one text
NOTHING: Final = "\N{EN DASH}"
_SHARES: Final = ("rarity", "completion", "share", "coverage")
_FEW: Final = 100


def page(request: Request, template: str, *, status: int = 200, **content: object) -> HTMLResponse:
    """Write a page."""
    found = environment().get_template(template)
    path, kept = request.url.path, asked.kept(request)
    text = found.render(site=site_of(request), version=__version__, path=path, kept=kept, **content)
    return HTMLResponse(text, status)


@cache
def environment() -> Environment:
    """Set the templates up."""
    made = Environment(
        loader=PackageLoader("harvester.web"),
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"cell": cell, "moment": moment, "words": words, "segment": segment}
    made.filters["plain"] = _written
    made.globals |= {"asset": assets.address, "spark": sparklines.lines}
    return made


def _harmless(value: object) -> object:
    if isinstance(value, Markup) or not isinstance(value, str):
        return "" if value is None else value
    text = one_line(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _written(text: str) -> Markup:
    """Write a text into a form field as it was: several lines, and as long as it is."""
    return escape("\n".join(map(one_line, text.splitlines())))


def words(name: str) -> str:
    """Make a heading of the name of a column or trend."""
    text = name.removesuffix("_at").replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]


def segment(value: object) -> str:
    """Write a value as one part of an address."""
    return quote(str(value), safe="")


def cell(value: object, name: str = "", zone: object = None) -> str:
    """Write a value for people: numbers with separators, shares in percent, times in a zone."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return moment(value, zone)
    written = next((write for kind, write in _WRITTEN if isinstance(value, kind)), str)
    return _fraction(value, name) if isinstance(value, float) else written(value)


def duration(value: timedelta) -> str:
    """Write a length of time in its two largest units."""
    minutes = round(value.total_seconds() / 60)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    return " ".join([f"{count} {unit}" for count, unit in parts if count][:2]) or "under 1 min"


_WRITTEN: Final[Sequence[tuple[type, Callable[[Any], str]]]] = (
    (bool, lambda value: "yes" if value else "no"),
    (int, lambda value: f"{value:,}"),
    (timedelta, duration),
)


def _fraction(value: float, name: str) -> str:
    if name.startswith(_SHARES):
        return f"{value:.1%}" if value >= 0.1 or not value else f"{value:.2%}"  # noqa: PLR2004
    return f"{value:,.0f}" if abs(value) >= _FEW else f"{value:,.2f}"


def moment(value: datetime | None, zone: object = None) -> str:
    """Write an instant to the minute, in a zone."""
    if value is None:
        return NOTHING
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M}" if zone else f"{value:%Y-%m-%d %H:%M} UTC"  # type: ignore[arg-type]
