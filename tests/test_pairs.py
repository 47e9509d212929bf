"""Many players and many games: who moved is surveyed, and one answer serves all it can."""

import shutil
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from harvests import STILL, BenchOf, asked, current, fetch, poll, rows, user
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import NOW, Bench

from harvester import harvest, watchlist
from harvester.sandbox.records import Asked
from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

GAMES, PLAYERS = 10, 6
PROGRESS = Selection(jobs=["progress"])
NO_LISTS = '[jobs.unlocks]\nmode = "off"'
SURVEY, LOOK = "API_GetUserProgress", "API_GetGameInfoAndUserProgress"
IDENTITY, EXTENDED = "API_GetTicketData", "API_GetGameExtended"
HOUR = timedelta(hours=1)


def names(number: int = PLAYERS) -> list[str]:
    """Name so many players."""
    return [f"Player{own}" for own in range(number)]


def watched(games: Iterable[int] = range(1, GAMES + 1), players: int = PLAYERS) -> str:
    """Watch so many."""
    people = ", ".join(f'"{name}"' for name in names(players))
    return f"[watch]\ngames = {list(games)}\nusers = [{people}]"


@pytest.fixture
def players(world: World) -> list[str]:
    """Fill the world."""
    return peopled(world)


def peopled(world: World) -> list[str]:
    """Fill the world with ten games of three achievements, and six players."""
    for game in range(1, GAMES + 1):
        world.add_game(game, f"Game {game}", 1)
        for number in range(3):
            own = world.add_achievement(game, f"Deed {number}", points=5, id=10 * game + number)
            assert own == 10 * game + number
    return [world.add_user(name) for name in names()]


@pytest.fixture(scope="module")
def looked_at(
    tmp_path_factory: pytest.TempPathFactory, migrated_file: Path
) -> tuple[Path, list[Asked]]:
    """Look at all sixty pairs once; yield the database, and what was asked for it."""
    folder, world = tmp_path_factory.mktemp("looked-at"), World(now=NOW)
    world.add_console(1, "Genesis/Mega Drive")
    assert len(peopled(world)) == PLAYERS
    path = folder / "harvester.db"
    shutil.copy(migrated_file, path)
    with serve(world) as base_url:
        bench = Bench(world, folder / "config.toml", base_url)
        bench.configure(watched(), api=STILL, jobs=NO_LISTS, database=f"sqlite:///{path}")
        fetch(bench, PROGRESS)
    return path, world.asked


@pytest.fixture
def many(
    bench_of: BenchOf, tmp_path: Path, players: list[str], looked_at: tuple[Path, list[Asked]]
) -> Bench:
    """Watch all sixty pairs; they were looked at once."""
    assert len(players) == PLAYERS
    path, log = looked_at
    url = f"sqlite:///{shutil.copy(path, tmp_path)}"
    bench = bench_of(watched(), database=url, api=STILL, jobs=NO_LISTS)
    bench.world.asked.extend(log)
    return bench


def counted(world: World) -> dict[str, int]:
    """Count the requests since last asked, by script."""
    return dict(Counter(one.name for one in asked(world)))


def watch(bench: Bench, text: str, jobs: str = NO_LISTS) -> None:
    """Edit the watchlist."""
    bench.configure(text, api=STILL, jobs=jobs, database=bench.settings.database.url)


def shown(bench: Bench) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Read who is how far by what a survey can tell, by ULID and game."""
    ulids = {row["id"]: row["ulid"] for row in rows(bench, schema.users)}
    found = current(bench, schema.progress)
    return {(ulids[row["user_id"]], row["game_id"]): told(row) for row in found}


def told(row: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a row, or the truth
    """Take what a survey can tell of a row of progress."""
    columns = ("awarded", "awarded_hardcore", "completion", "completion_hardcore")
    return tuple(row[name] for name in columns)


def truth(world: World, players: list[str]) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Tell how it really is."""
    return {
        (own, game): told(world.progress_truth(own, game))
        for own in players
        for game in range(1, GAMES + 1)
    }


# --- what is asked ---------------------------------------------------------------------------


def test_the_first_round_asks_for_every_pair_once(
    bench_of: BenchOf, database_url: str, world: World, players: list[str]
) -> None:
    bench = bench_of(watched(), database=database_url, api=STILL, jobs=NO_LISTS)
    fetch(bench, PROGRESS)
    assert counted(world) == {IDENTITY: PLAYERS, SURVEY: PLAYERS, LOOK: GAMES * PLAYERS}
    assert shown(bench) == truth(world, players)


def test_an_hour_in_a_still_world_costs_a_survey_for_each_player_and_a_look_for_each_game(
    many: Bench,
) -> None:
    asked(many.world)
    many.world.advance(hours=1)
    fetch(many, PROGRESS)
    assert counted(many.world) == {SURVEY: PLAYERS, LOOK: GAMES}


def test_only_the_pair_that_moved_is_asked_for(many: Bench, players: list[str]) -> None:
    many.world.advance(hours=1)
    many.world.unlock(players[2], 71)
    asked(many.world)
    assert fetch(many, Selection(users=["Player2"]))
    looks = [one.params for one in asked(many.world) if one.name == LOOK]
    assert [(one["g"], one["u"]) for one in looks] == [("7", players[2])]
    assert shown(many) == truth(many.world, players)


def test_a_game_is_looked_at_through_the_pair_that_moved(many: Bench, players: list[str]) -> None:
    many.world.advance(hours=1)
    many.world.unlock(players[2], 71)
    asked(many.world)
    fetch(many, PROGRESS)
    looks = {one.params["g"]: one.params["u"] for one in asked(many.world, LOOK)}
    assert (len(looks), looks["7"]) == (GAMES, players[2])


def test_a_game_is_looked_at_through_each_of_its_players_in_turn(
    many: Bench, players: list[str]
) -> None:
    seen = []
    for _ in range(PLAYERS):
        many.world.advance(hours=1)
        asked(many.world)
        fetch(many, Selection(jobs=["progress"], games=[1]))
        seen += [one.params["u"] for one in asked(many.world, LOOK)]
    assert sorted(seen) == sorted(players)


@pytest.mark.no_cover  # the same at length
def test_a_day_in_a_still_world_costs_what_the_formula_says(many: Bench) -> None:
    for _ in range(24):  # the first full rounds come early, so that they spread
        many.world.advance(hours=1)
        fetch(many, PROGRESS)
    asked(many.world)
    for _ in range(24):
        many.world.advance(hours=1)
        fetch(many, PROGRESS)
    assert counted(many.world) == {SURVEY: 24 * PLAYERS, LOOK: 24 * GAMES}


@pytest.mark.no_cover  # the same at length
def test_playtime_is_never_older_than_at_most(many: Bench) -> None:
    watch(many, watched(), f'{NO_LISTS}\n[jobs.progress]\nevery = "3h"\nat_most = "12h"')
    read: dict[tuple[str, str], datetime] = {}
    for number in range(60):
        many.world.advance(hours=1)
        fetch(many, PROGRESS)
        read |= {(one.params["g"], one.params["u"]): one.at for one in asked(many.world, LOOK)}
        if number > 24:
            assert len(read) == GAMES * PLAYERS
            assert min(read.values()) >= many.world.now - timedelta(hours=12)


def test_all_asks_no_pair_that_a_survey_proves_unchanged_and_force_asks_all(many: Bench) -> None:
    many.world.advance(minutes=5)
    asked(many.world)
    fetch(many, PROGRESS, is_all=True)
    assert counted(many.world) == {SURVEY: PLAYERS, LOOK: GAMES}
    many.world.advance(minutes=5)
    fetch(many, PROGRESS, is_forced=True)
    assert counted(many.world) == {SURVEY: PLAYERS, LOOK: GAMES * PLAYERS}


def test_a_survey_of_many_games_stays_below_four_kilobytes(
    bench_of: BenchOf, sqlite_url: str, world: World
) -> None:
    for name in names():
        world.add_user(name)
    games = range(1_000_000, 1_000_900)
    bench = bench_of(watched(games, 1), database=sqlite_url, api=STILL, jobs=NO_LISTS)
    assert watchlist.is_surveyed(bench.settings)
    with bench.harvest() as made:
        next(iter(harvest.round_of(made, Selection(users=["Player0"]))))
    lists = [one.params["i"].split(",") for one in asked(world, SURVEY)]
    assert [int(game) for some in lists for game in some] == list(games)
    assert [len(some) for some in lists] == [300, 300, 300]


# --- what is on record -----------------------------------------------------------------------


def test_a_survey_proves_pairs_unchanged_without_a_request(many: Bench) -> None:
    asked(many.world)
    many.world.advance(hours=1)
    fetch(many, Selection(users=["Player3"]))
    assert counted(many.world) == {SURVEY: 1}
    for game in range(1, GAMES + 1):
        pair = poll(many, "progress", f"game {game}, player Player3")
        assert pair["last_ok_at"] == NOW + HOUR
        (proof,) = rows(many, schema.fetches, id=pair["last_fetch_id"])
        assert (proof["outcome"], proof["requests"], proof["last_at"]) == (
            "unchanged",
            0,
            NOW + HOUR,
        )


def test_a_look_at_a_game_is_on_record_for_its_pair_and_the_other_way_round(many: Bench) -> None:
    many.world.advance(hours=1)
    fetch(many, Selection(jobs=["progress"], games=[1]))
    (seen,) = [one.params["u"] for one in asked(many.world, LOOK) if one.at > NOW]
    (name,) = [one.name for one in many.world.people if one.ulid == seen]
    assert poll(many, "progress", f"game 1, player {name}")["listed_at"] == NOW + HOUR
    many.world.advance(minutes=30)
    fetch(many, Selection(jobs=["progress"], users=["Player5"]), is_forced=True)
    assert poll(many, "progress", "game 1")["last_ok_at"] == many.world.now
    spared = rows(many, schema.fetches, poll_id=poll(many, "progress", "game 1")["id"])
    assert (spared[-1]["requests"], spared[-1]["outcome"]) in {(0, "unchanged"), (1, "unchanged")}


def test_a_pair_that_failed_is_not_called_unchanged_and_rests(
    many: Bench, players: list[str]
) -> None:
    many.world.advance(hours=1)
    many.world.unlock(players[0], 11)
    many.world.fail("502-html", only=LOOK)
    fetch(many, Selection(users=["Player0"]))
    pair = poll(many, "progress", "game 1, player Player0")
    assert (pair["failures"], pair["last_ok_at"]) == (1, NOW)
    fetch(many, Selection(users=["Player0"]), is_all=True)
    assert shown(many) == truth(many.world, players)


# --- people who cannot be asked about --------------------------------------------------------


@pytest.mark.no_cover  # the same at length
def test_a_player_who_is_gone_costs_one_request_and_starves_no_game(
    many: Bench, players: list[str]
) -> None:
    many.world.delete_user(players[0])
    many.world.advance(hours=1)
    fetch(many, PROGRESS)
    asked(many.world)
    for _ in range(30):
        many.world.advance(hours=1)
        fetch(many, PROGRESS)
    about = [one.name for one in asked(many.world) if one.params.get("u") == players[0]]
    assert about == [SURVEY] * len(about)
    assert len(about) <= 2
    gone = poll(many, "progress", "game 1, player Player0")
    assert (gone["gone_at"], gone["denied"]) == (NOW + HOUR, "user")
    for game in range(1, GAMES + 1):
        assert poll(many, "progress", f"game {game}")["last_ok_at"] > many.world.now - HOUR


def test_a_game_without_a_player_to_be_seen_by_is_looked_at_all_the_same(
    many: Bench, players: list[str]
) -> None:
    for own in players:
        many.world.delete_user(own)
    for _ in range(3):
        many.world.advance(hours=1)
        fetch(many, PROGRESS)
    asked(many.world)
    many.world.unlock(many.world.add_user("Zoe"), 11)
    many.world.advance(hours=1)
    fetch(many, PROGRESS)
    assert counted(many.world)[LOOK] == GAMES
    (counters,) = current(many, schema.achievement_counters, achievement_id=11)
    assert counters["unlocks"] == 1


def test_a_name_that_nobody_bears_starves_no_game(
    bench_of: BenchOf, sqlite_url: str, world: World, players: list[str]
) -> None:
    world.delete_user(players[0])
    bench = bench_of(watched(), database=sqlite_url, api=STILL, jobs=NO_LISTS)
    fetch(bench, PROGRESS)
    found = shown(bench)
    assert len(found) == GAMES * (PLAYERS - 1)
    assert counted(world)[LOOK] == GAMES * (PLAYERS - 1)


def test_a_game_that_ras_program_fails_on_keeps_its_counters(
    many: Bench, players: list[str]
) -> None:
    many.world.drop_author(11)
    many.world.unlock(players[0], 12)
    for _ in range(3):
        many.world.advance(hours=1)
        fetch(many, PROGRESS)
    (counters,) = current(many, schema.achievement_counters, achievement_id=12)
    assert counters["unlocks"] == 1
    assert poll(many, "progress", "game 1")["failures"] == 0


def test_unofficial_achievements_are_listed_once_for_all_players(
    bench_of: BenchOf, sqlite_url: str, world: World, players: list[str]
) -> None:
    assert players
    world.demote(12)
    text = watched(range(2, GAMES + 1)) + "\n[[watch.game]]\nid = 1\nunofficial = true"
    bench = bench_of(text, database=sqlite_url, api=STILL, jobs=NO_LISTS)
    for _ in range(3):
        fetch(bench, PROGRESS)
        assert [one.params["i"] for one in asked(world, EXTENDED)] == ["1"]
        world.advance(hours=1)


def test_a_renamed_player_is_followed(many: Bench, players: list[str]) -> None:
    many.world.rename(players[0], "Other")
    many.world.advance(hours=1)
    many.world.unlock(players[0], 11)
    fetch(many, PROGRESS)
    assert shown(many) == truth(many.world, players)
    assert user(many, players[0]) == poll(many, "progress", "player Player0")["user_id"]


# --- forty-nine and fifty --------------------------------------------------------------------


def test_below_fifty_pairs_everything_is_asked_as_ever(
    bench_of: BenchOf, sqlite_url: str, world: World, players: list[str]
) -> None:
    world.add_user("Player6")
    bench = bench_of(watched(range(1, 8), 7), database=sqlite_url, api=STILL, jobs=NO_LISTS)
    fetch(bench, PROGRESS)
    assert counted(world) == {IDENTITY: 7, LOOK: 49}
    assert {row["interval_seconds"] for row in rows(bench, schema.polls, job="progress")} == {3600}
    assert len(players) == PLAYERS


def test_from_fifty_pairs_on_players_are_surveyed(
    bench_of: BenchOf, sqlite_url: str, world: World, players: list[str]
) -> None:
    bench = bench_of(watched(range(1, 11), 5), database=sqlite_url, api=STILL, jobs=NO_LISTS)
    fetch(bench, PROGRESS)
    assert counted(world) == {IDENTITY: 5, SURVEY: 5, LOOK: 50}
    assert len(players) == PLAYERS


def test_crossing_the_limit_upwards_asks_nothing_twice_and_loses_nothing(
    bench_of: BenchOf, database_url: str, world: World, players: list[str]
) -> None:
    bench = bench_of(watched(range(1, 9)), database=database_url, api=STILL, jobs=NO_LISTS)
    fetch(bench, PROGRESS)
    asked(world)
    world.advance(minutes=10)
    world.unlock(players[1], 31)
    watch(bench, watched())
    fetch(bench, PROGRESS)
    assert counted(world) == {SURVEY: PLAYERS, LOOK: 2 * PLAYERS + 1}
    assert shown(bench) == truth(world, players)
    world.advance(minutes=50)
    fetch(bench, PROGRESS)
    assert counted(world)[LOOK] <= GAMES


def test_crossing_the_limit_downwards_asks_nothing_twice_and_loses_nothing(
    many: Bench, players: list[str]
) -> None:
    asked(many.world)
    many.world.advance(minutes=10)
    watch(many, watched(range(1, 9)))
    fetch(many, PROGRESS)
    assert counted(many.world) == {}
    many.world.unlock(players[1], 31)
    many.world.advance(minutes=50)
    fetch(many, PROGRESS)
    assert counted(many.world) == {LOOK: 8 * PLAYERS}
    assert {key: row for key, row in truth(many.world, players).items() if key[1] < 9} == {
        key: row for key, row in shown(many).items() if key[1] < 9
    }


def test_a_limit_crossed_back_and_forth_asks_nothing_twice(many: Bench) -> None:
    many.world.advance(minutes=5)
    watch(many, watched(range(1, 9)))
    fetch(many, PROGRESS)
    asked(many.world)
    many.world.advance(minutes=5)
    watch(many, watched())
    fetch(many, PROGRESS)
    assert counted(many.world) == {SURVEY: PLAYERS}


# --- a world that lives ----------------------------------------------------------------------

DEEDS = st.tuples(
    st.sampled_from(["unlock", "casual", "reset", "points", "demote", "promote", "extend"]),
    st.integers(0, PLAYERS - 1),
    st.integers(1, GAMES),
    st.integers(0, 2),
)


def do(world: World, players: list[str], deed: tuple[str, int, int, int]) -> None:
    """Let something happen, where it can."""
    what, who, game, number = deed
    own, ulid = world.achievements[10 * game + number], players[who]
    if what in {"unlock", "casual"}:
        world.unlock(ulid, own.id, is_hardcore=what == "unlock")
    elif what == "reset" and ulid in own.unlocks:
        world.reset(ulid, own.id)
    elif what == "points":
        world.revise(own.id, points=own.points + 5)
    elif what == "demote" and number == 2 and own.is_promoted:
        world.demote(own.id)
    elif what == "promote" and not own.is_promoted:
        world.promote(own.id)
    elif what == "extend":
        world.add_achievement(game, "More")


FOR_ALL = {"points", "demote", "promote", "extend"}  # moves every player's numbers
ROUNDS = st.lists(
    st.tuples(st.integers(60, 120), st.lists(DEEDS, max_size=4)), min_size=2, max_size=5
)


@pytest.mark.no_cover  # the same at length
@given(rounds=ROUNDS)
@settings(max_examples=examples(5), deadline=None, derandomize=True)
def test_after_every_round_progress_is_what_a_survey_can_show(
    tmp_path_factory: pytest.TempPathFactory, migrated_file: Path, rounds: list[Any]
) -> None:
    folder, world = tmp_path_factory.mktemp("living"), World(now=NOW)
    world.add_console(1, "Genesis/Mega Drive")
    players = peopled(world)
    shutil.copy(migrated_file, folder / "harvester.db")
    with serve(world) as base_url:
        bench = Bench(world, folder / "config.toml", base_url)
        url = f"sqlite:///{folder}/harvester.db"
        bench.configure(watched(), api=STILL, jobs=NO_LISTS, database=url)
        fetch(bench, PROGRESS)
        for minutes, deeds in rounds:
            world.advance(minutes=minutes)
            asked(world)
            for deed in deeds:
                do(world, players, deed)
            fetch(bench, PROGRESS)
            moved = sum(PLAYERS if deed[0] in FOR_ALL else 1 for deed in deeds)
            assert shown(bench) == truth(world, players)
            assert counted(world).get(LOOK, 0) <= GAMES + moved
