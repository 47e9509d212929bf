"""How many pages a second the dashboard gives: `python -m benchmarks.dashboard FOLDER`.

FOLDER keeps the databases (`full.py`). `questions.py` tells how long each page takes by itself;
here the real `harvester serve` is asked over sockets, by several at a time, for pages about
whatever there is: of each kind for itself, then of all kinds in turn. Its clock is set to the end
of the year that is in the database (`clocked.py`). With `--write DOC` the table goes into it.
"""

import argparse
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import chain, cycle
from pathlib import Path
from statistics import median, quantiles
from typing import Final, NamedTuple

from benchmarks import document, full, process, tables
from benchmarks.questions import DATABASES, databases

AT_LEAST: Final = 20  # pages a second, of all kinds in turn
ASKERS: Final = 4
SECONDS: Final = 10.0  # for each kind
ALL: Final = "all of these in turn"
Page = Callable[[random.Random], str]


class Given(NamedTuple):
    """What several askers got: the milliseconds of each page, in so many seconds."""

    took: Sequence[float]
    seconds: float

    @property
    def rate(self) -> float:
        """Tell the pages a second."""
        return len(self.took) / self.seconds

    @property
    def slow(self) -> float:
        """Tell the milliseconds that one page in twenty exceeds."""
        return quantiles(self.took, n=20, method="inclusive")[-1]


def pages(scale: full.Scale) -> Mapping[str, Page]:
    """List the kinds of pages, each about anything there is."""
    lists, achievements = -(-scale.games // 25), scale.games * scale.own
    return {
        "overview": lambda rng: f"/?page={rng.randint(1, lists)}",
        "game": lambda rng: f"/games/{rng.randint(1, scale.games)}",
        "achievement": lambda rng: f"/achievements/{rng.randint(1, achievements)}",
        "player": lambda rng: f"/players/Player{rng.randint(1, full.WATCHED)}",
        "developer": lambda rng: f"/developers/Player{rng.randint(1, full.AUTHORS)}",
        "coverage": lambda _: "/coverage",
    }


# --- asking ----------------------------------------------------------------------------


def measure(url: str, scale: full.Scale, seconds: float) -> Iterator[tuple[str, Given]]:
    """Ask a server of this database for so many seconds for each kind, then for all of them."""
    kinds = pages(scale)
    with serving(url) as place:
        ask(place, list(kinds.values()), seconds / 4)  # it gets warm
        for name, kind in kinds.items():
            yield name, ask(place, [kind], seconds)
        yield ALL, ask(place, list(kinds.values()), 2 * seconds)


@contextmanager
def serving(url: str) -> Iterator[str]:
    """Run the real server; yield its host and port once it has nothing else to do."""
    command = [sys.executable, "-m", "benchmarks.clocked", "--config", "/dev/null"]
    environ = process.environment({"HARVESTER_DATABASE_URL": url})
    with subprocess.Popen(
        [*command, "serve", "--port", "0"], env=environ, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stderr
            told = server.stderr.readline()
            found = re.search(r"http://([^/]+)/", told)
            assert found, told
            _wait_for_scripts(found[1])
            yield found[1]
        finally:
            process.stop(server)


def _wait_for_scripts(place: str) -> None:
    """Wait until the scripts for browsers are made, which happens in the background."""
    with closing(HTTPConnection(place)) as conn:
        found = re.search(rb'src="(/static/\w+/vega\.js)"', _page(conn, "/games/1"))
        assert found
        _page(conn, found[1].decode())


def _page(conn: HTTPConnection, place: str) -> bytes:
    conn.request("GET", place)
    answer = conn.getresponse()
    content = answer.read()
    assert answer.status == 200, f"{place}: {answer.status}"
    return content


def ask(place: str, kinds: Sequence[Page], seconds: float) -> Given:
    """Ask for pages of these kinds in turn, several askers at a time."""
    began = time.perf_counter()
    with ThreadPoolExecutor(ASKERS) as pool:
        asked = [pool.submit(_asker, place, kinds, own, began + seconds) for own in range(ASKERS)]
        took = list(chain.from_iterable(one.result() for one in asked))
    return Given(took, time.perf_counter() - began)


def _asker(place: str, kinds: Sequence[Page], number: int, ends: float) -> list[float]:
    """Ask for one page after the other over one connection; each asker begins elsewhere."""
    rng, took, turns = random.Random(number), list[float](), cycle(kinds)
    for _ in range(number):
        next(turns)
    with closing(HTTPConnection(place)) as conn:
        while not took or time.perf_counter() < ends:
            began = time.perf_counter()
            _page(conn, next(turns)(rng))
            took.append(1000 * (time.perf_counter() - began))
    return took


# --- the table -------------------------------------------------------------------------


def written(found: Mapping[str, Mapping[str, Given]]) -> str:
    """Write a line for each kind of page."""
    of_each = ("pages a second", "median ms", "95 % ms")
    header = ("pages", "at least", *(f"{name}: {what}" for name in found for what in of_each))
    kinds = next(iter(found.values()))
    lines = [_line(kind, [given[kind] for given in found.values()]) for kind in kinds]
    return tables.table((*header, "reached"), lines)


def _line(kind: str, given: Sequence[Given]) -> tuple[str, ...]:
    told = (
        text
        for one in given
        for text in (f"{one.rate:,.1f}", f"{median(one.took):,.0f}", f"{one.slow:,.0f}")
    )
    if kind != ALL:
        return kind, "", *told, ""
    is_reached = min(one.rate for one in given) >= AT_LEAST
    return kind, str(AT_LEAST), *told, "yes" if is_reached else "no"


def main() -> None:
    """Make the databases, serve and ask, print, and write where that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--database", action="append", choices=DATABASES, dest="databases")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each kind of page")
    parser.add_argument("--write", type=Path, help="a document whose marked part is rewritten")
    chosen = parser.parse_args()
    found: dict[str, dict[str, Given]] = {}
    commit, scale = tables.commit(), full.Scale()
    with databases(chosen.folder, scale, chosen.databases or DATABASES) as urls:
        for name, url in urls.items():
            found[name] = {}
            for kind, given in measure(url, scale, chosen.seconds):
                found[name][kind] = given
                print(f"{name}: {kind}: {given.rate:.1f} a second", file=sys.stderr, flush=True)
    told = f"{document.where(commit)}\n\n{written(found)}\n"
    print(told)
    if chosen.write:
        document.rewrite(chosen.write, "dashboard", told)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server ends, too
    main()
