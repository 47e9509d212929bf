"""Styles and scripts: our own from files, Vega's made at run time; each with a hash in its address.

vl-convert carries Vega, Vega-Lite and Vega-Embed for drawing without a browser; the same ones
are handed to browsers, so that nobody's JavaScript lies in this package. To bundle them takes
seconds: it is done once, in the background.
"""

import gzip
import hashlib
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from threading import Lock
from typing import Final

import vl_convert
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from harvester.pictures import VEGA_LITE

FOR_EVER: Final = {"cache-control": "public, max-age=31536000, immutable"}
BUNDLE: Final = "vega.js"
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_OURS: Final = ("site.css", "charts.js", "icon.svg")
_SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"
_making = Lock()


def address(name: str) -> str:
    """Tell the address of a file, which changes with what is in it."""
    return f"/static/{_hash(name)}/{name}"


@cache
def _hash(name: str) -> str:
    """Tell what a file is by a hash; for the bundle that of what it is made from."""
    made_from = f"{version('vl-convert-python')} {VEGA_LITE} {_SNIPPET}".encode()
    content = made_from if name == BUNDLE else _ours(name)
    return hashlib.sha256(content).hexdigest()[:16]


@cache
def _ours(name: str) -> bytes:
    return files("harvester.web").joinpath("static", name).read_bytes()


def static(request: Request) -> Response:
    """Send a file; whatever else is asked for is not there."""
    name = request.path_params["name"]
    if name not in (*_OURS, BUNDLE) or request.path_params["hash"] != _hash(name):
        raise HTTPException(404, "there is no such file")
    kind = _TYPES[name.rpartition(".")[2]]
    if name == BUNDLE and "gzip" in request.headers.get("accept-encoding", ""):
        coded = {"content-encoding": "gzip", "vary": "accept-encoding"}
        return Response(bundle()[1], media_type=kind, headers=FOR_EVER | coded)
    content = bundle()[0] if name == BUNDLE else _ours(name)
    return Response(content, media_type=kind, headers=FOR_EVER)


def bundle() -> tuple[bytes, bytes]:
    """Make the bundle, plain and compressed; who comes meanwhile waits for it."""
    with _making:
        return _bundled()


@cache
def _bundled() -> tuple[bytes, bytes]:
    plain = vl_convert.javascript_bundle(_SNIPPET, vl_version=VEGA_LITE).encode()
    return plain, gzip.compress(plain, mtime=0)
