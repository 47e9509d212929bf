"""A simulated past and a simulated week: believable, repeatable, and every kind on its own."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from harvester.sandbox import World, answer, live, populate
from harvester.sandbox.activity import DEEDS, USUAL


@pytest.fixture
def world() -> World:
    world = World()
    populate(world, seed=7, games=2, achievements=6, users=30, tickets=8, days=100)
    return world


def everything(world: World) -> list[object]:
    """Gather what a world would answer about all that it holds."""
    return [
        *(world.unlock_truth(achievement_id) for achievement_id in world.achievements),
        *(world.ticket_truth(game_id) for game_id in world.games),
        *((user.ulid, user.name, user.is_ranked, user.points) for user in world.people),
        *((row.title, row.points, row.is_promoted) for row in world.achievements.values()),
    ]


def test_a_populated_world_has_what_was_ordered(world: World) -> None:
    assert list(world.games) == [1, 2]
    assert [len(game.achievements) for game in world.games.values()] == [6, 6]
    assert len(world.tickets) == 8
    assert sum(1 for _ in world.people) == 1 + 3 + 30
    assert sum(len(world.unlock_truth(number)) for number in world.achievements) > 50


def test_the_past_lies_between_its_beginning_and_the_present(world: World) -> None:
    assert world.now == datetime(2026, 1, 1, tzinfo=UTC)
    first = world.now - timedelta(days=100)
    dates = [
        date
        for achievement_id in world.achievements
        for pair in world.unlock_truth(achievement_id).values()
        for date in pair
        if date is not None
    ]
    assert all(first <= date <= world.now for date in dates)
    assert all(date.microsecond == 0 for date in dates)


def test_the_same_seed_gives_the_same_world(world: World) -> None:
    again, other = World(), World()
    populate(again, seed=7, games=2, achievements=6, users=30, tickets=8, days=100)
    populate(other, seed=8, games=2, achievements=6, users=30, tickets=8, days=100)
    assert everything(again) == everything(world)
    assert everything(other) != everything(world)


def test_an_empty_order_makes_an_empty_world() -> None:
    world = World()
    populate(world, games=0, users=0)
    assert (world.games, world.tickets) == ({}, {})


def test_tickets_come_from_developers_where_nobody_plays() -> None:
    world = World()
    populate(world, games=1, achievements=1, users=0, tickets=1)
    assert world.ticket_truth(1)[1]["reporter"] is not None


def test_a_week_passes_with_what_usually_happens(world: World) -> None:
    happened = live(world, random.Random(1), hours=7 * 24)
    assert world.now == datetime(2026, 1, 8, tzinfo=UTC)
    assert happened.keys() <= USUAL.keys()
    assert 500 < happened.total() < 1500


def test_the_same_week_can_be_lived_again(world: World) -> None:
    again = World()
    populate(again, seed=7, games=2, achievements=6, users=30, tickets=8, days=100)
    assert live(again, random.Random(1), 48) == live(world, random.Random(1), 48)
    assert everything(again) == everything(world)


@pytest.mark.parametrize("kind", sorted(DEEDS))
def test_each_kind_of_event_changes_the_world_and_can_happen_alone(world: World, kind: str) -> None:
    live(world, random.Random(3), 10, weights={"demote": 1, "unrank": 1}, per_hour=0.3)
    before = repr([everything(world), pictures(world)])
    happened = live(world, random.Random(2), 48, weights={kind: 1})
    assert happened.keys() == {kind}
    assert repr([everything(world), pictures(world)]) != before


def pictures(world: World) -> list[object]:
    """Gather what `everything` leaves out."""
    games = world.games.values()
    return [
        *((game.rich_presence, list(game.achievements), dict(game.playtimes)) for game in games),
        *(user.is_deleted for user in world.people),
    ]


@pytest.mark.parametrize("kind", sorted(DEEDS.keys() - {"newcomer", "rename", "unrank"}))
def test_nothing_happens_where_there_is_nothing_it_could_happen_to(kind: str) -> None:
    assert live(World(), random.Random(1), 24, weights={kind: 1}).total() == 0


@pytest.mark.parametrize("kind", ["rename", "unrank", "unlock"])
def test_nothing_happens_where_nobody_is(kind: str) -> None:
    world = World()
    world.delete_user(world.owner.ulid)
    assert live(world, random.Random(1), 24, weights={kind: 1}).total() == 0


def test_a_set_without_authors_is_not_extended(world: World) -> None:
    for achievement_id in world.achievements:
        world.drop_author(achievement_id)
    assert live(world, random.Random(1), 24, weights={"extend": 1}).total() == 0


def test_time_passes_where_nothing_may_happen() -> None:
    world = World()
    assert live(world, random.Random(1), 0.5, weights={}).total() == 0
    assert live(world, random.Random(1), 0.5, weights={"unlock": 0}).total() == 0
    assert world.now == datetime(2026, 1, 1, 1, tzinfo=UTC)


def test_bursts_put_many_rows_into_one_second(world: World) -> None:
    live(world, random.Random(4), 48, weights={"burst": 1}, per_hour=1)
    sets = [achievement.unlocks.values() for achievement in world.achievements.values()]
    seconds = [(row.achievement.id, row.unlocked_at) for rows in sets for row in rows]
    assert max(seconds.count(second) for second in seconds) > 3


@pytest.mark.parametrize("seed", range(5))
def test_what_is_derived_agrees_with_the_rows_after_a_busy_month(seed: int) -> None:
    world = World()
    populate(world, seed=seed, games=2, achievements=8, users=20)
    live(world, random.Random(seed), 24 * 30, per_hour=2)
    for user in world.people:
        rows = [row for row in user.unlocks.values() if row.achievement.is_promoted]
        worth = sum(row.achievement.points for row in rows)
        assert (user.points + user.softcore_points) == worth
    for achievement in world.achievements.values():
        ranked = [row for row in achievement.unlocks.values() if row.user.is_ranked]
        assert not achievement.is_promoted or world.counters(achievement.id)[0] == len(ranked)


def test_every_question_about_a_lived_in_world_is_answered(world: World) -> None:
    live(world, random.Random(5), 24 * 14)
    for game_id in world.games:
        query = {"y": world.key, "g": str(game_id), "i": str(game_id), "u": "SandboxOwner"}
        for name in ("GetGameExtended", "GetGameInfoAndUserProgress"):
            reply = answer(world, f"API_{name}", query)
            assert (reply.status, json.loads(reply.body)["ID"]) == (200, game_id)
        truth = world.distribution_truth(game_id, is_hardcore=True)
        reply = answer(world, "API_GetAchievementDistribution", query | {"h": "1"})
        assert json.loads(reply.body) == {str(key): held for key, held in truth.items()}
