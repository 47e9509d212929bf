"""What the jobs remember of tickets, distributions, games and people."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from harvests import HOURLY, STILL, asked, crowd, current, fetch, outcomes, poll, rows, user
from worlds import NOW, Bench

from harvester.endpoints import ticket_list as list_of_tickets
from harvester.sandbox.answers import answer
from harvester.sandbox.records import Asked, State
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

BenchOf = Callable[..., Bench]
DAY = timedelta(days=1)
WATCH = "[watch]\ngames = [1]"
UNOFFICIAL = "[[watch.game]]\nid = 1\nunofficial = true"
TICKETS = Selection(jobs=["game-tickets"])


@pytest.fixture
def game(world: World) -> World:
    """Put game 1 with an official and an unofficial achievement into the world."""
    world.add_game(1, "Sonic", 1)
    world.add_achievement(1, "Deed", id=11)
    world.add_achievement(1, "Draft", id=12, is_promoted=False)
    return world


@pytest.fixture
def ann(game: World) -> str:
    """Sign Ann up."""
    return game.add_user("Ann")


@pytest.fixture
def bench(bench_of: BenchOf, sqlite_url: str, game: World) -> Bench:
    """Watch game 1, in rounds that take no time."""
    return bench_of(WATCH, database=sqlite_url, api=STILL)


def states(bench: Bench) -> dict[int, str]:
    """Tell the present state of each ticket."""
    return {row["ticket_id"]: row["state"] for row in current(bench, schema.ticket_states)}


# --- tickets


def test_a_ticket_is_kept_with_its_people_and_every_state_it_passed(
    bench_of: BenchOf, database_url: str, game: World, ann: str
) -> None:
    jobs = '[jobs.game-tickets]\nrecheck = "1h"\nrecheck_closed = "1h"'
    bench = bench_of(WATCH, jobs=jobs, database=database_url, api=STILL)
    own = game.open_ticket(11, ann, notes="It did not.\nReally.", is_hardcore=None)
    for state in (None, State.RESOLVED, State.OPEN):
        game.advance(hours=1)
        if state is not None:
            game.set_ticket_state(own, state)
        fetch(bench, TICKETS)
    (ticket,) = rows(bench, schema.tickets)
    assert (ticket["report_type"], ticket["is_hardcore"]) == ("did not trigger", None)
    assert (ticket["notes"], ticket["reporter_id"]) == ("It did not.\nReally.", user(bench, ann))
    opened, resolved, reopened = rows(bench, schema.ticket_states)
    assert [row["state"] for row in (opened, resolved, reopened)] == ["open", "resolved", "open"]
    assert resolved["resolved_at"] == NOW + 2 * HOURLY
    assert resolved["resolver_id"] == user(bench, game.owner.ulid)
    assert (reopened["resolved_at"], reopened["resolver_id"]) == (None, None)


def test_counts_tell_the_states_apart_that_ras_own_number_adds_up(
    bench: Bench, game: World, ann: str
) -> None:
    for state in (0, 1, 1, 2, 3, 4):
        game.open_ticket(11, ann, state=state)
    fetch(bench, TICKETS)
    (counts,) = current(bench, schema.game_ticket_counts)
    numbers = {name: counts[name] for name in ("reported", "open", "request", "quarantined")}
    assert numbers == {"reported": 6, "open": 2, "request": 1, "quarantined": 1}


def test_without_detail_only_the_count_is_asked_for(
    bench_of: BenchOf, sqlite_url: str, game: World, ann: str
) -> None:
    jobs = "[jobs.game-tickets]\ndetail = false"
    bench = bench_of(UNOFFICIAL, jobs=jobs, database=sqlite_url, api=STILL)
    game.open_ticket(11, ann)
    fetch(bench, TICKETS)
    assert [one.params for one in asked(game)] == [{"g": "1"}, {"g": "1", "f": "5"}]
    official, draft = reversed(current(bench, schema.game_ticket_counts))
    assert (official["reported"], draft["reported"]) == (1, 0)
    assert (official["open"], draft["open"]) == (None, None)
    assert rows(bench, schema.tickets) == []


def test_tickets_of_unofficial_achievements_are_listed_where_asked(
    bench_of: BenchOf, sqlite_url: str, game: World, ann: str
) -> None:
    official, draft = game.open_ticket(11, ann), game.open_ticket(12, ann)
    bench = bench_of(WATCH, database=sqlite_url, api=STILL)
    fetch(bench, TICKETS)
    assert states(bench) == {official: "open"}
    bench.configure(UNOFFICIAL, api=STILL, database=sqlite_url)
    game.advance(hours=1)
    fetch(bench, TICKETS)
    assert states(bench) == {official: "open", draft: "open"}


def test_a_ticket_that_left_the_list_is_marked_and_may_come_back(
    bench: Bench, game: World, ann: str
) -> None:
    game.add_achievement(1, "Other", id=13)
    kept, gone = game.open_ticket(13, ann), game.open_ticket(11, ann)
    fetch(bench, TICKETS)
    game.demote(11)
    game.advance(hours=1)
    fetch(bench, TICKETS)
    assert states(bench) == {kept: "open"}
    assert rows(bench, schema.tickets, id=gone)[0]["gone_at"] == game.now
    game.promote(11)
    game.advance(hours=1)
    fetch(bench, TICKETS)
    assert states(bench) == {kept: "open", gone: "open"}
    assert rows(bench, schema.tickets, id=gone)[0]["gone_at"] is None


def test_a_ticket_on_an_unofficial_achievement_is_not_missed_where_nobody_asks_for_it(
    bench_of: BenchOf, database_url: str, game: World, ann: str
) -> None:
    bench = bench_of(UNOFFICIAL, database=database_url, api=STILL)
    official, draft = game.open_ticket(11, ann), game.open_ticket(12, ann)
    fetch(bench)
    bench.configure(WATCH, api=STILL, database=database_url)
    game.advance(hours=1)
    fetch(bench)
    assert states(bench) == {official: "open", draft: "open"}
    game.add_achievement(1, "Other", id=13)
    for happen in (game.promote, game.demote):
        happen(12)
        game.advance(hours=1)
        fetch(bench)
    assert states(bench) == {official: "open"}
    game.demote(11)
    game.advance(hours=1)
    fetch(bench)
    assert states(bench) == {}


def test_all_pages_of_tickets_are_read(bench: Bench, game: World, ann: str) -> None:
    for _ in range(250):
        game.open_ticket(11, ann)
    fetch(bench, TICKETS)
    assert len(states(bench)) == 250
    assert [one.params["o"] for one in asked(game)] == ["0", "99", "198"]


def once(world: World, offset: int, happen: Callable[[], object]) -> None:
    """Let something happen before the page of tickets at this offset is answered."""

    def before_answer(one: Asked) -> None:
        if one.params.get("o") == str(offset):
            world.before_answer = None
            happen()

    world.before_answer = before_answer


def test_tickets_that_moved_between_two_pages_are_listed_again(
    bench: Bench, game: World, ann: str
) -> None:
    for _ in range(150):
        game.open_ticket(11, ann)
    once(game, 99, lambda: game.delete_ticket(140))
    fetch(bench, TICKETS)
    assert len(states(bench)) == 149
    assert [one.params["o"] for one in asked(game)] == ["0", "99", "0", "99"]
    assert rows(bench, schema.tickets, id=140)[0:1] == []


def test_tickets_that_never_hold_still_prove_no_absence(
    bench: Bench, game: World, ann: str
) -> None:
    tickets = [game.open_ticket(11, ann) for _ in range(150)]
    fetch(bench, TICKETS)
    game.delete_ticket(tickets[0])

    def before_answer(one: Asked) -> None:
        if one.params.get("o") == "99":
            game.open_ticket(11, ann)

    game.before_answer = before_answer
    game.advance(hours=1)
    fetch(bench, TICKETS)
    assert states(bench)[tickets[0]] == "open"
    (counts,) = current(bench, schema.game_ticket_counts)
    assert counts["reported"] == 152


def ticket_list(game: World, reported: int, tickets: int) -> bytes:
    """Write a page that counts so many tickets and lists the newest few."""
    query = {"y": game.key, "g": "1", "d": "1", "c": str(tickets)}
    told = json.loads(answer(game, "API_GetTicketData", query).body)
    return json.dumps({**told, "OpenTickets": reported}).encode()


@pytest.mark.parametrize("is_known", [False, True])
def test_a_list_that_shows_none_of_the_tickets_it_counts_is_not_believed(
    bench: Bench, game: World, ann: str, *, is_known: bool
) -> None:
    own = game.open_ticket(11, ann)
    if is_known:
        fetch(bench, TICKETS)
        game.advance(hours=6)
    game.fail("wrong-shape", only="API_GetTicketData", body=ticket_list(game, 1, 0))
    assert outcomes(fetch(bench, TICKETS))["game-tickets game 1"] == "invalid"
    assert states(bench) == ({own: "open"} if is_known else {})
    assert len(current(bench, schema.game_ticket_counts)) == is_known


def test_a_list_shorter_than_its_own_count_tells_tickets_but_no_absence(
    bench: Bench, game: World, ann: str
) -> None:
    tickets = [game.open_ticket(11, ann) for _ in range(3)]
    fetch(bench, TICKETS)
    game.set_ticket_state(tickets[2], State.RESOLVED)
    game.advance(hours=6)
    body = ticket_list(game, 4, 2)
    game.fail("wrong-shape", only="API_GetTicketData", body=body, times=3)
    asked(game)
    fetch(bench, TICKETS)
    assert len(asked(game)) == 3
    assert states(bench) == dict(zip(tickets, ("open", "open", "resolved"), strict=True))
    (counts,) = current(bench, schema.game_ticket_counts)
    assert (counts["reported"], counts["open"], counts["resolved"]) == (4, 3, 0)


# --- distribution


def test_distributions_of_both_kinds_and_modes_are_kept(
    bench_of: BenchOf, database_url: str, game: World, ann: str
) -> None:
    bench = bench_of(UNOFFICIAL, database=database_url, api=STILL)
    game.unlock(ann, 11)
    game.unlock(ann, 12, is_hardcore=False)
    fetch(bench)
    found = {
        (row["is_promoted"], row["is_hardcore"], row["unlocked"]): row["players"]
        for row in current(bench, schema.distribution)
    }
    assert found == {
        (True, True, 1): 1,
        (True, False, 1): 0,
        (False, True, 1): 0,
        (False, False, 1): 1,
    }


def test_buckets_of_a_set_that_shrank_are_closed(bench: Bench, game: World) -> None:
    game.promote(12)
    fetch(bench)
    game.demote(12)
    game.advance(days=1)
    fetch(bench)
    assert {row["unlocked"] for row in current(bench, schema.distribution)} == {1}


def test_an_empty_distribution_of_a_known_set_is_not_believed(bench: Bench, game: World) -> None:
    fetch(bench)
    before = current(bench, schema.distribution)
    game.fail("empty-list", only="API_GetAchievementDistribution")
    assert outcomes(fetch(bench, is_forced=True))["distribution game 1"] == "invalid"
    assert current(bench, schema.distribution) == before


def test_an_empty_distribution_is_believed_when_the_last_draft_is_gone(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of(UNOFFICIAL, database=sqlite_url, api=STILL)
    fetch(bench)
    game.delete_achievement(12)
    for _ in range(2):
        game.advance(days=1)
        told = outcomes(fetch(bench))
    assert told["distribution game 1"] in {"changed", "unchanged"}
    assert {row["is_promoted"] for row in current(bench, schema.distribution)} == {True}


# --- games and achievements


def test_a_demoted_achievement_keeps_its_history_and_a_deleted_one_is_marked(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    game.add_achievement(1, "Third", id=13)
    bench = bench_of(UNOFFICIAL, database=sqlite_url, api=STILL)
    fetch(bench)
    game.demote(11)
    game.delete_achievement(12)
    game.advance(hours=1)
    fetch(bench)
    found = {row["id"]: row for row in rows(bench, schema.achievements)}
    assert (found[11]["is_promoted"], found[11]["gone_at"]) == (False, None)
    assert found[12]["gone_at"] == game.now
    assert len(rows(bench, schema.achievement_versions, achievement_id=11)) == 2


def test_an_achievement_that_moves_takes_its_list_along(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    game.add_game(2, "Tails", 1)
    for number in (13, 21):
        game.add_achievement(number // 10, f"Deed {number}", id=number)
    bench = bench_of("[watch]\ngames = [1, 2]", database=sqlite_url, api=STILL)
    fetch(bench)
    game.move(11, 2)
    for _ in range(2):
        game.advance(hours=2)
        fetch(bench, is_all=True)
    found = poll(bench, "unlocks", "achievement 11")
    assert (found["game_id"], found["watched_to"]) == (2, None)
    (version,) = current(bench, schema.achievement_versions, achievement_id=11)
    assert (version["game_id"], version["is_promoted"]) == (2, True)


# --- people


def test_a_developer_is_followed_through_a_rename_by_ulid(
    bench_of: BenchOf, database_url: str, world: World
) -> None:
    ann = world.add_user("Ann")
    bench = bench_of('[watch]\ndevelopers = ["Ann"]', database=database_url, api=STILL)
    fetch(bench)
    world.rename(ann, "Anna")
    world.advance(hours=1)
    fetch(bench)
    assert [one.params["u"] for one in asked(world)] == ["Ann", ann]
    (known,) = rows(bench, schema.users)
    assert (known["ulid"], known["name"]) == (ann, "Anna")
    names = [(row["name"], row["valid_to"]) for row in rows(bench, schema.user_names)]
    assert names == [("Ann", world.now), ("Anna", None)]
    (counts,) = rows(bench, schema.developer_ticket_counts)
    assert counts["valid_to"] is None


def test_an_answer_about_another_name_without_a_ulid_is_not_believed(
    bench_of: BenchOf, sqlite_url: str, world: World
) -> None:
    world.add_user("Ann")
    bench = bench_of('[watch]\ndevelopers = ["ann"]', database=sqlite_url, api=STILL)
    counts = {"Open": 1, "Closed": 0, "Resolved": 0, "Total": 1, "URL": ""}
    body = json.dumps({"User": "Bob", "ULID": None, **counts}).encode()
    world.fail("wrong-shape", only="API_GetTicketData", body=body)
    assert set(outcomes(fetch(bench)).values()) == {"invalid"}
    assert rows(bench, schema.developer_ticket_counts) == []
    world.advance(hours=1)
    assert set(outcomes(fetch(bench)).values()) == {"changed"}


def test_a_look_that_only_brought_a_new_name_is_changed(
    bench_of: BenchOf, sqlite_url: str, world: World
) -> None:
    ann = world.add_user("Ann")
    bench = bench_of('[watch]\ndevelopers = ["Ann"]', database=sqlite_url, api=STILL)
    fetch(bench)
    world.advance(hours=1)
    fetch(bench)
    world.rename(ann, "Anna")
    world.advance(hours=1)
    assert outcomes(fetch(bench)) == {"developer-tickets developer Ann": "changed"}
    (name,) = current(bench, schema.user_names)
    (look,) = rows(bench, schema.fetches, id=name["fetch_id"])
    assert (look["outcome"], look["first_at"]) == ("changed", world.now)


def test_a_players_ulid_is_learnt_before_his_progress_is_asked_for(
    bench_of: BenchOf, sqlite_url: str, game: World, ann: str
) -> None:
    bench = bench_of(f'{WATCH}\nusers = ["ann"]', database=sqlite_url, api=STILL)
    fetch(bench, Selection(jobs=["progress"]))
    assert [one.params["u"] for one in asked(game)] == ["ann", ann]
    assert current(bench, schema.developer_ticket_counts) == []
    assert poll(bench, "progress", "game 1, player ann")["user_id"] == user(bench, ann)


def test_a_name_taken_over_by_somebody_else_is_not_followed(
    bench_of: BenchOf, sqlite_url: str, game: World, ann: str
) -> None:
    game.rename(ann, "Old")
    bob = game.add_user("Bob")
    for ulid in (ann, bob):
        game.unlock(ulid, 11)
    bench = bench_of(WATCH, database=sqlite_url, api=STILL)
    fetch(bench)  # the list tells who Old is, before anybody asks for him by name
    bench.configure(f'{WATCH}\nusers = ["Old"]', api=STILL, database=sqlite_url)
    game.advance(hours=1)
    fetch(bench)
    game.rename(ann, "New")
    game.rename(bob, "Old")
    game.advance(days=8)
    fetch(bench, is_forced=True)
    asked(game)
    game.advance(hours=1)
    fetch(bench, Selection(jobs=["progress"]), is_forced=True)
    assert [one.params["u"] for one in asked(game)] == [ann]


def test_a_watched_player_who_is_also_an_author_keeps_his_new_name(
    bench_of: BenchOf, sqlite_url: str, game: World, ann: str
) -> None:
    game.revise(11, author=ann)
    bench = bench_of(f'{WATCH}\nusers = ["Ann"]', database=sqlite_url, api=STILL)
    fetch(bench)
    game.rename(ann, "Zoe")
    progress = Selection(jobs=["progress"])
    for _ in range(3):
        game.advance(hours=1)
        fetch(bench, progress)
    names = rows(bench, schema.user_names, user_id=user(bench, ann))
    assert [row["name"] for row in names] == ["Ann", "Zoe"]
    game.rename(ann, "Abe")
    for _ in range(3):
        game.advance(hours=1)
        fetch(bench, progress)
    names = rows(bench, schema.user_names, user_id=user(bench, ann))
    assert [row["name"] for row in names] == ["Ann", "Zoe", "Abe"]


def test_somebody_known_by_name_alone_becomes_one_with_his_ulid(
    bench_of: BenchOf, database_url: str, game: World, ann: str
) -> None:
    bench = bench_of(WATCH, database=database_url, api=STILL)
    others = crowd(game, 2)
    for ulid in (ann, *others):
        game.unlock(ulid, 11)
    game.hide_ulid(ann)
    fetch(bench)
    stand_in = user(bench, "Ann")
    game.hide_ulid(ann, is_hidden=False)
    game.advance(days=8)
    fetch(bench)
    (known,) = rows(bench, schema.users, name="Ann")
    assert (known["id"], known["ulid"]) == (stand_in, ann)
    assert len(rows(bench, schema.unlocks)) == 3


def test_somebody_known_by_name_alone_is_merged_when_a_known_ulid_takes_the_name(
    bench_of: BenchOf, database_url: str, game: World, ann: str
) -> None:
    bench = bench_of(WATCH, database=database_url, api=STILL)
    game.unlock(ann, 11)
    fetch(bench)
    game.hide_ulid(ann)
    game.rename(ann, "Anna")  # to us a stranger, as long as the ULID is not told
    game.advance(days=8)
    fetch(bench)
    assert len(rows(bench, schema.users, name="Anna")) == 1
    game.hide_ulid(ann, is_hidden=False)
    game.advance(days=8)
    fetch(bench)
    (known,) = rows(bench, schema.users, name="Anna")
    assert known["ulid"] == ann
    (held,) = current(bench, schema.unlocks)
    assert held["user_id"] == known["id"]


def test_a_list_of_tickets_that_does_not_end_is_invalid(
    bench_of: BenchOf, sqlite_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_of_tickets, "MOST_TICKETS", 300)
    world.add_game(1, "Sonic", 1)
    achievement = world.add_achievement(1)
    reporter = world.add_user("Bob")
    for _ in range(400):
        world.open_ticket(achievement, reporter)
    bench = bench_of("[watch]\ngames = [1]", database=sqlite_url, api=STILL)
    told = outcomes(fetch(bench, Selection(jobs=["game-tickets"])))
    assert told == {"game-tickets game 1": "invalid"}
