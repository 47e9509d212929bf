"""The simulated RetroAchievements answers as the real one does, quirks included."""

import base64
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from harvester.sandbox import World, answer
from harvester.sandbox.records import State

TICKET_FIELDS = """
    ID AchievementID AchievementTitle AchievementDesc AchievementType Points BadgeName
    AchievementAuthor AchievementAuthorULID GameID ConsoleName GameTitle GameIcon ReportedAt
    ReportType ReportTypeDescription ReportNotes ReportedBy ReportedByULID ResolvedAt
    ResolvedBy ResolvedByULID ReportState ReportStateDescription Hardcore
"""
TICKET_KEYS = set(TICKET_FIELDS.split())


@pytest.fixture
def world() -> World:
    """Give a world of one game (1) with three achievements (1, 2, 3) and a game without."""
    world = World()
    world.add_console(1, "Genesis/Mega Drive")
    world.add_game(1, "Sonic the Hedgehog", 1, released=date(1991, 6, 23))
    world.add_game(2, "Empty", 1, parent_game_id=1)
    for number, kind in enumerate(("progression", None, "win_condition"), 1):
        world.add_achievement(1, f"Deed {number}", 10, display_order=4 - number, type=kind)
    return world


def ask(world: World, name: str, **params: object) -> tuple[int, Any]:
    """Ask with the right key; return status and decoded body."""
    query = {key: str(value) for key, value in params.items()} | {"y": world.key}
    reply = answer(world, f"API_{name}", query)
    return reply.status, json.loads(reply.body)


def good(world: World, name: str, **params: object) -> Any:  # noqa: ANN401  (decoded JSON)
    """Ask something that is answered with 200; return the decoded body."""
    status, content = ask(world, name, **params)
    assert status == 200, content
    return content


def tickets(world: World, **params: object) -> Any:  # noqa: ANN401  (decoded JSON)
    return good(world, "GetTicketData", **params)


# The key and the form


@pytest.mark.parametrize(
    ("params", "authorization"),
    [
        ({}, ""),
        ({"y": "wrong"}, ""),
        ({}, "Bearer wrong"),
        ({}, "Basic !!!"),
        ({}, "Basic " + base64.b64encode(b"name:wrong").decode()),
        ({}, "Digest sandbox-key"),
    ],
)
def test_a_wrong_key_is_refused_before_anything_else(
    world: World, params: Mapping[str, str], authorization: str
) -> None:
    reply = answer(world, "API_NoSuchThing", params, authorization)
    assert reply.status == 401
    assert json.loads(reply.body) == {
        "message": "Unauthenticated.",
        "errors": [{"status": "401", "code": "unauthorized", "title": "Unauthenticated."}],
    }


@pytest.mark.parametrize(
    ("params", "authorization"),
    [
        ({"y": "sandbox-key"}, ""),
        ({}, "Bearer sandbox-key"),
        ({"y": " "}, "bearer sandbox-key"),
        ({}, "Basic " + base64.b64encode(b"anyone:sandbox-key").decode()),
    ],
)
def test_the_key_is_taken_from_query_bearer_or_basic_password(
    world: World, params: Mapping[str, str], authorization: str
) -> None:
    assert answer(world, "API_GetAchievementDistribution", params, authorization).body == b"[]"


def test_an_unknown_script_is_not_found_in_the_form_of_the_exception_handler(world: World) -> None:
    status, content = ask(world, "NoSuchThing")
    assert (status, content["message"], content["errors"][0]["code"]) == (
        404,
        "Not Found",
        "not_found",
    )


def test_slashes_and_letters_beyond_ascii_are_escaped(world: World) -> None:
    world.revise(1, title="Café 1/2")
    body = answer(world, "API_GetAchievementUnlocks", {"y": world.key, "a": "1"}).body
    assert b'"Title":"Caf\\u00e9 1\\/2"' in body


@pytest.mark.parametrize(
    ("written", "meant"), [("1", 1), (" 1", 1), ("1abc", 1), ("1.9", 1), ("1e0", 1), ("+1", 1)]
)
def test_numbers_are_cast_as_php_does(world: World, written: str, meant: int) -> None:
    assert tickets(world, g=written)["GameID"] == meant


def test_a_huge_number_becomes_the_greatest_integer_of_php(world: World) -> None:
    assert ask(world, "GetTicketData", g="9" * 30) == (
        404,
        {"error": f"Game ID {2**63 - 1} not found"},
    )


# Tickets


def test_a_game_counts_tickets_in_every_state_and_lists_them_newest_first(world: World) -> None:
    for state in State:
        world.open_ticket(1, world.owner.ulid, state=state)
        world.advance(hours=1)
    counted = tickets(world, g=1)
    assert "Tickets" not in counted
    assert counted["OpenTickets"] == 5
    listed = tickets(world, g=1, d=1)["Tickets"]
    assert [row["ReportStateDescription"] for row in listed] == [
        "Pending Review",
        "Request",
        "Resolved",
        "Open",
        "Closed",
    ]
    assert all(row.keys() == TICKET_KEYS for row in listed)


def test_tickets_of_one_second_are_listed_by_id_descending_ten_at_a_time(world: World) -> None:
    for _ in range(101):
        world.open_ticket(1, None)
    assert [row["ID"] for row in tickets(world, g=1, d=1)["Tickets"]] == list(range(101, 91, -1))
    assert len(tickets(world, g=1, d=1, c=500)["Tickets"]) == 100
    assert [row["ID"] for row in tickets(world, g=1, d=1, c=100, o=100)["Tickets"]] == [1]
    assert tickets(world, g=1, d=1, c="")["Tickets"] == tickets(world, g=1, d=1, c=10)["Tickets"]
    assert tickets(world, g=1, d=1, c=0)["Tickets"] == []
    assert len(tickets(world, g=1, d=1, o=-5)["Tickets"]) == 10


def test_a_negative_count_breaks_the_server(world: World) -> None:
    assert ask(world, "GetTicketData", g=1, d=1, c=-1) == (500, {"message": "Server Error"})
    assert ask(world, "GetAchievementUnlocks", a=1, c=-1)[0] == 500


def test_a_demoted_achievement_takes_its_tickets_to_the_unofficial_list(world: World) -> None:
    world.open_ticket(1, None)
    world.demote(1)
    assert tickets(world, g=1)["OpenTickets"] == 0
    assert tickets(world, g=1, f=5, d=1)["Tickets"][0]["AchievementID"] == 1
    assert tickets(world)["OpenTickets"] == 0
    assert tickets(world, a=1)["OpenTickets"] == 1


def test_a_moved_achievement_takes_its_tickets_and_unlocks_along(world: World) -> None:
    world.open_ticket(1, None)
    world.unlock(world.owner.ulid, 1)
    world.move(1, 2)
    assert tickets(world, g=1)["OpenTickets"] == 0
    assert tickets(world, g=2, d=1)["Tickets"][0]["GameID"] == 2
    assert good(world, "GetAchievementUnlocks", a=1)["Game"] == {"ID": 2, "Title": "Empty"}
    assert good(world, "GetAchievementUnlocks", a=2)["TotalPlayers"] == 0


def test_deleted_tickets_leave_the_lists_but_not_the_raw_table(world: World) -> None:
    ticket = world.open_ticket(1, world.owner.ulid)
    world.delete_ticket(ticket)
    assert tickets(world, g=1)["OpenTickets"] == 0
    assert tickets(world, a=1)["OpenTickets"] == 0
    one = tickets(world, i=ticket)
    assert one.keys() == TICKET_KEYS | {"URL"}
    assert (one["ReportedBy"], one["ReportedByULID"]) == ("SandboxOwner", world.owner.ulid)
    assert tickets(world, f=1)["MostReportedGames"][0]["OpenTickets"] == 1
    assert world.ticket_truth(1) == {}


def test_a_resolver_is_named_until_the_ticket_is_reopened(world: World) -> None:
    ticket = world.open_ticket(1, None, is_hardcore=None, type=1)
    world.advance(days=1)
    world.set_ticket_state(ticket, State.RESOLVED, world.owner.ulid)
    resolved = tickets(world, i=ticket)
    assert resolved["ResolvedAt"] == "2026-01-02 00:00:00"
    assert (resolved["ResolvedBy"], resolved["Hardcore"]) == ("SandboxOwner", None)
    assert world.ticket_truth(1)[ticket]["resolver"] == world.owner.ulid
    world.set_ticket_state(ticket, State.REQUEST)
    reopened = tickets(world, i=ticket)
    assert (reopened["ResolvedAt"], reopened["ResolvedByULID"]) == (None, None)
    assert world.ticket_truth(1)[ticket]["state"] == State.REQUEST


def test_an_unknown_state_is_told_with_a_description(world: World) -> None:
    ticket = world.open_ticket(1, None, state=9)
    assert tickets(world, i=ticket)["ReportStateDescription"] == "State 9"


def test_a_developer_is_counted_by_whom_tickets_were_assigned_to(world: World) -> None:
    maker = world.add_user("Maker")
    for state in (State.OPEN, State.REQUEST, State.CLOSED, State.RESOLVED, State.RESOLVED):
        world.open_ticket(1, None, state=state)
    world.revise(1, author=maker)
    assert tickets(world, u=world.username.lower()) == {
        "User": "SandboxOwner",
        "ULID": world.owner.ulid,
        "Open": 1,
        "Closed": 1,
        "Resolved": 2,
        "Total": 4,
        "URL": "https://retroachievements.org/user/SandboxOwner/tickets",
    }
    assert tickets(world, u=maker)["Total"] == 0


def test_most_reported_games_ignore_the_offset_and_mend_the_count(world: World) -> None:
    world.open_ticket(1, None)
    world.open_ticket(2, None, state=State.CLOSED)
    content = tickets(world, f=1, g=5, o=1, c=0)
    assert content["MostReportedGames"] == [
        {
            "GameID": 1,
            "GameTitle": "Sonic the Hedgehog",
            "GameIcon": "/Images/000001.png",
            "Console": "Genesis/Mega Drive",
            "OpenTickets": 1,
        }
    ]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"i": 9}, "Ticket ID 9 not found"),
        ({"g": 9}, "Game ID 9 not found"),
        ({"a": 9}, "Achievement ID 9 not found"),
        ({"u": "nobody"}, "User nobody not found"),
    ],
)
def test_ticket_data_about_the_unknown_is_not_found(
    world: World, params: dict[str, object], error: str
) -> None:
    assert ask(world, "GetTicketData", **params) == (404, {"error": error})


@pytest.mark.parametrize("params", [{}, {"g": "abc"}, {"g": 0}, {"a": -1}, {"u": " "}])
def test_a_bad_id_falls_through_to_the_recent_list_of_the_site(
    world: World, params: dict[str, object]
) -> None:
    world.open_ticket(1, None)
    world.open_ticket(1, None, state=State.CLOSED)
    content = tickets(world, **params)
    assert (len(content["RecentTickets"]), content["OpenTickets"]) == (1, 1)


def test_what_is_deleted_is_not_found(world: World) -> None:
    world.open_ticket(1, None)
    world.delete_achievement(1)
    assert ask(world, "GetTicketData", a=1)[0] == 404
    assert tickets(world, g=1)["OpenTickets"] == 0
    world.delete_game(1)
    assert ask(world, "GetTicketData", g=1)[0] == 404
    world.delete_user(world.owner.ulid)
    assert ask(world, "GetTicketData", u=world.username)[0] == 404
    assert good(world, "GetAchievementDistribution", i=1) == []
    assert good(world, "GetGameExtended", i=1) == []
