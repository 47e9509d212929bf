"""The simulated RetroAchievements on games, their sets and how far players are in them."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from harvester.sandbox import World, answer

GAME_FIELDS = """
    ID Title ConsoleID ConsoleName ParentGameID NumDistinctPlayers NumDistinctPlayersCasual
    NumDistinctPlayersHardcore NumAchievements ForumTopicID Flags ImageIcon ImageTitle
    ImageIngame ImageBoxArt Publisher Developer Genre Released ReleasedAtGranularity IsFinal
    RichPresencePatch Achievements
"""
GAME_KEYS = set(GAME_FIELDS.split())
ACHIEVEMENT_FIELDS = """
    ID NumAwarded NumAwardedHardcore Title Description Points TrueRatio Author AuthorULID
    DateModified DateCreated BadgeName DisplayOrder MemAddr
"""
ACHIEVEMENT_KEYS = set(ACHIEVEMENT_FIELDS.split())
PROGRESS_FIELDS = """
    NumAwardedToUser NumAwardedToUserHardcore UserCompletion UserCompletionHardcore
    UserTotalPlaytime
"""
PROGRESS_KEYS = set(PROGRESS_FIELDS.split())
OWNER = "SandboxOwner"


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


def progress(world: World, **params: object) -> Any:  # noqa: ANN401  (decoded JSON)
    status, content = ask(world, "GetGameInfoAndUserProgress", **params)
    assert status == 200, content
    return content


def extended(world: World, **params: object) -> Any:  # noqa: ANN401  (decoded JSON)
    status, content = ask(world, "GetGameExtended", **params)
    assert status == 200, content
    return content


def test_a_game_is_told_with_its_achievements_by_display_order(world: World) -> None:
    content = progress(world, g=1, u=OWNER)
    assert content.keys() == GAME_KEYS | PROGRESS_KEYS
    assert (content["Flags"], content["Released"], content["Publisher"]) == (0, "1991-06-23", None)
    assert list(content["Achievements"]) == ["3", "2", "1"]
    assert content["Achievements"]["1"].keys() == ACHIEVEMENT_KEYS | {"Type"}
    assert content["UserCompletion"] == "0.00%"


def test_a_game_without_achievements_has_an_empty_map(world: World) -> None:
    content = progress(world, g=2, u=OWNER)
    assert content["Achievements"] == {}
    assert (content["ParentGameID"], content["UserCompletion"]) == (1, "0.00%")
    assert extended(world, i=2)["Achievements"] == {}


def test_dates_are_told_only_where_earned(world: World) -> None:
    world.unlock(world.owner.ulid, 1, is_hardcore=False)
    world.unlock(world.owner.ulid, 2)
    world.set_playtime(world.owner.ulid, 1, 90)
    content = progress(world, g=1, u=world.owner.ulid.lower())
    rows = content["Achievements"]
    assert rows["1"].keys() - ACHIEVEMENT_KEYS == {"Type", "DateEarned"}
    assert rows["2"].keys() - ACHIEVEMENT_KEYS == {"Type", "DateEarned", "DateEarnedHardcore"}
    assert "DateEarned" not in rows["3"]
    assert (content["NumAwardedToUser"], content["NumAwardedToUserHardcore"]) == (2, 1)
    assert (content["UserCompletion"], content["UserCompletionHardcore"]) == ("66.67%", "33.33%")
    assert content["UserTotalPlaytime"] == 90
    assert world.progress_truth(world.owner.ulid, 1) == {
        "awarded": 2,
        "awarded_hardcore": 1,
        "completion": 0.6667,
        "completion_hardcore": 0.3333,
        "playtime_seconds": 90,
        "award_kind": None,
        "award_at": None,
    }


@pytest.mark.parametrize(
    ("earned", "kind"),
    [
        ({}, None),
        ({1: True}, None),
        ({3: True}, None),
        ({1: True, 3: False}, "beaten-softcore"),
        ({1: True, 3: True}, "beaten-hardcore"),
        ({1: True, 2: False, 3: True}, "completed"),
        ({1: True, 2: True, 3: True}, "mastered"),
    ],
)
def test_the_highest_award_follows_from_the_unlocks(
    world: World, earned: dict[int, bool], kind: str | None
) -> None:
    for achievement_id, is_hardcore in earned.items():
        world.unlock(world.owner.ulid, achievement_id, is_hardcore=is_hardcore)
    content = progress(world, g=1, u=OWNER, a=1)
    assert content["HighestAwardKind"] == kind
    assert content["HighestAwardDate"] == (kind and "2026-01-01T00:00:00+00:00")
    assert "HighestAwardKind" not in progress(world, g=1, u=OWNER, a=2)


def test_a_set_of_progression_alone_is_beaten_by_all_of_it(world: World) -> None:
    world.revise(3, type="progression")
    world.unlock(world.owner.ulid, 1)
    assert world.progress_truth(world.owner.ulid, 1)["award_kind"] is None
    world.unlock(world.owner.ulid, 3)
    assert world.progress_truth(world.owner.ulid, 1)["award_kind"] == "beaten-hardcore"


def test_a_badge_outlives_the_revision_of_a_set(world: World) -> None:
    for achievement_id in (1, 2, 3):
        world.unlock(world.owner.ulid, achievement_id)
    world.add_achievement(1, id=77)
    content = progress(world, g=1, u=OWNER, a=1)
    assert (content["HighestAwardKind"], content["UserCompletion"]) == ("mastered", "75.00%")
    award_at = world.progress_truth(world.owner.ulid, 1)["award_at"]
    assert award_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_an_unknown_game_or_player_is_an_empty_list(world: World) -> None:
    gone = world.add_user("Gone")
    world.unlock(gone, 1)
    world.delete_user(gone, is_reset=False)
    assert world.unlock_truth(1).keys() == {gone}
    for game, user in ((99, OWNER), (0, OWNER), (1, "nobody"), (1, "Gone"), (1, gone)):
        assert progress(world, g=game, u=user) == []
    world.delete_user(gone)
    assert world.unlock_truth(1) == {}


def test_missing_or_malformed_parameters_are_unprocessable(world: World) -> None:
    status, content = ask(world, "GetGameInfoAndUserProgress")
    assert (status, content["message"]) == (422, "The g field is required. (and 1 more error)")
    assert content["errors"] == {
        "g": ["The g field is required."],
        "u": ["The u field is required."],
    }
    assert ask(world, "GetGameInfoAndUserProgress", g=1, u="a_b")[0] == 422
    assert ask(world, "GetGameExtended", i="abc")[0] == 422
    assert ask(world, "GetGameExtended", i=1, f=4)[0] == 422


def test_a_missing_author_breaks_progress_but_not_the_extended_game(world: World) -> None:
    world.drop_author(1)
    assert ask(world, "GetGameInfoAndUserProgress", g=1, u=OWNER)[0] == 500
    assert extended(world, i=1)["Achievements"]["1"]["Author"] is None
    status, content = ask(world, "GetAchievementUnlocks", a=1)
    assert (status, content["Achievement"]["AuthorULID"]) == (200, None)


def test_the_extended_game_lists_one_kind_of_achievements_without_a_player(world: World) -> None:
    world.advance(hours=1)
    world.revise(1, points=25, title="New")
    world.revise_game(1, title="Sonic 1", console_id=1)
    world.demote(3)
    content = extended(world, i=1)
    assert content.keys() == GAME_KEYS | {"Updated", "Claims"}
    assert (content["Flags"], content["Title"], content["NumAchievements"]) == (None, "Sonic 1", 2)
    assert content["Updated"] == "2026-01-01T01:00:00.000000Z"
    assert list(content["Achievements"]) == ["2", "1"]
    assert content["Achievements"]["1"]["DateModified"] == "2026-01-01 01:00:00"
    assert content["Achievements"]["1"].keys() == ACHIEVEMENT_KEYS | {"type"}
    unofficial = extended(world, i=1, f=5)
    assert (list(unofficial["Achievements"]), unofficial["NumAchievements"]) == (["3"], 1)


def test_a_revision_changes_what_holders_have(world: World) -> None:
    casual = world.add_user("Casual")
    world.unlock(world.owner.ulid, 1)
    world.unlock(casual, 1, is_hardcore=False)
    world.revise(1, points=25)
    assert (world.owner.points, world.people[casual].softcore_points) == (25, 25)
    world.delete_achievement(1)
    assert (world.owner.points, world.people[casual].softcore_points) == (0, 0)


def test_the_true_ratio_grows_with_rarity(world: World) -> None:
    for number in range(4):
        world.unlock(world.add_user(f"Player{number}"), 1)
    world.unlock(world.add_user("Expert"), 3)
    rows = progress(world, g=1, u=OWNER)["Achievements"]
    assert (rows["1"]["TrueRatio"], rows["3"]["TrueRatio"]) == (11, 26)


def test_progress_in_many_games_is_summed_per_game(world: World) -> None:
    world.unlock(world.owner.ulid, 1)
    world.unlock(world.owner.ulid, 2, is_hardcore=False)
    status, content = ask(world, "GetUserProgress", u=OWNER, i="1, 99,x")
    assert (status, content["1"]) == (
        200,
        {
            "NumPossibleAchievements": 3,
            "NumAchieved": 2,
            "NumAchievedHardcore": 1,
            "PossibleScore": 30,
            "ScoreAchieved": 20,
            "ScoreAchievedHardcore": 10,
        },
    )
    assert set(content["99"].values()) == {0}
    assert ask(world, "GetUserProgress", u=OWNER) == (200, [])
    assert ask(world, "GetUserProgress", u="nobody", i=1) == (200, [])


def test_a_player_is_found_by_present_and_original_name(world: World) -> None:
    ulid = world.add_user("Alpha", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    world.rename(ulid, "Beta")
    world.rename(ulid, "Gamma")
    assert all(progress(world, g=1, u=name) for name in ("ALPHA", "gamma", ulid))
    other = world.add_user("Beta")
    assert world.people.find("Beta") is world.people[other]
    world.rename(ulid, "gamma")
    world.rename(ulid, "Alpha")
    assert world.people.find("gamma") is None


def test_a_name_or_ulid_cannot_be_taken_twice(world: World) -> None:
    ulid = world.add_user("Alpha")
    world.rename(ulid, "Beta")
    for name in ("alpha", "Beta"):
        with pytest.raises(ValueError, match="is taken"):
            world.add_user(name)
    with pytest.raises(ValueError, match="is taken"):
        world.add_user("Gamma", ulid)
    with pytest.raises(ValueError, match="is taken"):
        world.rename(ulid, OWNER)


def test_ulids_are_the_same_in_every_world(world: World) -> None:
    assert World().owner.ulid == world.owner.ulid
    assert len(world.owner.ulid) == 26
    assert world.owner.ulid != world.add_user("Alpha")
