"""Who is let in, from where, and what browsers are told to keep to."""

import re
import time
from html import unescape

import httpx
import pytest
from dashboards import Dashboard
from sqlalchemy import create_engine, make_url, text

from harvester.errors import ConfigError
from harvester.web.guesses import MOST, Guesses
from harvester.web.security import Door
from harvester.web.server import door_of, is_loopback

TOKEN = "a-token-of-decent-length"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound to it here
LOCKED = Door(token=TOKEN)
MANY = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400)"


def cookie_of(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST.:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("evil.example:8000", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("192.168.1.7", 421),
        ("", 421),
    ],
)
def test_only_our_own_names_are_answered_to(dashboard: Dashboard, host: str, status: int) -> None:
    assert dashboard.ask("/login", headers={"host": host}).status_code == status


def test_a_dashboard_for_everybody_answers_to_addresses_but_not_to_names(
    dashboard: Dashboard,
) -> None:
    board = dashboard.but(door=door_of(EVERYWHERE, ["ra.example"], TOKEN, is_open=False))

    def status(host: str) -> int:
        return board.ask("/login", headers={"host": host}).status_code

    assert (status("192.168.1.7:8000"), status("ra.example")) == (200, 200)
    assert (status("evil.example"), status("0.0.0.0.evil.example")) == (421, 421)


@pytest.mark.parametrize("place", ["/", "/nowhere", "/?since=x", "/api/watchlist", "/login"])
def test_every_answer_tells_browsers_to_load_nothing_else(dashboard: Dashboard, place: str) -> None:
    headers = dashboard.ask(place).headers

    policy = dict(part.strip().split(" ", 1) for part in
                  headers["content-security-policy"].split(";"))  # fmt: skip
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert not re.search("unsafe|https?:|data:|[*]", headers["content-security-policy"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers


def test_without_the_token_pages_lead_to_the_login_and_the_api_refuses(
    dashboard: Dashboard,
) -> None:
    board = dashboard.but(door=LOCKED)

    page, data = board.ask("/games/1?since=7d"), board.ask("/api/watchlist")

    assert page.status_code == 303
    assert page.headers["location"] == "/login?next=%2Fgames%2F1%3Fsince%3D7d"
    assert data.status_code == 401
    assert board.ask("/charts/players.svg?game=1").status_code == 401


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer ", 401),
        (f"Basic {TOKEN}", 401),
    ],
)
def test_the_token_opens_the_api(dashboard: Dashboard, authorization: str, status: int) -> None:
    headers = {"authorization": authorization}

    answer = dashboard.but(door=LOCKED).ask("/api/watchlist", headers=headers)

    assert answer.status_code == status


def test_the_login_gives_a_cookie_that_no_script_sees_and_that_is_not_the_token(
    dashboard: Dashboard,
) -> None:
    board = dashboard.but(door=LOCKED)

    answer = board.ask("/login", method="POST", data={"token": TOKEN, "next": "/games/1?since=7d"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/games/1?since=7d")
    given = answer.headers["set-cookie"].lower()
    assert "httponly" in given
    assert "samesite=strict" in given
    assert TOKEN not in given
    assert board.ask("/games/1", headers={"cookie": cookie_of(answer)}).status_code == 200
    assert board.ask("/games/1", headers={"cookie": f"{cookie_of(answer)}0"}).status_code == 303


@pytest.mark.parametrize(
    ("headers", "is_secure"),
    [
        ({"host": "ra.example.org", "origin": "https://ra.example.org"}, True),
        ({"host": "ra.example.org", "origin": "http://ra.example.org"}, False),
        ({}, False),
    ],
)
def test_who_logs_in_by_https_gets_a_cookie_that_goes_by_https_alone(
    dashboard: Dashboard, headers: dict[str, str], *, is_secure: bool
) -> None:
    behind_a_proxy = dashboard.but(door=Door(hosts={"127.0.0.1", "ra.example.org"}, token=TOKEN))

    answer = behind_a_proxy.ask("/login", method="POST", data={"token": TOKEN}, headers=headers)

    assert answer.status_code == 303
    assert ("; secure" in answer.headers["set-cookie"].lower()) is is_secure


def test_a_cookie_of_another_token_is_none(dashboard: Dashboard) -> None:
    other = dashboard.but(door=Door(token="another-token-of-some-length"))
    cookie = cookie_of(other.ask("/login", method="POST",
                                 data={"token": "another-token-of-some-length"}))  # fmt: skip

    assert dashboard.but(door=LOCKED).ask("/", headers={"cookie": cookie}).status_code == 303


def test_logging_out_takes_the_cookie_back(dashboard: Dashboard) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}

    answer = dashboard.but(door=LOCKED).ask("/logout", method="POST", headers=headers)

    assert "max-age=0" in answer.headers["set-cookie"].lower()


def test_a_wrong_token_gets_the_form_again_and_no_cookie(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harvester.web.login.PAUSE_SECONDS", 0)
    form = {"token": "guessed-by-somebody", "next": '/"><script>'}

    answer = dashboard.but(door=LOCKED).ask("/login", method="POST", data=form)

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "guessed" not in answer.text
    assert "<script>" not in answer.text


def test_who_guesses_has_to_wait_and_who_is_inside_does_not(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harvester.web.login.PAUSE_SECONDS", 0)
    seconds = [0.0]
    board = dashboard.but(door=Door(token=TOKEN, guesses=Guesses(lambda: seconds[0])))
    right = {"authorization": f"Bearer {TOKEN}"}
    cookie = {"cookie": cookie_of(board.ask("/login", method="POST", data={"token": TOKEN}))}

    for number in range(MOST):
        wrong = {"authorization": f"Bearer wrong-token-number-{number}"}
        assert board.ask("/api/watchlist", headers=wrong).status_code == 401
    api = board.ask("/api/watchlist", headers=right)
    form = board.ask("/login", method="POST", data={"token": TOKEN})

    assert (api.status_code, api.headers["retry-after"], form.status_code) == (429, "60", 429)
    assert "Too many wrong tokens" in form.text
    assert board.ask("/games/1", headers=cookie).status_code == 200
    seconds[0] = 61
    assert board.ask("/api/watchlist", headers=right).status_code == 200


def test_guesses_of_one_address_are_no_others() -> None:
    guesses = Guesses(lambda: 0.0)
    for _ in range(MOST):
        guesses.count("192.0.2.1")

    assert guesses.are_enough("192.0.2.1")
    assert not guesses.are_enough("192.0.2.2")


def test_what_took_a_token_to_see_is_not_stored(dashboard: Dashboard) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    page = dashboard.but(door=LOCKED).ask("/", headers=headers)

    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert dashboard.ask("/").headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nb",
    ],
)
def test_the_login_leads_nowhere_else(dashboard: Dashboard, place: str) -> None:
    form = {"token": TOKEN, "next": place}

    answer = dashboard.but(door=LOCKED).ask("/login", method="POST", data=form)

    assert answer.headers["location"] == "/"


def test_a_form_without_end_is_not_read(dashboard: Dashboard) -> None:
    answer = dashboard.but(door=LOCKED).ask("/login", method="POST", content=b"x" * 1_000_000)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("method", "place", "headers", "status"),
    [
        ("GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ("GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ("GET", "/api/watchlist", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ("GET", "/sql?q=x", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),
        ("GET", "/sql", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ("POST", "/login", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),
        ("POST", "/logout", {"origin": "http://evil.example"}, 403),
        ("POST", "/logout", {"origin": "null"}, 403),
        ("POST", "/logout", {"origin": "http://127.0.0.1:8000"}, 303),
    ],
)
def test_other_sites_may_link_and_no_more(
    dashboard: Dashboard, method: str, place: str, headers: dict[str, str], status: int
) -> None:
    board = dashboard.but(has_sql=True)

    assert board.ask(place, method=method, headers=headers).status_code == status


# --- questions in SQL ------------------------------------------------------------------


def test_a_question_in_sql_is_answered_in_a_table(dashboard: Dashboard) -> None:
    answer = dashboard.but(has_sql=True).ask("/sql", params={"q": "SELECT id FROM games"})

    assert answer.status_code == 200
    assert '<th scope="row" class="number"><bdi>2</bdi></th>' in answer.text


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM games", "a query begins with SELECT"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT * FROM gamez", "did you mean games?"),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n",
            "took longer",
        ),
        (f"SELECT '{'x' * 11_000}'", "is longer than"),
        ("SELECT load_extension('x')", "refused"),
        ("SELECT fts3_tokenizer('simple')", "refused"),
        (f"{MANY} SELECT zeroblob(60000000) FROM n", "too big"),
        (f"{MANY} SELECT hex(zeroblob(9000)) FROM n", "more than 2,000,000 bytes: ask for less"),
        (f"SELECT {', '.join('1' * 101)}", "too many columns"),
        ("ATTACH '/tmp/x' AS x", "a query begins with SELECT"),
    ],
)
def test_a_question_that_is_none_is_refused_in_a_line(
    dashboard: Dashboard, sql: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harvester.web.querying.SECONDS", 0.3)
    answer = dashboard.but(has_sql=True).ask("/sql", params={"q": sql})

    assert answer.status_code == 400
    assert words in answer.text.replace("&#39;", "'")
    assert "--timeout" not in answer.text


def test_texts_that_cost_text_times_text_are_bounded_in_time(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harvester.web.querying.SECONDS", 0.3)
    dear = "length(trim(replace(hex(zeroblob(4900)), '0', 'b'), hex(zeroblob(700)) || 'b' || i))"
    sql = (
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max({dear}) FROM n"
    )

    began = time.monotonic()
    answer = dashboard.but(has_sql=True).ask("/sql", params={"q": sql})

    assert "took longer" in answer.text
    assert time.monotonic() - began < 10


def test_a_superuser_of_postgresql_may_not_be_asked(
    postgres_url: str, dashboard: Dashboard
) -> None:
    sql = "SELECT pg_read_file('/etc/hostname')"

    answer = dashboard.but(url=postgres_url, has_sql=True).ask("/sql", params={"q": sql})

    assert answer.status_code == 400
    assert "is a superuser" in answer.text


def test_a_user_of_postgresql_who_can_only_read_may_be_asked(
    postgres_url: str, dashboard: Dashboard
) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as conn:
        conn.execute(text("CREATE ROLE guest LOGIN IN ROLE pg_read_all_data"))
    url = make_url(postgres_url).set(username="guest").render_as_string(hide_password=False)
    board = dashboard.but(url=url, has_sql=True)
    answers = {
        sql: board.ask("/sql", params={"q": sql})
        for sql in (
            "SELECT count(*) AS games FROM games",
            "SELECT pg_read_file('/etc/hostname')",
            "SELECT repeat('x', 100000) FROM generate_series(1, 500)",
            "SELECT timestamptz '2026-01-02 03:04:05Z', interval '90 s', true, '{4 d}'::interval[]",
        )
    }
    with engine.begin() as conn:
        conn.execute(text("DROP ROLE guest"))
    engine.dispose()

    counted, read, repeated, timed = answers.values()
    assert counted.status_code == 200
    assert "permission denied" in read.text
    assert "more than 2,000,000 bytes" in repeated.text
    told = ["2026-01-02 03:04:05", "0:01:30", "true", '["96:00:00"]']  # as `query` writes it
    assert re.findall("<bdi>(.*?)</bdi>", unescape(timed.text)) == told


def test_a_long_answer_is_cut_and_says_so(dashboard: Dashboard) -> None:
    sql = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 9999"
    )

    text = dashboard.but(has_sql=True).ask("/sql", params={"q": sql}).text

    assert text.count('<th scope="row"') == 500
    assert "Cut after 500 rows." in text


def test_numbers_are_answered_as_they_are_kept(dashboard: Dashboard) -> None:
    text = dashboard.but(has_sql=True).ask("/sql", params={"q": "SELECT 12345, 0.25"}).text

    assert "<bdi>12345</bdi>" in text
    assert "<bdi>0.25</bdi>" in text


def test_what_the_database_answers_stays_text(dashboard: Dashboard) -> None:
    sql = "SELECT '<script>alert(1)</script>' AS \"<b>\", x'00ff' AS blob"

    text = dashboard.but(has_sql=True).ask("/sql", params={"q": sql}).text

    assert "<script>alert" not in text
    assert "<b>" not in text
    assert "00ff" in text


# --- how it may be started -------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "is_home"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.3.2.1", True),
     (EVERYWHERE, False), ("::", False), ("192.168.1.7", False), ("example.org", False)],
)  # fmt: skip
def test_only_loopback_needs_no_token(host: str, *, is_home: bool) -> None:
    assert is_loopback(host) is is_home
    if is_home:
        assert door_of(host, [], "", is_open=False).token == ""
    else:
        with pytest.raises(ConfigError, match="set a token"):
            door_of(host, [], "", is_open=False)
        assert door_of(host, [], "", is_open=True).token == ""


def test_a_short_token_is_refused() -> None:
    with pytest.raises(ConfigError, match="16 characters or more"):
        door_of("127.0.0.1", [], "short", is_open=False)
