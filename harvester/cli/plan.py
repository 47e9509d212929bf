"""`harvester plan`: what will be asked, and what it costs, before anything is sent."""

from collections.abc import Mapping
from typing import Any, Final

import click

from harvester import bill, clock, planned
from harvester.bill import Bill
from harvester.cli.options import Globals, Name, common, in_format, option
from harvester.cli.outlook import known
from harvester.cli.session import note, settings_of, show, show_object

_SECTIONS: Final = tuple(planned.COLUMNS)
_ROWS: Final = "polls"  # what is shown where only rows of one form can be


@click.command()
@option("--each", "is_each", is_flag=True, help="Unlock lists one by one, not by game.")
@option(
    "--section",
    type=Name(_SECTIONS),
    metavar="SECTION",
    help=f"Only one section: {', '.join(_SECTIONS)}.",
)
@option("--json", "is_json", is_flag=True, help="Everything as one JSON object.")
@in_format
@common
@click.pass_obj
def plan(chosen: Globals, *, is_each: bool, section: str | None, is_json: bool, form: str) -> None:
    """Show what will be asked, what it costs, and whether it fits.

    Sends nothing and needs no key: it goes by the configuration, and by what the database
    knows, if there is one. A table has all sections; other formats have the polls, or what
    --section says. Times are UTC.

    requests_per_day takes the world to stand still; lists that move are forecast from the
    last seven days. A share of 1 is all that pace or budget allow. late_hours is how late
    something comes at worst, empty if it never comes.
    """
    settings, at = settings_of(chosen), clock.now()
    drawn = bill.draw_up(settings, known(settings, at=at), at=at)
    if is_json:
        show_object(planned.document(drawn, is_each=is_each))
        return
    if form == "table" and section is None:
        _show_all(planned.document(drawn, is_each=is_each))
    else:
        name = section or _ROWS
        show(planned.rows(drawn, name, is_each=is_each), planned.COLUMNS[name], form)
    _say(drawn)


def _show_all(content: Mapping[str, Any]) -> None:
    """Show every section that has something to tell, under its heading."""
    shown = [name for name in _SECTIONS if content[name]]
    for place, name in enumerate(shown):
        click.echo(f"\n{planned.HEADINGS[name]}" if place else planned.HEADINGS[name])
        show(content[name], planned.COLUMNS[name], "table")


def _say(drawn: Bill) -> None:
    for line in planned.notes(drawn):
        note(line)
