"""Templates, and what they may write: everything is escaped, on one line, and of bounded length.

Titles, names and notes were written by strangers. Escaping keeps them text; that they cannot
turn the reading direction of what stands around them is seen to here.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from harvester import __version__, wording
from harvester.charts import sparklines
from harvester.text import is_blank, one_line
from harvester.web import asked, assets
from harvester.web.site import site_of

LONGEST: Final = 500  # characters of one text


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
    made.filters |= {"cell": cell, "moment": wording.instant, "words": words, "segment": segment}
    made.filters |= {"plain": _written, "titled": wording.titled}
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


def cell(value: object, name: str = "", zone: tzinfo = UTC) -> str:
    """Write a value for people: numbers with separators, shares in percent, times in a zone."""
    match value:
        case None:
            return wording.NOTHING
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return (wording.share if wording.is_share(name) else wording.number)(value)
        case datetime():
            return wording.instant(value, zone)
        case timedelta():
            return wording.duration(value)
    text = str(value)
    return wording.NOTHING if is_blank(text) else text
