"""The world on a loopback socket: HTTP/1.1 with keep-alive and gzip, and trouble on order.

Request -> `World.before_answer` -> the answer -> spoilt by a fault, if one strikes -> logged
in `World.asked` -> sent, as whole and as fast as the fault allows.
"""

import gzip
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from harvester.sandbox.answers import answer
from harvester.sandbox.faults import Detail, Fault
from harvester.sandbox.records import Asked
from harvester.sandbox.spoiling import spoil
from harvester.sandbox.wire import Query, Reply, page_of_html

if TYPE_CHECKING:
    from harvester.sandbox.world import World

PREFIX, SUFFIX = "/API/", ".php"
WORTH_COMPRESSING = 200
SECRETS = ("y", "z")
POSTABLE = ("y", "i")
FOR_EVER = 3600.0


@contextmanager
def serve(world: "World", port: int = 0) -> Iterator[str]:
    """Serve the world on 127.0.0.1 and yield the base URL; port 0 picks a free one.

    On leaving, open connections are cut and all threads have ended; what went wrong in one of
    them, such as an error in `World.before_answer`, is raised here.
    """
    server = _Server(world, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="sandbox")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    finally:
        server.stop()
        thread.join()
    for error in server.errors:
        raise error


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the threads
    request_queue_size = 64

    def __init__(self, world: "World", port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.world = world
        self.closing = threading.Event()
        self.errors: list[BaseException] = []
        self.under_way: set[object] = set()  # handlers whose answer has not left to the end
        self._connections: set[object] = set()

    def stop(self) -> None:
        """Wake those that hang, cut those that idle, and wait for both."""
        self.closing.set()
        self.shutdown()
        for connection in list(self._connections):
            with suppress(OSError):
                _socket(connection).shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: object, client_address: object) -> None:
        """Remember the connection before its thread starts, so that `stop` misses none."""
        self._connections.add(request)
        super().process_request(_socket(request), client_address)

    def shutdown_request(self, request: object) -> None:
        self._connections.discard(request)
        super().shutdown_request(_socket(request))

    def handle_error(self, *_: object) -> None:
        """Keep what went wrong, unless the other end (or `stop`) merely hung up."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)


def _socket(request: object) -> socket.socket:
    assert isinstance(request, socket.socket)  # noqa: S101  (a pair would be UDP)
    return request


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "nginx", ""
    wbufsize = -1  # header and body leave together
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer; RA routes every verb to the same script."""
        url = urlsplit(self.path)
        self._respond(url.path, dict(parse_qsl(url.query, keep_blank_values=True)))

    def do_POST(self) -> None:
        """Answer with the key and the ticket's id taken from the form, if they are there."""
        form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
        sent = {name: value for name, value in parse_qsl(form) if name in POSTABLE}
        url = urlsplit(self.path)
        self._respond(url.path, sent | dict(parse_qsl(url.query, keep_blank_values=True)))

    def log_message(self, *_: object) -> None:
        """Keep silent: the log is `World.asked`."""

    def _respond(self, path: str, params: Mapping[str, str]) -> None:
        name = path.removeprefix(PREFIX).removesuffix(SUFFIX)
        if path != f"{PREFIX}{name}{SUFFIX}" or not name.startswith("API_"):
            self._send(page_of_html(404, "Not Found"))
            return
        with self.server.world.lock:
            beside = len(self.server.under_way)
            self.server.under_way.add(self)
            reply, fault = self._reply(name, params, beside)
        try:
            self._deliver(reply, fault)
        finally:
            self._is_through()

    def _is_through(self) -> None:
        """Count no more as under way: before the last piece leaves, or the next request is here."""
        with self.server.world.lock:
            self.server.under_way.discard(self)

    def _reply(
        self, name: str, params: Mapping[str, str], beside: int
    ) -> tuple[Reply, Fault | None]:
        world, asked = self.server.world, replace(self._asked(name, params), beside=beside)
        if world.before_answer is not None:
            world.before_answer(asked)
        fault = world.faults.strike(name)
        reply = answer(world, name, params, self.headers.get("Authorization", ""))
        if fault is not None:
            accept = self.headers.get("Accept", "")
            reply = spoil(world, fault, Query(params), accept, reply)
        is_dropped = fault is not None and fault.kind == "drop-connection"
        status, size = (0, 0) if is_dropped else (reply.status, len(reply.body))
        world.asked.append(replace(asked, status=status, bytes=size))
        return reply, fault

    def _asked(self, name: str, params: Mapping[str, str]) -> Asked:
        return Asked(
            at=self.server.world.now,
            monotonic=time.monotonic(),
            name=name,
            params={key: value for key, value in params.items() if key not in SECRETS},
            status=0,
            bytes=0,
            user_agent=self.headers.get("User-Agent", ""),
        )

    def _deliver(self, reply: Reply, fault: Fault | None) -> None:
        """Send the reply the way the fault lets it through."""
        kind = None if fault is None else fault.kind
        detail: Detail = {} if fault is None else fault.detail
        if kind == "drop-connection":
            self.close_connection = True
            return
        if kind == "hang":
            self._rest(detail.get("seconds", FOR_EVER))
        drip = kind == "slow-drip"
        self._send(
            reply,
            kept=0.5 if kind == "truncate" else 1,
            pieces=detail.get("pieces", 10) if drip else 1,
            rest=detail.get("seconds", 0.05) if drip else 0,
        )

    def _rest(self, seconds: float) -> None:
        if seconds and self.server.closing.wait(seconds):
            raise ConnectionAbortedError

    def _send(self, reply: Reply, *, kept: float = 1.0, pieces: int = 1, rest: float = 0) -> None:
        body = self._head(reply)
        if kept < 1:
            body, self.close_connection = body[: int(len(body) * kept)], True
        size = max(1, -(-len(body) // pieces))
        for start in range(0, len(body), size):
            if start + size >= len(body):
                self._is_through()
            self.wfile.write(body[start : start + size])
            self.wfile.flush()
            self._rest(rest)

    def _head(self, reply: Reply) -> bytes:
        """Send status and headers; return the body, compressed if that is welcome."""
        body, headers = reply.body, dict(reply.headers)
        offered = self.headers.get("Accept-Encoding", "")
        if "gzip" in offered and len(body) >= WORTH_COMPRESSING:
            body, headers["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
        self.send_response(reply.status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        return body
