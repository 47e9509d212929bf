import json
import re
import runpy
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from harvester.api import fields, payloads
from harvester.api.answers import JSON, Answer, judge
from harvester.api.fields import UNTOLD, told
from harvester.api.payloads import Request, Ticket
from harvester.api.unlock_pages import unlock_page
from harvester.errors import ApiError, Invalid, NotFound, Refused, ServerError

FOLDER = Path(__file__).with_name("payloads")
GOLDEN = sorted(FOLDER.glob("[a-z]*/*.json"))
OWN_ERRORS = sorted(FOLDER.glob("_errors/*.json"))
ULID = "01J0000000000000000000ADAX"
LARGEST = 2**53

JUNK_DAYS: list[object] = ["0000-00-00", "1066", "9999", None, 7, []]

Json = dict[str, Any]


# --- golden pairs ----------------------------------------------------------------------


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recorded_form_is_read_as_expected(path: Path) -> None:
    told_by = runpy.run_path(str(path.with_suffix(".expected.py")))
    assert told_by["ask"].read(json.loads(path.read_text())) == told_by["expected"]


def test_every_expectation_has_its_answer_and_every_endpoint_its_pair() -> None:
    expectations = FOLDER.glob("*/*.expected.py")
    assert {path.name.removesuffix(".expected.py") for path in expectations} == {
        path.stem for path in GOLDEN
    }
    assert {path.parent.name for path in GOLDEN} == {
        *("game-tickets", "developer-tickets", "distribution", "unlocks", "progress", "standings")
    }


# --- what is asked ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        (payloads.game_tickets(5), "API_GetTicketData g=5"),
        (payloads.game_tickets(5, is_promoted=False), "API_GetTicketData g=5 f=5"),
        (payloads.game_ticket_list(5), "API_GetTicketData g=5 d=1 c=100 o=0"),
        (
            payloads.game_ticket_list(5, is_promoted=False, offset=200, count=50),
            "API_GetTicketData g=5 f=5 d=1 c=50 o=200",
        ),
        (payloads.developer_tickets("Ada"), "API_GetTicketData u=Ada"),
        (payloads.distribution(5, is_hardcore=True), "API_GetAchievementDistribution i=5 h=1 f=3"),
        (
            payloads.distribution(5, is_hardcore=False, is_promoted=False),
            "API_GetAchievementDistribution i=5 h=0 f=5",
        ),
        (unlock_page(9), "API_GetAchievementUnlocks a=9 c=500 o=0"),
        (unlock_page(9, offset=7, count=20), "API_GetAchievementUnlocks a=9 c=20 o=7"),
        (payloads.game_progress(5, "Ada"), "API_GetGameInfoAndUserProgress g=5 u=Ada a=1"),
        (payloads.game_extended(5), "API_GetGameExtended i=5 f=3"),
        (payloads.game_extended(5, is_promoted=False), "API_GetGameExtended i=5 f=5"),
    ],
)
def test_a_question_is_put_in_the_words_of_the_script(request_: Request[Any], asked: str) -> None:
    assert " ".join([request_.name, *(f"{k}={v}" for k, v in request_.params)]) == asked


# --- what makes no sense ---------------------------------------------------------------


def ticket(**changes: object) -> Json:
    numbers: Json = {"ID": 1, "AchievementID": 9, "GameID": 5, "ReportType": 1, "ReportState": 1}
    words: Json = {"Hardcore": 1, "ReportNotes": "x", "ReportedAt": "2024-01-01 00:00:00"}
    users: Json = {"ReportedBy": "Rob", "AchievementAuthor": "Ada", "ResolvedBy": None}
    return {**numbers, **words, **users, "ResolvedAt": None, **changes}


def tickets(*listed: Json, **changes: object) -> Json:
    head: Json = {"GameID": 5, "GameTitle": "G", "ConsoleName": "C", "OpenTickets": len(listed)}
    return {**head, "Tickets": list(listed), **changes}


def unlock(**changes: object) -> Json:
    plain: Json = {"User": "Rob", "DateAwarded": "2024-01-01 00:00:00", "HardcoreMode": 0}
    return {**plain, **changes}


def page(*rows: Json, **changes: object) -> Json:
    head: Json = {"Achievement": {"ID": 9}, "Game": {"ID": 5}, "UnlocksCount": 2, "TotalPlayers": 3}
    return {**head, "Unlocks": list(rows), **changes}


def achievement(**changes: object) -> Json:
    plain: Json = {"ID": 9, "Title": "T", "Description": "D", "Points": 5, "Author": "Ada"}
    return {**plain, "NumAwarded": 1, "NumAwardedHardcore": 0, **changes}


def game(**changes: object) -> Json:
    head: Json = {"ID": 5, "Title": "G", "ConsoleID": 1, "ConsoleName": "C", "NumAchievements": 1}
    return {**head, "Achievements": {"9": achievement()}, **changes}


def progress(**changes: object) -> Json:
    user: Json = {"NumAwardedToUser": 1, "NumAwardedToUserHardcore": 1}
    rates: Json = {"UserCompletion": "50.00%", "UserCompletionHardcore": "25%"}
    return {**game(), **user, **rates, **changes}


LIST = payloads.game_ticket_list(5, count=2)
PAGE = unlock_page(9, count=2)
PROGRESS = payloads.game_progress(5, "Rob")
DEVELOPER: Json = {"User": "Ada", "Open": 1, "Closed": 2, "Resolved": 3, "Total": 6}

NONSENSE: list[tuple[Request[Any], object, str]] = [
    # not about what was asked
    (payloads.game_tickets(6), tickets(), "GameID: asked about 6, told about 5"),
    (LIST, tickets(ticket(GameID=6)), "Tickets GameID: asked about 5, told about 6"),
    (LIST, {"RecentTickets": [], "OpenTickets": 0, "URL": ""}, "tickets of the whole site"),
    (payloads.developer_tickets("abc"), {"RecentTickets": []}, "tickets of the whole site"),
    (payloads.developer_tickets(ULID), DEVELOPER, f"ULID: asked about {ULID}, told about None"),
    (payloads.developer_tickets(ULID), {**DEVELOPER, "ULID": "0" * 26}, "told about 00000000"),
    (PAGE, page(Achievement={"ID": 8}), "Achievement.ID: asked about 9, told about 8"),
    (PAGE, {"Achievement": {"ID": None}}, "Achievement.ID: must be a whole number"),
    (PROGRESS, progress(ID=6), "ID: asked about 5, told about 6"),
    (payloads.game_extended(5), game(ID=6), "ID: asked about 5, told about 6"),
    # shapes
    (LIST, [], r"the answer: must be an object, not \[\]"),
    (LIST, "<html>", "the answer: must be an object, not '<html>'"),
    (LIST, tickets(Tickets="x"), "Tickets: must be a list, not 'x'"),
    (LIST, tickets(Tickets={"first": ticket()}), "Tickets: must be a list"),
    (LIST, tickets(Tickets=None), "Tickets: is missing"),
    (LIST, tickets("x"), "Tickets.0: must be an object"),  # type: ignore[arg-type]
    (PROGRESS, "x", "the answer: must be an object"),
    (payloads.game_extended(5), 7, "the answer: must be an object, not 7"),
    (PROGRESS, progress(Achievements=[achievement()]), "Achievements: must be an object"),
    (PROGRESS, progress(Achievements={"9": 7}), "Achievements: has under '9'"),
    (PROGRESS, progress(Achievements={"8": achievement()}), "Achievements: has under '8'"),
    (payloads.distribution(5, is_hardcore=True), [1, 2], "the distribution must be an object"),
    (payloads.distribution(5, is_hardcore=True), {"message": "x"}, "the distribution must be"),
    (payloads.distribution(5, is_hardcore=True), {"1": 4, "3": 4}, "for every number from 1 on"),
    (payloads.distribution(5, is_hardcore=True), {"0": 4, "1": 4}, "the distribution must be"),
    (payloads.distribution(5, is_hardcore=True), {"1": -4}, "the distribution must be"),
    # too long
    (LIST, tickets(*[ticket()] * 3), "Tickets: 3 entries, where 2 were asked for"),
    (LIST, tickets(*[ticket()] * 101), "Tickets: has too many entries"),
    (PAGE, page(*[unlock()] * 3), "Unlocks: 3 entries, where 2 were asked for"),
    (PAGE, page(*[unlock()] * 501), "Unlocks: has too many entries"),
    (PROGRESS, progress(Achievements={str(n): n for n in range(10_001)}), "at most 10000 entries"),
    # values
    (LIST, tickets(ticket(ReportedAt="2023-10-27T00:19:05.000000Z1")), "Tickets.0.ReportedAt"),
    (LIST, tickets(ticket(Hardcore=2)), "Tickets.0.Hardcore: must be 0 or 1, not 2"),
    (LIST, tickets(ticket(ReportedByULID="short")), "Tickets.0.ReportedByULID: must be a ULID"),
    (PAGE, page(unlock(User="")), "Unlocks.0.User: must not be empty"),
    (PAGE, page(unlock(User=None)), "Unlocks.0.User: must be text"),
    (PAGE, page(unlock(DateAwarded=1698365945)), "Unlocks.0.DateAwarded: must be an instant"),
    (PAGE, page(UnlocksHardcoreCount="untold"), "UnlocksHardcoreCount: must be a whole number"),
    (PAGE, page(UnlocksHardcoreCount=None), "UnlocksHardcoreCount: must be a whole number"),
    (PROGRESS, progress(UserCompletion="NaN%"), "UserCompletion: must be a percentage"),
    (PROGRESS, progress(UserCompletion="-1.00%"), "UserCompletion: must be a percentage"),
    (PROGRESS, progress(UserCompletion=[]), "UserCompletion: must be a percentage"),
    (PROGRESS, progress(Achievements={"9": achievement(Points=-1)}), "Achievements.0.Points"),
    (PROGRESS, progress(Title={"x": "y" * 100}), r"Title: must be text, not \{'x': 'y+\.\.\.$"),
]


@pytest.mark.parametrize(("request_", "told_by", "complaint"), NONSENSE)
def test_an_answer_that_makes_no_sense_is_invalid_and_says_why(
    request_: Request[Any], told_by: object, complaint: str
) -> None:
    with pytest.raises(Invalid, match=complaint) as caught:
        request_.read(told_by)
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None  # else a traceback would drag the answer along


def needed_fields() -> Iterator[tuple[Request[Any], Json, str]]:
    for whole, request_ in ((tickets(ticket()), LIST), (page(unlock()), PAGE)):
        yield from ((request_, whole, key) for key in whole)
    yield from ((PROGRESS, progress(), key) for key in progress())
    yield from ((payloads.developer_tickets("Ada"), DEVELOPER, key) for key in DEVELOPER)


@pytest.mark.parametrize(("request_", "whole", "key"), list(needed_fields()))
def test_an_answer_without_a_needed_field_is_invalid(
    request_: Request[Any], whole: Json, key: str
) -> None:
    request_.read(whole)
    with pytest.raises(Invalid, match=key):
        request_.read({name: value for name, value in whole.items() if name != key})


@pytest.mark.parametrize("key", list(ticket()))
def test_a_ticket_without_a_needed_field_is_invalid(key: str) -> None:
    short = ticket()
    del short[key]
    with pytest.raises(Invalid, match=rf"Tickets\.0\.{key}: is missing"):
        LIST.read(tickets(short))


@pytest.mark.parametrize("key", list(achievement()))
def test_an_achievement_without_a_needed_field_is_invalid(key: str) -> None:
    short = achievement()
    del short[key]
    with pytest.raises(Invalid, match="Achievements"):
        PROGRESS.read(progress(Achievements={"9": short}))


@pytest.mark.parametrize(
    "value", [None, -1, 0.5, "x", "1_0", " 1", True, [], LARGEST + 1, "9" * 30], ids=repr
)
def test_a_count_is_a_whole_number_from_0_to_2_53(value: object) -> None:
    with pytest.raises(Invalid, match="OpenTickets: must be a whole number from 0"):
        payloads.game_tickets(5).read(tickets(OpenTickets=value))


@pytest.mark.parametrize(
    ("value", "count"), [(LARGEST, LARGEST), ("3005", 3005), (7.0, 7), ("0", 0), (0, 0)], ids=repr
)
def test_a_count_may_come_in_any_form(value: object, count: int) -> None:
    assert payloads.game_tickets(5).read(tickets(OpenTickets=value)).reported == count


@pytest.mark.parametrize("value", [0, "0", -5, None], ids=repr)
def test_an_id_begins_at_1(value: object) -> None:
    with pytest.raises(Invalid, match="ConsoleID: must be a whole number from 1"):
        PROGRESS.read(progress(ConsoleID=value))


def test_an_unknown_game_or_player_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        PROGRESS.read([])
    assert caught.value.what == "game or user"
    with pytest.raises(NotFound) as caught:
        payloads.game_extended(5).read([])
    assert caught.value.what == "game"


# --- tolerance -------------------------------------------------------------------------


def test_unknown_keys_are_ignored_and_absent_ones_are_untold() -> None:
    found = PROGRESS.read(progress(GuideURL=None, surprise={"deep": [1]}, game="x"))
    assert found.game.players is UNTOLD
    assert found.game.released_on is UNTOLD
    assert found.game.achievements[0].type is UNTOLD
    assert found.game.achievements[0].earned_at is None
    assert (found.playtime_seconds, found.award_kind, found.award_at) == (UNTOLD,) * 3
    assert repr(found.playtime_seconds) == "UNTOLD"


def test_null_is_not_the_same_as_untold() -> None:
    found = PROGRESS.read(progress(HighestAwardKind=None, HighestAwardDate=None, Genre=None))
    assert (found.award_kind, found.award_at, found.game.genre) == (None, None, None)
    assert told(genre=found.game.genre, players=found.game.players) == {"genre": None}


@pytest.mark.parametrize("empty", [{}, [], None])
def test_a_game_without_achievements_has_an_empty_map_in_any_form(empty: object) -> None:
    assert PROGRESS.read(progress(Achievements=empty)).game.achievements == ()


def test_achievements_keep_the_order_of_the_answer() -> None:
    entries = {str(n): achievement(ID=n) for n in (30, 10, 20)}
    found = PROGRESS.read(progress(Achievements=entries)).game.achievements
    assert [entry.id for entry in found] == [30, 10, 20]


@pytest.mark.parametrize("key", ["Type", "type"])
def test_the_type_is_read_under_either_key(key: str) -> None:
    found = PROGRESS.read(progress(Achievements={"9": achievement(**{key: "missable"})}))
    assert found.game.achievements[0].type == "missable"


@pytest.mark.parametrize("value", [None, 0, "0", ""], ids=repr)
def test_no_parent_comes_in_many_forms(value: object) -> None:
    assert PROGRESS.read(progress(ParentGameID=value)).game.parent_game_id is None


@pytest.mark.parametrize(
    ("value", "fraction"),
    [
        ("97.22%", 0.9722),
        ("100", 1.0),
        (66.67, 0.6667),
        (0, 0.0),
        ("104.17%", 1.0),
        ("1.5 %", 0.015),
    ],
    ids=repr,
)
def test_completion_is_a_fraction(value: object, fraction: float) -> None:
    assert PROGRESS.read(progress(UserCompletion=value)).completion == fraction


@pytest.mark.parametrize(
    ("value", "is_hardcore"),
    [(1, True), ("1", True), (True, True), (0, False), ("0", False)],
    ids=repr,
)
def test_hardcore_comes_as_number_text_or_boolean(value: object, *, is_hardcore: bool) -> None:
    assert PAGE.read(page(unlock(HardcoreMode=value))).rows[0].is_hardcore is is_hardcore


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2016-03-12 17:47:29", datetime(2016, 3, 12, 17, 47, 29, tzinfo=UTC)),
        ("2023-10-27T00:19:05.000000Z", datetime(2023, 10, 27, 0, 19, 5, tzinfo=UTC)),
        ("2024-04-23T21:28:49+00:00", datetime(2024, 4, 23, 21, 28, 49, tzinfo=UTC)),
        ("2024-04-23T21:28:49+02:00", datetime(2024, 4, 23, 19, 28, 49, tzinfo=UTC)),
        ("2024-04-23", datetime(2024, 4, 23, tzinfo=UTC)),
    ],
    ids=repr,
)
def test_an_instant_is_utc_in_every_form(value: str, moment: datetime) -> None:
    found = PAGE.read(page(unlock(DateAwarded=value))).rows[0].at
    assert (found, found.utcoffset(), found.microsecond) == (moment, moment.utcoffset(), 0)


@pytest.mark.parametrize(
    "value",
    [
        *("", "now", "2024-02-30 00:00:00", "1970-01-01 00:00:00", "2101-01-01 00:00:00"),
        *("20240101", "2024-W01-1", "2024-01-01 00:00:00\n", "0000-00-00 00:00:00", 1, None, []),
    ],
    ids=repr,
)
def test_what_is_no_instant_is_invalid(value: object) -> None:
    with pytest.raises(Invalid, match="DateAwarded"):
        PAGE.read(page(unlock(DateAwarded=value)))


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("1991-06-11", date(1991, 6, 11)),
        ("1992-06-02 00:00:00", date(1992, 6, 2)),
        ("November 20, 1990", date(1990, 11, 20)),
        ("Sept. 9, 1999", date(1999, 9, 9)),
        ("June 23 1991", date(1991, 6, 23)),
        ("1980", date(1980, 1, 1)),
        *[(junk, None) for junk in ("", "soon", "February 30, 1990", "Ju 3, 1990", "Foo 3, 1990")],
        *[(junk, None) for junk in JUNK_DAYS],
    ],
    ids=repr,
)
def test_a_release_day_is_read_where_it_can_be(value: object, day: date | None) -> None:
    assert PROGRESS.read(progress(Released=value)).game.released_on == day


@pytest.mark.parametrize(
    ("answer", "granularity"),
    [
        ({"Released": "1980"}, "year"),
        ({"Released": "1980", "ReleasedAtGranularity": "day"}, "year"),
        ({"Released": "1980-05-01", "ReleasedAtGranularity": "month"}, "month"),
        ({"Released": "1980-05-01", "ReleasedAtGranularity": None}, None),
        ({"Released": "May 1, 1980"}, UNTOLD),
    ],
)
def test_a_bare_year_is_never_taken_for_a_day(answer: Json, granularity: object) -> None:
    assert PROGRESS.read(progress(**answer)).game.released_granularity == granularity


def test_a_developer_asked_for_by_name_may_be_answered_by_a_newer_name() -> None:
    found = payloads.developer_tickets("OldName").read({**DEVELOPER, "ULID": ULID.lower()})
    assert (found.name, found.ulid) == ("Ada", ULID)


def test_a_developer_asked_for_by_ulid_is_recognised_in_any_case() -> None:
    assert payloads.developer_tickets(ULID.lower()).read({**DEVELOPER, "ULID": ULID}).ulid == ULID


@given(st.text())
def test_text_can_be_stored_everywhere(words: str) -> None:
    found = PROGRESS.read(progress(Title=f"t{words}\ud800\x00\n")).game.title
    assert len(found) <= 255
    assert found.encode().isascii() is found.isascii()  # no lone surrogate is left
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", found)


@pytest.mark.parametrize(
    ("read", "longest"),
    [
        (lambda words: PROGRESS.read(progress(Title=words)).game.title, 255),
        (lambda words: PROGRESS.read(progress(ImageIcon=words)).game.image_icon, 255),
        (lambda words: PAGE.read(page(unlock(User=words))).rows[0].name, 100),
        (lambda words: read_ticket(ticket(ReportNotes=words)).notes, 10_000),
        (lambda words: read_achievement(Description=words).description, 1000),
    ],
    ids=["title", "path", "name", "notes", "description"],
)
def test_text_is_cut_at_its_stated_length(read: Callable[[str], str], longest: int) -> None:
    assert read("x" * longest) == "x" * longest
    assert read("x" * (longest + 1)) == "x" * longest


def test_notes_keep_their_lines_and_tabs() -> None:
    assert read_ticket(ticket(ReportNotes="a\r\n\tb\x00\x85\udc00")).notes == "a\n\tb"


def read_ticket(told_by: Json) -> Ticket:
    (found,) = LIST.read(tickets(told_by)).tickets or ()
    return found


def read_achievement(**changes: object) -> payloads.Achievement:
    return PROGRESS.read(progress(Achievements={"9": achievement(**changes)})).game.achievements[0]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@given(json_values, st.data())
def test_whatever_comes_is_a_payload_or_a_known_error(junk: object, data: st.DataObject) -> None:
    forms = [(LIST, tickets(ticket())), (PAGE, page(unlock())), (PROGRESS, progress())]
    request_, whole = data.draw(st.sampled_from(forms))
    place = data.draw(st.sampled_from(sorted(whole)))
    for told_by in (junk, {**deepcopy(whole), place: junk}):
        try:
            request_.read(told_by)
        except ApiError as trouble:
            assert "\n" not in str(trouble)  # noqa: PT017 - either way is right


# --- the fast lane -----------------------------------------------------------------------

PRESENT = unlock(ULID=ULID, DateAwarded="2024-01-01T00:00:00.000000Z", RAPoints=1)
ODDITIES: st.SearchStrategy[object] = st.sampled_from(
    [
        *(None, True, False, 0, 1, 2, "0", "1", 1.0, -1, 2**53, 2**53 + 1, "", " ", [], {}),
        *("Rob\n", "R\u00e9", "\ud83d", "x" * 101, ULID.lower(), ULID + "\n", "0" * 26),
        *("2024-02-30T00:00:00.000000Z", "2024-01-01T00:00:60.000000Z", "2024-01-01 00:00:00"),
        *("2024-01-01T00:00:00.500000Z", "2024-01-01T00:00:00+02:00", "1999-01-01T00:00:00Z"),
    ]
)


def test_a_page_of_todays_form_is_read_in_the_fast_lane() -> None:
    told_by = page(PRESENT, {**PRESENT, "ULID": None}, UnlocksHardcoreCount=1)
    found = PAGE.read_fast(json.dumps(told_by).encode())
    assert found is not None
    assert found == PAGE.read(told_by)
    assert found.rows[0].at.tzinfo is UTC


@given(st.data())
def test_what_the_fast_lane_reads_the_tolerant_reader_reads_the_same(data: st.DataObject) -> None:
    whole = page({**PRESENT}, UnlocksHardcoreCount=1)
    where = data.draw(st.sampled_from([whole, whole["Unlocks"][0], whole["Achievement"]]))
    key = data.draw(st.sampled_from(sorted(where)))
    where[key] = data.draw(ODDITIES | json_values)
    body = json.dumps(whole).encode()
    try:
        found = PAGE.read_fast(body)
    except Invalid as trouble:
        with pytest.raises(Invalid, match=re.escape(str(trouble))):
            PAGE.read(json.loads(body))
    else:
        assert found is None or found == PAGE.read(json.loads(body))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"Unlocks": NaN}'])
def test_the_fast_lane_leaves_what_is_no_page_to_the_tolerant_reader(body: bytes) -> None:
    assert PAGE.read_fast(body) is None


# --- recorded answers of a folder: pytest --payloads DIR ---------------------------------

ERRORS: list[tuple[str, Request[Any], int, type[ApiError] | None]] = [
    ("auth|401", payloads.game_tickets(1), 401, Refused),
    ("distribution__unknown-game", payloads.distribution(1, is_hardcore=True), 200, None),
    ("gameinfo__(missing|malformed)|422", payloads.game_progress(1, "x"), 422, Invalid),
    ("gameinfo__unknown", payloads.game_progress(1, "x"), 200, NotFound),
    ("server-error", payloads.game_tickets(1), 500, ServerError),
    ("ticket__unknown-game", payloads.game_tickets(1), 404, NotFound),
    ("ticket__unknown-user", payloads.developer_tickets("x"), 404, NotFound),
    ("unknown-endpoint", payloads.game_tickets(1), 404, Invalid),
    ("unlocks__missing-a", unlock_page(1), 200, Invalid),
    ("unlocks__unknown-a", unlock_page(1), 404, NotFound),
]
A_MALFORMED_PAGE = "gboquizosanchez__page"  # a date in it ends in "Z1", or all but its head is lost
OTHER_TICKETS = re.compile(r"__(i|a|f1|recent)__")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recorded" in metafunc.fixturenames:
        folder = metafunc.config.getoption("--payloads")
        paths = OWN_ERRORS + (sorted(Path(folder).glob("*/*.json")) if folder else [])
        metafunc.parametrize("recorded", paths, ids=str)


def read_recorded(path: Path) -> None:
    """Read a recorded answer with the reader that its folder and name call for."""
    decoded = json.loads(path.read_text())
    if path.parent.name == "_errors":
        read_error(path)
    elif path.parent.name == "GetTicketData":
        read_tickets(path.name, decoded)
    elif A_MALFORMED_PAGE in path.name:
        with pytest.raises(Invalid):
            unlock_page(int(decoded.get("Achievement", decoded)["ID"])).read(decoded)
    else:
        assert path.parent.name in READERS, f"no reader for {path.parent.name}"
        READERS[path.parent.name](decoded)


def read_error(path: Path) -> None:
    matching = [error for error in ERRORS if re.search(error[0], path.name)]
    assert matching, f"no rule for {path.name}"
    _, request_, status, kind = matching[0]
    answer = Answer(status, JSON, path.read_bytes())
    if kind is None:
        judge(request_, answer)
        return
    with pytest.raises(kind) as caught:
        judge(request_, answer)
    assert type(caught.value) is kind


def read_tickets(name: str, decoded: Json) -> None:
    """Read any variant of the script; those that are not polled hold tickets at most."""
    if "User" in decoded:
        payloads.developer_tickets(decoded.get("ULID") or decoded["User"]).read(decoded)
        return
    if "GameTitle" in decoded and "OpenTickets" in decoded:
        ask = payloads.game_ticket_list if "Tickets" in decoded else payloads.game_tickets
        ask(int(decoded["GameID"])).read(decoded)
        return
    assert OTHER_TICKETS.search(name), f"no rule for {name}"
    single = [decoded] if "__i__" in name else decoded.get("RecentTickets", [])
    assert all(TypeAdapter(Ticket).validate_python(item).id for item in single)
    with pytest.raises(Invalid):
        payloads.game_tickets(int(decoded.get("GameID", 1))).read(decoded)


def read_game(decoded: Json) -> None:
    """Read a game; one published as progress is GameExtended's, without a player's part."""
    if "NumAwardedToUser" in decoded:
        payloads.game_progress(decoded["ID"], "Rob").read(decoded)
    else:
        payloads.game_extended(decoded["ID"]).read(decoded)


READERS: dict[str, Callable[[Json], object]] = {
    "GetAchievementDistribution": lambda d: payloads.distribution(1, is_hardcore=True).read(d),
    "GetAchievementUnlocks": lambda d: unlock_page(int(d["Achievement"]["ID"])).read(d),
    "GetGameInfoAndUserProgress": read_game,
    "GetGameExtended": read_game,
}


def test_recorded_answers_are_read_or_refused_as_they_should(recorded: Path) -> None:
    read_recorded(recorded)


def test_every_rule_for_an_error_body_has_its_body() -> None:
    assert len(OWN_ERRORS) == len(ERRORS)
    assert all(any(re.search(rule, path.stem) for path in OWN_ERRORS) for rule, *_ in ERRORS)


def test_the_sentinel_is_no_word_that_an_answer_could_use() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(fields.Untold).validate_python("untold")
