"""A trend as a picture: the rows of an answer -> a Vega-Lite specification. Pure.

rows -> a few named series (`curves.py`) -> layers, each with its own rows (`lines.py`, `bars.py`,
`buckets.py`, `ranking.py`) -> one specification (`compose.py`). The same one is drawn for `--plot`,
in the report and on the dashboard: it needs no network, no fonts of its own and no `eval`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Final

from harvester.charts import kinds, themes
from harvester.errors import ConfigError

if TYPE_CHECKING:
    from harvester.charts.layers import Note

NOT_INSTALLED: Final = "pictures need more: pip install 'ra-harvester[web]'"
MOST_ROWS: Final = 50_000  # more take minutes to draw, and nobody can see them


def specification(
    trend: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    values: Sequence[str],
    zone: tzinfo = UTC,
    notes: "Iterable[Note]" = (),
    theme: str = "light",
) -> dict[str, Any]:
    """Turn the rows of a trend's answer into a Vega-Lite specification.

    `values` are the columns of the answer that may be drawn; those that share an axis with the
    foremost are. `zone` is whose clock the time axis shows; `notes` are drawn where they fall
    into the range; `theme` is "light" or "dark". It is 720 pixels wide in all, and may be shown
    in any other `width` ("container", too).

    Raises `ConfigError` for a trend that tells no numbers, for more than `MOST_ROWS` rows, and
    where altair is not installed.
    """
    try:
        from harvester.charts import compose  # noqa: PLC0415 - altair takes a third of a second
    except ImportError as missing:
        raise ConfigError(NOT_INSTALLED) from missing
    if trend in kinds.WORDS:
        raise ConfigError(f"trend {trend} tells words, of which there is no picture")
    if len(rows) > MOST_ROWS:
        raise ConfigError(f"{len(rows):,} rows are too many for a picture: choose longer periods")
    asked = compose.Asked(
        kinds.kind_of(trend), rows, values, zone, list(notes), themes.THEMES[theme]
    )
    return compose.specification(asked)
