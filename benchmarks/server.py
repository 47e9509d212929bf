"""The made-up RetroAchievements on a loopback socket, fast enough never to be what limits.

HTTP/1.1 with keep-alive and Content-Length. RA itself offers gzip; here answers go out as
they are unless `--gzip` asks for it, for compressing would cost more than all the rest.

Control, for whoever measures: `/control/advance?share=0.01` lets achievements get unlocks,
`/control/reset` takes them away again, `/control/log` tells and forgets what was asked,
`/control/truth` tells what a contender's rows must come to.
"""

import argparse
import asyncio
import gzip
import time
from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl

from benchmarks import world
from benchmarks.answers import Answers, encode
from benchmarks.world import World, size_of, sized

PREFIX, SUFFIX, CONTROL = "/API/", ".php", "/control/"


class Site:
    """A world, its answers, and the log of what was asked and sent."""

    def __init__(self, made: World, *, is_gzip: bool) -> None:
        self.world = made
        self.is_gzip = is_gzip
        self.answers = Answers(made)
        self.asked: Counter[str] = Counter()
        self.bytes = 0

    def answer(self, head: bytes) -> bytes:
        """Answer the head of a request with all that is to be sent."""
        path, _, query = head.split(b" ", 2)[1].decode("latin-1").partition("?")
        params = dict(parse_qsl(query))
        if path.startswith(CONTROL):
            return _sent(encode(self._control(path.removeprefix(CONTROL), params)))
        name = path.removeprefix(PREFIX).removesuffix(SUFFIX)
        self.asked[_kind(name, params)] += 1
        body, is_packed = self.answers.to(name, params), self.is_gzip and b"gzip" in head
        if body is not None and is_packed:
            body = gzip.compress(body, 1, mtime=0)
        self.bytes += len(body or b"")
        return _sent(body, ENCODED if is_packed and body else b"")

    def _control(self, order: str, params: Mapping[str, str]) -> object:
        if order == "log":
            return self._log()
        if order == "truth":
            return self._truth()
        if order == "advance":
            moved = world.advance(self.world, float(params["share"]), int(time.time()))
        else:
            moved = world.reset(self.world)
        self.answers.refresh()
        return {"moved": moved}

    def _log(self) -> object:
        told = {"asked": dict(self.asked), "bytes": self.bytes}
        self.asked.clear()
        self.bytes = 0
        return told

    def _truth(self) -> object:
        count, digest = world.digest(world.facts(self.world))
        lengths = [len(own.unlocks) for own in self.world.achievements]
        pages = sum(-(-length // 499) or 1 for length in lengths)
        return {"rows": count, "digest": digest, "pages": pages}


def _sent(body: bytes | None, headers: bytes = b"") -> bytes:
    """Put status and headers before a body; nothing is 404."""
    status, body = (b"404 Not Found", b"[]") if body is None else (b"200 OK", body)
    return HEAD % (status, headers, len(body)) + body


HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
ENCODED = b"Content-Encoding: gzip\r\n"


def _kind(name: str, params: Mapping[str, str]) -> str:
    """Name a request by what it costs: first pages, counts and listings are told apart."""
    kind = KINDS.get(name, name)
    if kind == "unlocks":
        return "unlocks first" if params.get("o", "0") == "0" else "unlocks further"
    if kind == "tickets":
        return "tickets listed" if params.get("d") == "1" else "tickets counted"
    return kind


KINDS = {
    "API_GetGameInfoAndUserProgress": "progress",
    "API_GetGameExtended": "progress",
    "API_GetUserProgress": "user progress",
    "API_GetTicketData": "tickets",
    "API_GetAchievementDistribution": "distribution",
    "API_GetAchievementUnlocks": "unlocks",
}


class Connection(asyncio.Protocol):
    """One client's connection: requests in, answers out, in order."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.pending += data
        while b"\r\n\r\n" in self.pending:
            head, _, self.pending = self.pending.partition(b"\r\n\r\n")
            self.transport.write(self.site.answer(head))


async def _serve(site: Site, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(site), "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PREFIX}", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until killed; the first line printed is the base URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    sized(parser)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--gzip", action="store_true", dest="is_gzip")
    chosen = parser.parse_args()
    site = Site(world.build(size_of(chosen)), is_gzip=chosen.is_gzip)
    asyncio.run(_serve(site, chosen.port))


if __name__ == "__main__":
    main()
