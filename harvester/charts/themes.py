"""How pictures look: two themes, and what tells series apart without colour.

The colours follow Okabe and Ito's for the colour-blind, each made so dark (or on dark ground
so light) that it stands out 3:1; dashes, shapes and fillings say the same once more.
"""

from dataclasses import dataclass
from typing import Any, Final

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
DASHES: Final = ([1, 0], [6, 3], [2, 2], [9, 3, 2, 3], [12, 4], [10, 2, 2, 2, 2, 2], [3, 6], [1, 4])
SHAPES: Final = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left",
    "triangle-right",
)  # fmt: skip
MOST_SERIES: Final = len(SHAPES)


@dataclass(frozen=True)
class Theme:
    """The colours of one theme; none is used for two things, so that each can be replaced."""

    ground: str
    ink: str
    quiet: str  # axes and remarks
    faint: str  # grid
    hole: str  # where nothing was observed
    heat: tuple[str, str]  # from none to most
    series: tuple[str, ...]


LIGHT: Final = Theme(
    ground="#ffffff",
    ink="#1c1e21",
    quiet="#5b6067",
    faint="#e3e5e8",
    hole="#eef0f2",
    heat=("#dcebf5", "#003f6b"),
    series=(
        "#0068a8", "#c44e00", "#00785a", "#a03f78", "#8a6100", "#2f86c4", "#45484d", "#6b48a8",
    ),
)  # fmt: skip
DARK: Final = Theme(
    ground="#15171a",
    ink="#eceef0",
    quiet="#a4abb3",
    faint="#2e3238",
    hole="#282d33",
    heat=("#1c3346", "#a8dcff"),
    series=(
        "#5ab4ec", "#f28a4b", "#35c79c", "#e795c4", "#eec04d", "#9ccbf5", "#d3d6da", "#b9a0f2",
    ),
)  # fmt: skip
THEMES: Final = {"light": LIGHT, "dark": DARK}


def config(theme: Theme) -> dict[str, Any]:
    """Return the part of a specification that says how everything looks.

    A limit of 0 is none: Vega cuts by half characters, of which no picture can be made.
    """
    return {
        "background": theme.ground,
        "font": FONT,
        "view": {"stroke": None},
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "color": theme.ink,
            "subtitleColor": theme.quiet,
            "fontSize": 16,
            "fontWeight": 600,
            "subtitleFontSize": 12,
            "subtitlePadding": 6,
            "offset": 14,
        },
        "axis": {
            "labelColor": theme.quiet,
            "titleColor": theme.quiet,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelPadding": 6,
            "labelLimit": 0,
            "titleLimit": 0,
            "domain": False,
            "ticks": False,
            "gridColor": theme.faint,
        },
        "legend": {
            "labelColor": theme.quiet,
            "titleColor": theme.quiet,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelLimit": 0,
            "titleLimit": 0,
        },
        "text": {"color": theme.ink, "fontSize": 12},
    }
