import gzip
import json
import logging
import random
import signal
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from pydantic import SecretStr

from harvester import __version__
from harvester.api import client as client_module
from harvester.api.client import LARGEST_KEPT, Client
from harvester.api.pace import Pacer
from harvester.api.payloads import developer_tickets, game_tickets
from harvester.api.secrecy import scrubber
from harvester.api.unlock_pages import unlock_page
from harvester.errors import (
    ApiError,
    Invalid,
    NotFound,
    Refused,
    ServerError,
    Stopped,
    TooManyRequests,
    Unavailable,
)
from harvester.stop import Stop

KEY = "k3y/0123+456789=abcdefgh"
SECRET = SecretStr(KEY)
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
ASK = game_tickets(5)
ANSWER = {"GameID": 5, "GameTitle": "G", "ConsoleName": "C", "OpenTickets": 8}

Reply = Callable[[BaseHTTPRequestHandler], None]


# --- a server that says what it is told to ----------------------------------------------


@dataclass
class Server:
    """A web server on loopback: hands out `replies`, the last one for ever."""

    base_url: str = ""
    replies: deque[Reply] = field(default_factory=deque)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    leaving: threading.Event = field(default_factory=threading.Event)

    def says(self, *replies: Reply) -> None:
        """Script what is answered from now on."""
        self.replies = deque(replies)

    def next_reply(self) -> Reply:
        """Take the next reply of the script; the last one stays."""
        return self.replies.popleft() if len(self.replies) > 1 else self.replies[0]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    script = Server()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(script))
    script.base_url = f"http://127.0.0.1:{httpd.server_address[1]}/API/"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script
    script.leaving.set()
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def handler_of(script: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5
        wbufsize = -1  # one packet per answer

        def setup(self) -> None:
            super().setup()
            script.connections += 1

        def do_GET(self) -> None:
            script.paths.append(self.path)
            script.headers.append({k.lower(): v for k, v in self.headers.items()})
            script.next_reply()(self)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def says(
    body: bytes | object, status: int = 200, kind: str = "application/json", **headers: str
) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(raw)

    return reply


def page(status: int, title: str = "Oops", **headers: str) -> Reply:
    html = f"<html><head><title>{title}</title></head></html>".encode()
    return says(html, status, "text/html; charset=UTF-8", **headers)


def breaks_off(head: str) -> Reply:
    """Send so much and hang up."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head.replace("\n", "\r\n").encode())
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return reply


def drips(script: Server) -> Reply:
    """Send a byte at a time, never long enough apart for a read to time out."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        handler.wfile.write(b"Content-Length: 100000\r\n\r\n")
        while not script.leaving.wait(0.02):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return

    return reply


def hangs(script: Server) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        script.leaving.wait(10)

    return reply


# --- a client of it ----------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    base_url: str
    username: str = "Ada"
    key: SecretStr = SECRET
    auth: str = "query"
    contact: str = ""
    timeout: timedelta = timedelta(seconds=5)


@dataclass
class Asker:
    """A client and everything that was handed to it."""

    client: Client
    pacer: Pacer
    stop: Stop
    waits: list[float]
    admitted: list[int]


Making = Callable[..., Asker]


@pytest.fixture
def asking(server: Server) -> Iterator[Making]:
    made: list[Client] = []

    def make(now: Callable[[], datetime] = lambda: NOW, **changes: object) -> Asker:
        waits: list[float] = []
        admitted: list[int] = []
        settings: dict[str, Any] = {"base_url": server.base_url, **changes}
        stop = Stop()
        pacer = Pacer(1000.0, 1000, time.monotonic, stop.wait)
        made.append(
            Client(
                Settings(**settings),
                pacer=pacer,
                stop=stop,
                now=now,
                admit=lambda: admitted.append(1),
                wait=waits.append,
                chance=random.Random(1),
            )
        )
        return Asker(made[-1], pacer, stop, waits, admitted)

    yield make
    for client in made:
        client.close()


@contextmanager
def signalled(stop: Stop) -> Iterator[None]:
    """Ask to stop by a signal, in a moment."""
    before = signal.signal(signal.SIGALRM, stop.request)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def query(path: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))


# --- what is sent ------------------------------------------------------------------------


def test_a_question_goes_to_its_script_with_key_and_name(server: Server, asking: Making) -> None:
    server.says(says(ANSWER))
    assert asking().client.get(ASK).reported == 8
    assert urlsplit(server.paths[0]).path == "/API/API_GetTicketData.php"
    assert query(server.paths[0]) == {"z": "Ada", "y": KEY, "g": "5"}
    assert "authorization" not in server.headers[0]


def test_the_key_may_travel_in_a_header_instead(server: Server, asking: Making) -> None:
    server.says(says(ANSWER))
    asking(auth="bearer").client.get(ASK)
    assert query(server.paths[0]) == {"z": "Ada", "g": "5"}
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("auth", ["query", "bearer"])
def test_netrc_does_not_replace_the_key(
    server: Server, asking: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.says(says(ANSWER))
    asking(auth=auth).client.get(ASK)
    expected = None if auth == "query" else f"Bearer {KEY}"
    assert server.headers[0].get("authorization") == expected


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("", "https://github.com/ra-harvester/ra-harvester"),
        ("me@example.org", "me@example.org"),
        ("Zoë\n", "Zo??"),
    ],
)
def test_the_headers_say_who_asks_and_for_what(
    server: Server, asking: Making, contact: str, shown: str
) -> None:
    server.says(says(ANSWER))
    asking(contact=contact).client.get(ASK)
    headers = server.headers[0]
    assert headers["user-agent"] == f"ra-harvester/{__version__} (+{shown})"
    assert (headers["accept"], headers["accept-encoding"]) == ("application/json", "gzip")


def test_one_connection_serves_many_questions_even_after_errors(
    server: Server, asking: Making
) -> None:
    server.says(says(ANSWER), says({"message": "Server Error"}, 500), page(502), says(ANSWER))
    client = asking().client
    client.get(ASK)
    for _ in range(2):
        with pytest.raises(Unavailable):
            client.get(ASK)
    client.get(ASK)
    assert (len(server.paths), server.connections) == (4, 1)


def test_a_compressed_answer_is_read(server: Server, asking: Making) -> None:
    packed = gzip.compress(json.dumps(ANSWER).encode())
    server.says(says(packed, Content_Encoding="gzip"))
    assert asking().client.get(ASK).title == "G"


def test_an_answer_in_chunks_is_read(server: Server, asking: Making) -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        raw = json.dumps(ANSWER).encode()
        for chunk in (raw[:7], raw[7:]):
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        handler.wfile.write(b"0\r\n\r\n")

    server.says(reply)
    asker = asking()
    assert asker.client.get(ASK).reported == 8
    assert asker.client.get(ASK).reported == 8
    assert server.connections == 1


def test_a_page_of_500_unlocks_is_read(server: Server, asking: Making) -> None:
    rows = [
        {"User": f"u{n}", "DateAwarded": "2026-01-01T00:00:00.000000Z", "HardcoreMode": n % 2}
        for n in range(500)
    ]
    head = {"Achievement": {"ID": 9}, "Game": {"ID": 5}, "UnlocksCount": 500, "TotalPlayers": 900}
    server.says(says({**head, "Unlocks": rows}))
    assert len(asking().client.get(unlock_page(9)).rows) == 500


# --- what comes back ---------------------------------------------------------------------

E2 = {"message": "Not Found", "errors": [{"status": "404", "code": "not_found"}]}
UNKNOWN_ACHIEVEMENT: dict[str, object] = {"Achievement": [], "UnlocksCount": 0, "Unlocks": []}

FAILURES: list[tuple[str, Reply, type[ApiError], str]] = [
    ("401", says({"message": "Unauthenticated."}, 401), Refused, "check api.username and api.key"),
    ("401 page", page(401), Refused, "check api.username and api.key"),
    ("403 json", says({"message": "Forbidden"}, 403), Refused, "forbids this: Forbidden; check"),
    ("403 page", page(403, "Just a moment..."), Unavailable, 'HTTP 403: text/html "Just a moment'),
    ("404 E1", says({"error": "Game ID 5 not found"}, 404), NotFound, "Game ID 5 not found"),
    ("404 empty", says(UNKNOWN_ACHIEVEMENT, 404), NotFound, "knows no such game"),
    ("404 list", says([], 404), NotFound, "knows no such game"),
    ("404 E2", says(E2, 404), Invalid, "Not Found; check api.base_url"),
    ("404 odd", says({"surprise": 1}, 404), Invalid, "no reason given"),
    ("404 page", page(404), Unavailable, "check api.base_url"),
    ("410", page(410), Invalid, "HTTP 410"),
    ("422", says({"message": "The u field", "errors": {"u": []}}, 422), Invalid, "The u field"),
    ("400", says({"message": "Bad\nRequest"}, 400), Invalid, "HTTP 400: BadRequest"),
    ("500 E4", says({"message": "Server Error"}, 500), ServerError, "HTTP 500: Server Error"),
    ("500 page", page(500), Unavailable, "HTTP 500: text/html"),
    ("500 broken", says(b'{"mess', 500), Unavailable, "HTTP 500"),
    ("502", page(502, "502  Bad\n Gateway"), Unavailable, '"502 Bad Gateway" instead of JSON'),
    ("503 json", says({"message": "Service Unavailable"}, 503), Unavailable, "Service Unavailable"),
    ("520", page(520), Unavailable, "HTTP 520"),
    ("200 page", page(200), Unavailable, "HTTP 200: text/html"),
    ("200 text", says(ANSWER, kind="text/plain"), Unavailable, "text/plain instead of JSON"),
    ("200 no type", says(b"<br>", kind=""), Unavailable, "nothing instead of JSON"),
    ("204", says(b"", 204), Unavailable, "HTTP 204"),
    ("201", says(ANSWER, 201), Invalid, "HTTP 201"),
    ("empty", says(b""), Unavailable, "0 bytes that are not"),
    ("broken", says(b'{"GameID": 5, "Ga'), Unavailable, "17 bytes that are not"),
    ("html as json", says(b"<html>"), Unavailable, "that are not"),
    ("not utf-8", says(b'{"GameTitle": "\xff"}'), Unavailable, "that are not"),
    ("nan", says(b'{"GameID": NaN}'), Invalid, "makes no sense"),
    ("infinity", says(b'{"GameID": -Infinity}'), Invalid, "makes no sense"),
    ("long number", says(b'{"GameID": ' + b"9" * 5000 + b"}"), Invalid, "makes no sense"),
    ("deep", says(b"[" * 100_000), Invalid, "makes no sense"),
    ("other game", says({**ANSWER, "GameID": 6}), Invalid, "asked about 5, told about 6"),
    ("recent", says({"RecentTickets": [], "OpenTickets": 1}), Invalid, "the whole site"),
    ("list", says([]), Invalid, "must be an object"),
    ("null", says(None), Invalid, "must be an object"),
    (
        *("cut", breaks_off("HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 90")),
        *(Unavailable, "broke off"),
    ),
    (
        "cut body",
        breaks_off("HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 90\n\n{}"),
        *(Unavailable, "broke off"),
    ),
    (
        "cut chunk",
        breaks_off(
            "HTTP/1.1 200 OK\nContent-Type: application/json\nTransfer-Encoding: chunked\n\n9\n{}"
        ),
        *(Unavailable, "broke off"),
    ),
    ("hung up", breaks_off(""), Unavailable, "broke off"),
    ("no HTTP", breaks_off("hello\n\n"), Unavailable, "broke off"),
    ("bad gzip", says(b"not packed", Content_Encoding="gzip"), Unavailable, "broke off"),
]


@pytest.mark.parametrize(
    ("reply", "kind", "line"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
def test_every_failure_ends_as_its_kind_with_one_helpful_line(
    server: Server, asking: Making, reply: Reply, kind: type[ApiError], line: str
) -> None:
    server.says(reply)
    asker = asking()
    with pytest.raises(ApiError) as caught:
        asker.client.get(ASK)
    assert type(caught.value) is kind
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250
    if kind is not Refused:
        assert str(caught.value).startswith("API_GetTicketData g=5: ")
    assert asker.client.failures_in_a_row == int(issubclass(kind, Unavailable))
    assert (asker.client.sent, len(asker.admitted), asker.waits) == (1, 1, [])


def test_not_found_says_what_was_denied(server: Server, asking: Making) -> None:
    server.says(says({"error": "User nobody not found"}, 404))
    with pytest.raises(NotFound) as caught:
        asking().client.get(developer_tickets("nobody"))
    assert caught.value.what == "user"


def test_an_invalid_answer_is_kept_for_the_bug_report(server: Server, asking: Making) -> None:
    server.says(says(b'{"GameID": "x"}'), says(b"[" * (LARGEST_KEPT + 9)))
    client = asking().client
    with pytest.raises(Invalid) as caught:
        client.get(ASK)
    assert caught.value.body == b'{"GameID": "x"}'
    with pytest.raises(Invalid) as caught:
        client.get(ASK)
    assert caught.value.body == b"[" * LARGEST_KEPT


def test_an_endless_answer_is_given_up(
    server: Server, asking: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "LARGEST_ANSWER", 100_000)
    server.says(says(b" " * 1_000_000))
    with pytest.raises(Invalid, match="more than 100000 bytes") as caught:
        asking().client.get(ASK)
    assert 100_000 < len(caught.value.body) < 400_000


def test_a_redirect_is_not_followed(server: Server, asking: Making) -> None:
    elsewhere = "https://elsewhere.example/API/API_GetTicketData.php?y=" + quote(KEY, safe="")
    server.says(says(b"", 302, "text/html", Location=elsewhere))
    with pytest.raises(Unavailable, match=r"sent on to https://elsewhere\.example/") as caught:
        asking().client.get(ASK)
    assert "check api.base_url" in str(caught.value)
    assert "0123" not in str(caught.value)
    assert len(server.paths) == 1


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("302 Found\nContent-Type: text/html\nLocation: ", "sent on to "),
        ("200 OK\nContent-Type: ", ""),
    ],
)
def test_headers_reach_no_message_uncleaned_or_at_any_length(
    server: Server, asking: Making, head: str, told: str
) -> None:
    server.says(breaks_off(f"HTTP/1.1 {head}x\x00\x1b[31mred{'a' * 5000}\nContent-Length: 0\n\n"))
    with pytest.raises(Unavailable) as caught:
        asking().client.get(ASK)
    assert f"{told}x[31mredaaa" in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_nobody_there_is_unavailable(asking: Making) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match=r"no connection.*\(Connection refused\)"):
        asking(base_url=f"http://127.0.0.1:{port}/API/").client.get(ASK)


@pytest.mark.parametrize("base_url", ["gopher://127.0.0.1/", "http://", "127.0.0.1/API"])
def test_a_base_url_that_cannot_be_asked_is_named(asking: Making, base_url: str) -> None:
    with pytest.raises(Unavailable, match=r"check api\.base_url"):
        asking(base_url=base_url).client.get(ASK)


def test_a_server_that_does_not_speak_tls_is_unavailable(server: Server, asking: Making) -> None:
    server.says(says(ANSWER))
    with pytest.raises(Unavailable, match="no secure connection"):
        asking(base_url=server.base_url.replace("http:", "https:")).client.get(ASK)


def test_a_proxy_that_is_not_there_is_named(
    asking: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{port}")
    with pytest.raises(Unavailable, match="the proxy did not let us through") as caught:
        asking(base_url="https://ra.example/API/").client.get(ASK)
    assert "secret" not in str(caught.value)


# --- time --------------------------------------------------------------------------------


def test_a_hanging_server_is_given_up_after_the_timeout(server: Server, asking: Making) -> None:
    server.says(hangs(server))
    began = time.monotonic()
    with pytest.raises(Unavailable, match="no answer in time"):
        asking(timeout=timedelta(seconds=0.2)).client.get(ASK)
    assert time.monotonic() - began < 3


def test_a_body_that_never_comes_is_given_up(server: Server, asking: Making) -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        handler.wfile.flush()
        hangs(server)(handler)

    server.says(reply)
    with pytest.raises(Unavailable, match="no answer in time"):
        asking(timeout=timedelta(seconds=0.2)).client.get(ASK)


def test_a_dripping_answer_is_given_up_after_four_timeouts(server: Server, asking: Making) -> None:
    server.says(drips(server))
    began = time.monotonic()
    with pytest.raises(Unavailable, match="no answer in time"):
        asking(timeout=timedelta(seconds=0.2)).client.get(ASK)
    assert 0.8 <= time.monotonic() - began < 4


def test_a_signal_breaks_off_a_hanging_request(server: Server, asking: Making) -> None:
    server.says(hangs(server))
    asker = asking(timeout=timedelta(seconds=30))
    began = time.monotonic()
    with signalled(asker.stop), pytest.raises(Stopped) as caught:
        asker.client.get(ASK)
    assert time.monotonic() - began < 5
    assert caught.value.__context__ is None


def test_nothing_is_asked_once_a_stop_is_wished(server: Server, asking: Making) -> None:
    asker = asking()
    asker.stop.request()
    with pytest.raises(Stopped):
        asker.client.get(ASK)
    assert server.paths == []


def test_what_is_not_admitted_is_not_asked(server: Server, asking: Making) -> None:
    def full() -> None:
        raise Unavailable("the daily budget is spent")

    asker = asking()
    asker.client.admit = full
    with pytest.raises(Unavailable, match="budget"):
        asker.client.get(ASK)
    assert (server.paths, asker.client.sent, asker.client.failures_in_a_row) == ([], 0, 0)


# --- asked too fast ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry_After": "7"}, 7, 7),
        ({"Retry_After": "Sat, 01 Aug 2026 12:01:30 GMT"}, 90, 90),
        ({"Retry_After": "whenever"}, 48, 60),
        ({}, 48, 60),
    ],
)
def test_a_429_is_waited_for_and_asked_again(
    server: Server, asking: Making, headers: dict[str, str], least: float, most: float
) -> None:
    server.says(page(429, **headers), says(ANSWER))
    asker = asking()
    assert asker.client.get(ASK).reported == 8
    (waited,) = asker.waits
    assert least <= waited <= most
    assert (asker.client.sent, len(asker.admitted)) == (2, 2)
    assert (asker.client.failures_in_a_row, asker.client.not_before) == (0, None)
    assert asker.pacer.factor == 1 / 2


def test_the_third_429_in_a_row_is_not_waited_for(server: Server, asking: Making) -> None:
    server.says(page(429))
    asker = asking()
    with pytest.raises(TooManyRequests, match="HTTP 429: asked too fast") as caught:
        asker.client.get(ASK)
    first, second = asker.waits
    assert 48 <= first <= 60
    assert 96 <= second <= 120
    assert 192 <= caught.value.wait_seconds <= 240
    assert (asker.client.sent, asker.client.failures_in_a_row) == (3, 3)
    assert asker.client.not_before is not None
    assert 192 <= (asker.client.not_before - NOW).total_seconds() <= 240
    assert asker.pacer.factor == 1 / 8


def test_other_failures_count_towards_the_third(server: Server, asking: Making) -> None:
    server.says(page(502), page(502), page(429))
    asker = asking()
    for kind in (Unavailable, Unavailable, TooManyRequests):
        with pytest.raises(kind):
            asker.client.get(ASK)
    assert asker.waits == []


def test_a_long_pause_is_left_to_the_round(server: Server, asking: Making) -> None:
    server.says(page(429, Retry_After="901"), says(ANSWER))
    asker = asking()
    with pytest.raises(TooManyRequests) as caught:
        asker.client.get(ASK)
    assert (caught.value.wait_seconds, asker.waits) == (901, [])
    assert asker.client.not_before == NOW + timedelta(seconds=901)


def test_nothing_is_asked_before_the_pause_is_over(server: Server, asking: Making) -> None:
    server.says(says(ANSWER))
    clock = [NOW]
    asker = asking(now=lambda: clock[0])
    asker.client.not_before = NOW + timedelta(seconds=90)
    with pytest.raises(TooManyRequests, match="before 2026-08-01 12:01:30 UTC") as caught:
        asker.client.get(ASK)
    assert (caught.value.wait_seconds, server.paths) == (90, [])
    clock[0] += timedelta(seconds=90)
    assert asker.client.get(ASK).reported == 8


def test_without_a_wait_of_its_own_the_client_waits_by_the_stop(
    server: Server, asking: Making
) -> None:
    server.says(page(429, Retry_After="60"))
    asker = asking()
    asker.client.wait = None
    with signalled(asker.stop), pytest.raises(Stopped):
        asker.client.get(ASK)
    assert asker.client.not_before == NOW + timedelta(seconds=60)


def test_a_usable_answer_ends_the_row_of_failures(server: Server, asking: Making) -> None:
    server.says(page(502), page(502), says({"error": "no"}, 404), page(502), says([]), page(502))
    asker = asking()
    seen = []
    for _ in range(6):
        with pytest.raises(ApiError):
            asker.client.get(ASK)
        seen.append(asker.client.failures_in_a_row)
    assert seen == [1, 2, 0, 1, 0, 1]


def test_the_third_403_page_in_a_row_is_a_refusal(server: Server, asking: Making) -> None:
    server.says(page(403))
    asker = asking()
    for kind in (Unavailable, Unavailable, Refused):
        with pytest.raises(ApiError) as caught:
            asker.client.get(ASK)
        assert type(caught.value) is kind
    assert "turned us away three times" in str(caught.value)


def test_403_pages_that_are_not_in_a_row_are_no_refusal(server: Server, asking: Making) -> None:
    server.says(page(403), page(403), says(ANSWER), page(403))
    client = asking().client
    for _ in range(2):
        with pytest.raises(Unavailable):
            client.get(ASK)
    client.get(ASK)
    with pytest.raises(Unavailable):
        client.get(ASK)


# --- the key ------------------------------------------------------------------------------


def echoes(status: int, kind: str, form: str) -> Reply:
    """Repeat the URL, and with it the key, in the answer."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        path = handler.path if form == "%s" else KEY
        says((form % path).encode(), status, kind, Location=handler.path)(handler)

    return reply


ECHOES: list[Reply] = [
    echoes(status, kind, form)
    for status in (200, 302, 401, 403, 404, 422, 500, 502)
    for kind, form in (
        ("text/html", "<title>%s</title>"),
        ("text/html", "%s"),
        ("application/json", '{"message": "no %s"}'),
        ("application/json", '{"error": "%s"}'),
        ("application/json", '{"GameID": "%s"}'),
        ("application/json", '["' + "x" * 50 + '%s"]'),
        (f"text/{KEY}", "%s"),
    )
]


@pytest.mark.parametrize("auth", ["query", "bearer"])
def test_the_key_appears_nowhere_but_in_the_request(
    server: Server, asking: Making, caplog: pytest.LogCaptureFixture, auth: str
) -> None:
    caplog.set_level(logging.DEBUG)
    client = asking(auth=auth, timeout=timedelta(seconds=0.5)).client
    for reply in [*ECHOES, breaks_off(""), breaks_off("x"), breaks_off("HTTP/1.1 200 OK\na")]:
        server.says(reply)
        with pytest.raises(ApiError) as caught:
            client.get(ASK)
        assert_hidden("".join(traceback.format_exception(caught.value)))
        assert caught.value.__context__ is None
        assert_hidden(repr(vars(caught.value)))
    assert_hidden(caplog.text)
    assert_hidden(repr(client))
    assert "asked API_GetTicketData g=5 -> 200 in" in caplog.text
    assert "GET /API/API_GetTicketData.php" in caplog.text  # urllib3's own line


def assert_hidden(text: str) -> None:
    for spelling in (KEY, quote(KEY, safe=""), KEY.replace("/", r"\/"), "0123", "abcdefgh"):
        assert spelling not in text


def test_the_log_tells_every_question_and_how_it_went(
    server: Server, asking: Making, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="harvester.api")
    server.says(page(429, Retry_After="5"), says(ANSWER), breaks_off(""))
    client = asking().client
    client.get(ASK)
    with pytest.raises(Unavailable):
        client.get(ASK)
    lines = [record.getMessage() for record in caplog.records if record.name == "harvester.api"]
    assert lines[0].startswith("asked API_GetTicketData g=5 -> 429 in 0.")
    assert lines[1] == "asked too fast; waiting 5 s"
    assert lines[2].startswith("asked API_GetTicketData g=5 -> 200 in 0.")
    assert lines[3] == "asked API_GetTicketData g=5 -> no connection, or one that broke off"


def test_a_valid_answer_that_holds_the_key_as_a_word_is_left_alone(
    server: Server, asking: Making
) -> None:
    server.says(says({**ANSWER, "GameTitle": "test drive"}))
    assert asking(key=SecretStr("test")).client.get(ASK).title == "test drive"


def test_no_key_hides_nothing() -> None:
    assert scrubber("")("a b") == "a b"
