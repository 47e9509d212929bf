"""A Vega-Lite specification as a file: PNG, SVG, or a page that stands alone. No network.

vl-convert draws without a browser; the page holds the JavaScript that vl-convert carries.
"""

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final, cast

from harvester.charts import NOT_INSTALLED
from harvester.errors import ConfigError

VEGA_LITE: Final = "6.4"
FORMS: Final = ("png", "svg", "html")
_SCALE: Final = 2  # pixels of a PNG for each of the specification: sharp where screens are dense
_ENDS: Final = re.compile(r"<(/script|!--)", re.IGNORECASE)
_NOWHERE: Final[list[str]] = []  # what data may be loaded from

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0; background: {ground}; }}
#picture {{ width: 100%; max-width: 72rem; }}
</style>
</head>
<body>
<main id="picture" aria-label="{title}"></main>
<script>{bundle}</script>
<script>vegaEmbed("#picture", {specification}, {{"renderer": "svg", "actions": false}});</script>
</body>
</html>
"""


def picture(specification: Mapping[str, Any], form: str) -> bytes:
    """Draw a specification as one of `FORMS`; `ConfigError` where vl-convert is not installed."""
    return _DRAWN[form](specification)


def _converter() -> Any:  # noqa: ANN401 - a module
    try:
        import vl_convert  # noqa: PLC0415 - 30 MB that only pictures need
    except ImportError as missing:
        raise ConfigError(NOT_INSTALLED) from missing
    return vl_convert


def _png(specification: Mapping[str, Any]) -> bytes:
    still = without_hover(specification)
    drawn = _converter().vegalite_to_png(
        still, vl_version=VEGA_LITE, scale=_SCALE, allowed_base_urls=_NOWHERE
    )
    return cast("bytes", drawn)


def _svg(specification: Mapping[str, Any]) -> bytes:
    still = without_hover(specification)
    drawn = _converter().vegalite_to_svg(still, vl_version=VEGA_LITE, allowed_base_urls=_NOWHERE)
    return cast("str", drawn).encode()


def without_hover(specification: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is only there to be pointed at."""
    layers = [layer for layer in specification["layer"] if layer.get("name") != "hover"]
    return {**specification, "layer": layers}


def _html(specification: Mapping[str, Any]) -> bytes:
    wide = {**specification, "width": "container"}
    page = _PAGE.format(
        title=_in_text(specification.get("description", "")),
        ground=specification["config"]["background"],
        bundle=_in_script(_converter().javascript_bundle(vl_version=VEGA_LITE)),
        specification=_in_script(json.dumps(wide)),
    )
    return page.encode()


def _in_text(text: str) -> str:
    return escape(text, quote=True)


def _in_script(code: str) -> str:
    """Keep a string of the code from ending the script it stands in."""
    return _ENDS.sub(r"<\\\1", code)


_DRAWN: Final[Mapping[str, Callable[[Mapping[str, Any]], bytes]]] = {
    "png": _png,
    "svg": _svg,
    "html": _html,
}
