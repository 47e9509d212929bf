"""The simulated RetroAchievements on unlock lists, their counters and the distribution."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from harvester.sandbox import World, answer


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


def unlocks(world: World, **params: object) -> Any:  # noqa: ANN401  (decoded JSON)
    return good(world, "GetAchievementUnlocks", **params)


def progress(world: World, **params: object) -> Any:  # noqa: ANN401  (decoded JSON)
    return good(world, "GetGameInfoAndUserProgress", **params)


# Unlocks


def test_an_unlock_list_names_achievement_game_console_and_players(world: World) -> None:
    world.advance(seconds=5)
    world.unlock(world.owner.ulid, 1)
    content = unlocks(world, a=1)
    assert content["Achievement"] == {
        "ID": 1,
        "Title": "Deed 1",
        "Description": "",
        "Points": 10,
        "TrueRatio": 10,
        "Author": "SandboxOwner",
        "AuthorULID": world.owner.ulid,
        "DateCreated": "2026-01-01 00:00:00",
        "DateModified": "2026-01-01 00:00:00",
        "Type": "progression",
    }
    assert content["Console"] == {"ID": 1, "Title": "Genesis/Mega Drive"}
    assert content["Unlocks"] == [
        {
            "User": "SandboxOwner",
            "ULID": world.owner.ulid,
            "RAPoints": 10,
            "RASoftcorePoints": 0,
            "DateAwarded": "2026-01-01T00:00:05.000000Z",
            "HardcoreMode": 1,
        }
    ]
    assert (content["UnlocksCount"], content["UnlocksHardcoreCount"]) == (1, 1)


@pytest.mark.parametrize("params", [{}, {"a": 0}, {"a": "abc"}])
def test_unlocks_of_no_achievement_are_answered_with_a_null_id(
    world: World, params: dict[str, object]
) -> None:
    assert unlocks(world, **params) == {"Achievement": {"ID": None}}


def test_unlocks_of_an_unknown_or_deleted_achievement_are_not_found(world: World) -> None:
    world.delete_achievement(2)
    nothing = {"Achievement": [], "UnlocksCount": 0, "UnlocksHardcoreCount": 0}
    for achievement_id in (2, 99):
        assert ask(world, "GetAchievementUnlocks", a=achievement_id) == (
            404,
            nothing | {"TotalPlayers": 0, "Unlocks": []},
        )


def test_an_upgrade_changes_the_row_in_place_and_moves_it_to_the_top(world: World) -> None:
    first, second = world.add_user("First"), world.add_user("Second")
    assert world.unlock(first, 1, is_hardcore=False)
    world.advance(hours=1)
    assert world.unlock(second, 1, is_hardcore=False)
    assert not world.unlock(first, 1, is_hardcore=False)
    world.advance(hours=1)
    assert world.unlock(first, 1)
    assert not world.unlock(first, 1)
    content = unlocks(world, a=1)
    assert [(row["User"], row["HardcoreMode"]) for row in content["Unlocks"]] == [
        ("First", 1),
        ("Second", 0),
    ]
    assert (content["UnlocksCount"], content["UnlocksHardcoreCount"]) == (2, 1)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert world.unlock_truth(1)[first] == (start, start + timedelta(hours=2))
    earned = progress(world, g=1, u="First")["Achievements"]["1"]
    assert earned["DateEarned"] == "2026-01-01 00:00:00"
    assert earned["DateEarnedHardcore"] == "2026-01-01 02:00:00"


def test_a_page_holds_fifty_rows_unless_told_and_five_hundred_at_most(world: World) -> None:
    for number in range(600):
        world.unlock(world.add_user(f"Player{number}"), 1)
    assert len(unlocks(world, a=1)["Unlocks"]) == 50
    assert len(unlocks(world, a=1, c=9999)["Unlocks"]) == 500
    assert len(unlocks(world, a=1, c=500, o=500)["Unlocks"]) == 100
    assert unlocks(world, a=1, c="abc")["Unlocks"] == []


def test_a_tied_second_is_listed_the_other_way_round_on_deep_pages(world: World) -> None:
    world.tie_switch = 4
    for number in range(6):
        world.unlock(world.add_user(f"Player{number}"), 1)
    shallow = [row["User"] for row in unlocks(world, a=1, c=3)["Unlocks"]]
    deep = [row["User"] for row in unlocks(world, a=1, c=3, o=3)["Unlocks"]]
    assert shallow == ["Player5", "Player4", "Player3"]
    assert deep == ["Player3", "Player4", "Player5"]


def test_a_backdated_unlock_appears_in_the_depth(world: World) -> None:
    early, late = world.add_user("Early"), world.add_user("Late")
    world.unlock(late, 1)
    world.unlock(early, 1, at=world.now - timedelta(days=14))
    assert [row["User"] for row in unlocks(world, a=1)["Unlocks"]] == ["Late", "Early"]


def test_unranked_players_stay_in_lists_and_leave_the_counters(world: World) -> None:
    ulid = world.add_user("Cheater")
    world.unlock(ulid, 1)
    world.unrank(ulid)
    content = unlocks(world, a=1)
    assert (len(content["Unlocks"]), content["UnlocksCount"], content["TotalPlayers"]) == (1, 0, 0)
    assert world.distribution_truth(1, is_hardcore=True) == {1: 0, 2: 0, 3: 0}
    world.rerank(ulid)
    assert world.counters(1) == (1, 1)
    assert world.distribution_truth(1, is_hardcore=True) == {1: 1, 2: 0, 3: 0}


def test_a_reset_takes_row_points_and_awards_back(world: World) -> None:
    for achievement_id in (1, 2, 3):
        world.unlock(world.owner.ulid, achievement_id)
    world.reset(world.owner.ulid, 2)
    assert world.unlock_truth(2) == {}
    assert world.owner.points == 20
    assert world.progress_truth(world.owner.ulid, 1)["award_kind"] == "beaten-hardcore"
    world.reset(world.owner.ulid, 1)
    assert world.progress_truth(world.owner.ulid, 1)["award_kind"] is None


def test_frozen_counters_wait_for_the_next_unlock(world: World) -> None:
    first, second = world.add_user("First"), world.add_user("Second")
    world.unlock(first, 1)
    world.freeze_counters(1)
    world.reset(first, 1)
    assert world.counters(1) == (1, 1)
    world.unlock(second, 1)
    assert world.counters(1) == (1, 1)
    assert world.unlock_truth(1).keys() == {second}


def test_a_demoted_achievement_keeps_its_list_and_frozen_counters(world: World) -> None:
    world.unlock(world.owner.ulid, 1)
    world.demote(1)
    world.unlock(world.add_user("Late"), 1)
    content = unlocks(world, a=1)
    assert (len(content["Unlocks"]), content["UnlocksCount"]) == (2, 1)
    assert world.owner.points == 0
    world.promote(1)
    world.promote(1)
    assert world.counters(1) == (2, 2)
    assert world.owner.points == 10


# Distribution


def test_casual_distribution_counts_casual_only_unlocks(world: World) -> None:
    world.unlock(world.owner.ulid, 1)
    world.unlock(world.owner.ulid, 2)
    world.unlock(world.owner.ulid, 3, is_hardcore=False)
    hardcore = {"1": 0, "2": 1, "3": 0}
    assert good(world, "GetAchievementDistribution", i=1, h=7) == hardcore
    assert good(world, "GetAchievementDistribution", i=1) == {"1": 1, "2": 0, "3": 0}
    assert good(world, "GetAchievementDistribution", i=1, h="true", f=4) == {
        "1": 1,
        "2": 0,
        "3": 0,
    }


def test_the_owner_of_the_key_always_sees_himself_in_the_distribution(world: World) -> None:
    world.unlock(world.owner.ulid, 1)
    world.unrank(world.owner.ulid)
    assert world.distribution_truth(1, is_hardcore=True)[1] == 1
    assert progress(world, g=1, u="SandboxOwner")["NumDistinctPlayers"] == 0


def test_an_empty_distribution_is_a_list(world: World) -> None:
    world.demote(1)
    assert good(world, "GetAchievementDistribution", i=2) == []
    assert good(world, "GetAchievementDistribution", i=99) == []
    assert good(world, "GetAchievementDistribution") == []
    assert good(world, "GetAchievementDistribution", i=1, f=5, h=1) == {"1": 0}


def test_a_hidden_ulid_is_null_wherever_somebody_is_named(world: World) -> None:
    world.hide_ulid(world.owner.ulid)
    world.unlock(world.owner.ulid, 1)
    ticket = world.open_ticket(1, world.owner.ulid)
    content = unlocks(world, a=1)
    assert content["Achievement"]["AuthorULID"] is None
    assert content["Unlocks"][0]["ULID"] is None
    told = good(world, "GetTicketData", i=ticket)
    assert (told["ReportedBy"], told["ReportedByULID"]) == ("SandboxOwner", None)
    assert good(world, "GetTicketData", u=world.owner.ulid)["ULID"] is None
    world.hide_ulid(world.owner.ulid, is_hidden=False)
    assert unlocks(world, a=1)["Unlocks"][0]["ULID"] == world.owner.ulid
