"""The simulated RetroAchievements on a socket: keep-alive, gzip, faults and the request log."""

import gzip
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from harvester.sandbox import World, serve
from harvester.sandbox.faults import Detail, Kind
from harvester.sandbox.records import Asked

TICKETS = "API_GetTicketData"
UNLOCKS = "API_GetAchievementUnlocks"


class Browser:
    """One keep-alive connection to the sandbox, speaking raw HTTP."""

    def __init__(self, base_url: str, key: str) -> None:
        url = urlsplit(base_url)
        self.path, self.key = url.path, key
        self.connection = http.client.HTTPConnection(url.netloc, timeout=10)

    def get(
        self, name: str, headers: Mapping[str, str] | None = None, **params: object
    ) -> http.client.HTTPResponse:
        """Ask; the body of the answer is still to be read."""
        query = urlencode({"y": self.key, "z": "somebody"} | params)
        self.connection.request("GET", f"{self.path}{name}.php?{query}", headers=headers or {})
        return self.connection.getresponse()

    def read(self, name: str, **params: object) -> Any:  # noqa: ANN401  (decoded JSON)
        """Ask and decode the body."""
        return json.loads(self.get(name, None, **params).read())


@pytest.fixture
def world() -> World:
    """Give a world of one game (1) with one achievement (1) that thirty players have."""
    world = World()
    world.add_console(1, "NES/Famicom")
    world.add_game(1, "Castle Panic", 1)
    world.add_achievement(1, "First steps")
    for number in range(30):
        world.unlock(world.add_user(f"Player{number}"), 1)
    return world


@pytest.fixture
def browser(world: World) -> Iterator[Browser]:
    with serve(world) as base_url:
        browser = Browser(base_url, world.key)
        yield browser
        browser.connection.close()


def test_one_connection_serves_many_requests(world: World, browser: Browser) -> None:
    assert browser.read(TICKETS, g=1)["GameTitle"] == "Castle Panic"
    first = browser.connection.sock
    assert browser.get(TICKETS, g=9).read() == b'{"error":"Game ID 9 not found"}'
    assert browser.connection.sock is first


def test_the_log_tells_what_was_asked_but_not_by_whom(world: World, browser: Browser) -> None:
    world.advance(minutes=1)
    body = browser.get(TICKETS, {"User-Agent": "tester/1"}, g=1, d="").read()
    (asked,) = world.asked
    assert asked.params == {"g": "1", "d": ""}
    assert (asked.name, asked.status, asked.bytes) == (TICKETS, 200, len(body))
    assert (asked.at, asked.user_agent) == (world.now, "tester/1")
    assert 0 <= time.monotonic() - asked.monotonic < 10


def test_large_answers_are_compressed_for_those_who_can_read_it(browser: Browser) -> None:
    plain = browser.get(UNLOCKS, a=1)
    assert plain.getheader("Content-Encoding") is None
    whole = plain.read()
    packed = browser.get(UNLOCKS, {"Accept-Encoding": "gzip, deflate"}, a=1)
    assert packed.getheader("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.read()) == whole
    small = browser.get(TICKETS, {"Accept-Encoding": "gzip"}, g=9)
    assert small.getheader("Content-Encoding") is None
    small.read()


def test_bearer_works_without_the_key_in_the_query(world: World, browser: Browser) -> None:
    browser.key = ""
    assert browser.get(TICKETS, g=1).read().startswith(b'{"message":"Unauthenticated."')
    answered = browser.get(TICKETS, {"Authorization": f"Bearer {world.key}"}, g=1)
    assert (answered.status, answered.getheader("Content-Type")) == (200, "application/json")
    answered.read()


def test_a_form_may_carry_the_key_and_the_ticket_but_nothing_else(
    world: World, browser: Browser
) -> None:
    world.open_ticket(1, None)
    form = urlencode({"y": world.key, "i": 1, "g": 1})
    browser.connection.request("POST", f"{browser.path}{TICKETS}.php?f=0", body=form)
    assert json.loads(browser.connection.getresponse().read())["ID"] == 1
    assert world.asked[-1].params == {"i": "1", "f": "0"}
    browser.connection.request("POST", f"{browser.path}{TICKETS}.php?y={world.key}&g=1")
    assert json.loads(browser.connection.getresponse().read())["GameID"] == 1


@pytest.mark.parametrize("path", ["/", "/API/API_GetTicketData", "/API/other.php"])
def test_what_is_no_script_of_the_interface_is_a_web_page(
    world: World, browser: Browser, path: str
) -> None:
    browser.connection.request("GET", path)
    answered = browser.connection.getresponse()
    assert (answered.status, answered.getheader("Content-Type")) == (
        404,
        "text/html; charset=UTF-8",
    )
    answered.read()
    assert world.asked == []


def test_the_world_can_change_between_two_pages(world: World, browser: Browser) -> None:
    def resolve(asked: Asked) -> None:
        if asked.params["o"] == "1":
            world.reset(world.people.find("Player29").ulid, 1)  # type: ignore[union-attr]

    world.before_answer = resolve
    pages = [browser.read(UNLOCKS, a=1, c=1, o=offset)["Unlocks"] for offset in (0, 1)]
    assert [page[0]["User"] for page in pages] == ["Player29", "Player27"]


def test_an_error_in_a_hook_comes_out_where_the_world_is_served(world: World) -> None:
    def fail(asked: Asked) -> None:
        raise LookupError(asked.name)

    def ask_once() -> None:
        with serve(world) as base_url:
            browser = Browser(base_url, world.key)
            with pytest.raises(http.client.RemoteDisconnected):
                browser.get(TICKETS, g=1)

    world.before_answer = fail
    with pytest.raises(LookupError, match=TICKETS):
        ask_once()


@pytest.mark.parametrize(
    ("kind", "status", "form", "begins"),
    [
        ("401", 401, "application/json", b'{"message":"Unauthenticated."'),
        ("403-json", 403, "application/json", b'{"message":"Forbidden"'),
        ("cloudflare-403", 403, "text/html; charset=UTF-8", b"<!DOCTYPE html>"),
        ("429", 429, "text/html; charset=UTF-8", b"<!DOCTYPE html>"),
        ("500", 500, "application/json", b'{\n    "message": "Server Error"'),
        ("502-html", 502, "text/html; charset=UTF-8", b"<!DOCTYPE html>"),
        ("503-maintenance", 503, "text/html; charset=UTF-8", b"<!DOCTYPE html>"),
        ("not-json", 200, "text/html; charset=UTF-8", b"<!DOCTYPE html>"),
        ("empty-list", 200, "application/json", b"[]"),
        ("wrong-shape", 200, "application/json", b'{"Unexpected"'),
        ("recent-fallthrough", 200, "application/json", b'{"RecentTickets":[]'),
    ],
)
def test_a_fault_spoils_one_answer_and_the_next_is_whole(
    world: World, browser: Browser, kind: Kind, status: int, form: str, begins: bytes
) -> None:
    world.fail(kind)
    answered = browser.get(TICKETS, g=1)
    assert (answered.status, answered.getheader("Content-Type")) == (status, form)
    assert answered.read().startswith(begins)
    assert browser.read(TICKETS, g=1)["GameID"] == 1
    assert [asked.status for asked in world.asked] == [status, 200]


def test_a_fall_through_with_a_negative_count_still_breaks(world: World, browser: Browser) -> None:
    world.fail("recent-fallthrough")
    assert browser.get(TICKETS, g=1, c=-1).status == 500


@pytest.mark.parametrize(
    "retry_after", [None, 7, "Wed, 01 Jan 2027 00:00:00 GMT"], ids=["none", "seconds", "date"]
)
def test_too_many_requests_may_say_when_to_come_back(
    world: World, browser: Browser, retry_after: int | str | None
) -> None:
    detail = Detail() if retry_after is None else Detail(retry_after=retry_after)
    world.fail("429", **detail)
    expected = None if retry_after is None else str(retry_after)
    assert browser.get(TICKETS).getheader("Retry-After") == expected


def test_maintenance_is_told_in_json_to_those_who_accept_it(world: World, browser: Browser) -> None:
    world.fail("503-maintenance")
    answered = browser.get(TICKETS, {"Accept": "application/json"})
    assert json.loads(answered.read())["errors"][0]["status"] == "503"


def test_the_body_of_a_fault_can_be_given(world: World, browser: Browser) -> None:
    world.fail("not-json", body=b'{"cut":', content_type="application/json")
    world.fail("wrong-shape", body=b"{}")
    assert browser.get(TICKETS).read() == b'{"cut":'
    assert browser.get(TICKETS).read() == b"{}"


def test_faults_can_wait_repeat_and_choose_an_endpoint(world: World, browser: Browser) -> None:
    world.fail("500", times=2, only=TICKETS, after=1)
    names = [TICKETS, UNLOCKS, TICKETS, UNLOCKS, TICKETS, TICKETS]
    statuses = []
    for name in names:
        answered = browser.get(name, a=1, g=1)
        answered.read()
        statuses.append(answered.status)
    assert statuses == [200, 200, 500, 200, 500, 200]


def test_faults_can_be_called_off(world: World, browser: Browser) -> None:
    world.fail("500", times=100)
    world.faults.clear()
    assert browser.get(TICKETS, g=1).status == 200


def test_an_unknown_fault_is_refused_when_it_is_ordered(world: World) -> None:
    with pytest.raises(ValueError, match="no such fault: 418; there are 429"):
        world.fail("418")  # type: ignore[arg-type]


def test_a_dropped_connection_answers_nothing(world: World, browser: Browser) -> None:
    world.fail("drop-connection")
    with pytest.raises(http.client.RemoteDisconnected):
        browser.get(TICKETS, g=1)
    assert (world.asked[0].status, world.asked[0].bytes) == (0, 0)


def test_a_truncated_answer_announces_more_than_it_sends(world: World, browser: Browser) -> None:
    world.fail("truncate")
    answered = browser.get(UNLOCKS, a=1)
    with pytest.raises(http.client.IncompleteRead):
        answered.read()


def test_a_slow_answer_drips_in_pieces(world: World, browser: Browser) -> None:
    world.fail("slow-drip", seconds=0.02, pieces=5)
    started = time.monotonic()
    assert browser.read(UNLOCKS, a=1)["UnlocksCount"] == 30
    assert time.monotonic() - started >= 4 * 0.02


def test_a_hanging_answer_comes_after_its_time(world: World, browser: Browser) -> None:
    world.fail("hang", seconds=0.05)
    started = time.monotonic()
    assert browser.read(TICKETS, g=1)["GameID"] == 1
    assert time.monotonic() - started >= 0.05


def test_closing_cuts_those_that_hang_and_those_that_idle(world: World) -> None:
    world.fail("hang", only=UNLOCKS)
    hanging: list[BaseException] = []

    def hang(browser: Browser) -> None:
        try:
            browser.get(UNLOCKS, a=1)
        except (http.client.HTTPException, OSError) as error:
            hanging.append(error)

    started = time.monotonic()
    with serve(world) as base_url:
        idle = Browser(base_url, world.key)
        idle.read(TICKETS, g=1)
        thread = threading.Thread(target=hang, args=(Browser(base_url, world.key),))
        thread.start()
        while len(world.asked) < 2:
            time.sleep(0.001)
    thread.join()
    idle.connection.close()
    assert len(hanging) == 1
    assert time.monotonic() - started < 5
