"""A report in a document: where and when it was measured, and between which marks it stands."""

import re
import time
from pathlib import Path

from benchmarks import tables


def where(commit: str) -> str:
    """Say when, of which commit and on what something was measured."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return f"Measured on {day} at {commit}: {tables.machine()}."


def rewrite(path: Path, name: str, report: str) -> None:
    """Put a report between the marks of this name, and leave everything else as it is."""
    marked = re.compile(rf"(<!-- {name}: begin -->\n).*(<!-- {name}: end -->)", re.DOTALL)
    text = path.read_text()
    assert marked.search(text), f"{path} has no marks for {name}"
    path.write_text(marked.sub(lambda found: f"{found[1]}\n{report}\n{found[2]}", text))
