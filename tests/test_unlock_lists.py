"""Reading who unlocked an achievement: when, how completely, and what a list proves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from harvests import HOURLY, STILL, asked, crowd, current, fetch, outcomes, poll, rows, user
from worlds import NOW, Bench

from harvester.endpoints import unlock_paging
from harvester.errors import BudgetSpent
from harvester.sandbox.records import Asked
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

BenchOf = Callable[..., Bench]
DAY = timedelta(days=1)
WATCH = "[watch]\ngames = [1]"
LISTS = Selection(jobs=["unlocks"])
LIST = "unlocks achievement 11"
ASKED = "API_GetAchievementUnlocks"


@pytest.fixture
def game(world: World) -> World:
    """Put game 1 with achievement 11 into the world."""
    world.add_game(1, "Sonic", 1)
    world.add_achievement(1, "Deed", id=11)
    return world


@pytest.fixture
def bench(bench_of: BenchOf, sqlite_url: str, game: World) -> Bench:
    """Watch game 1, in rounds that take no time."""
    return bench_of(WATCH, database=sqlite_url, api=STILL)


def spread(world: World, ulids: list[str], *, tied: int = 1) -> None:
    """Let everybody unlock 11, the first one latest; so many share each second."""
    for place, ulid in enumerate(reversed(ulids)):
        world.unlock(ulid, 11, at=NOW - DAY - timedelta(seconds=(len(ulids) - place) // tied))


def take_back(world: World, ulids: list[str]) -> None:
    """Take 11 from everybody again."""
    for ulid in ulids:
        world.reset(ulid, 11)


def holders(bench: Bench) -> set[str]:
    """Tell who holds achievement 11 now."""
    ulids = {row["id"]: row["ulid"] for row in rows(bench, schema.users)}
    return {ulids[row["user_id"]] for row in current(bench, schema.unlocks, achievement_id=11)}


def lists_asked(world: World) -> list[tuple[int, int]]:
    """Tell offset and size of the pages asked for since the last call."""
    return [(int(one.params["o"]), int(one.params["c"])) for one in asked(world, ASKED)]


# --- when


def test_a_list_is_read_when_its_counters_moved_and_not_before(bench: Bench, game: World) -> None:
    fetch(bench)
    asked(game)
    game.advance(hours=1)
    assert LIST not in outcomes(fetch(bench))
    game.unlock(game.add_user("Ann"), 11)
    game.advance(hours=1)
    assert outcomes(fetch(bench))[LIST] == "changed"
    assert poll(bench, "unlocks", "achievement 11")["token"] == "1/1"


def test_an_unlock_of_an_unranked_player_is_found_by_the_sweep(bench: Bench, game: World) -> None:
    fetch(bench)
    ann = game.add_user("Ann")
    game.unrank(ann)
    game.unlock(ann, 11)
    game.advance(days=1)
    assert LIST not in outcomes(fetch(bench))
    game.advance(days=7)
    assert outcomes(fetch(bench))[LIST] == "changed"


def test_a_list_may_be_read_by_the_clock(bench_of: BenchOf, sqlite_url: str, game: World) -> None:
    jobs = '[jobs.unlocks]\nevery = "1h"'
    bench = bench_of(WATCH, jobs=jobs, database=sqlite_url, api=STILL)
    fetch(bench)
    game.advance(hours=1)
    assert outcomes(fetch(bench))[LIST] == "unchanged"


def test_lists_that_are_off_are_never_read(bench_of: BenchOf, sqlite_url: str, game: World) -> None:
    watch = '[[watch.game]]\nid = 1\nunlocks = "off"'
    bench = bench_of(watch, database=sqlite_url, api=STILL)
    game.unlock(game.add_user("Ann"), 11)
    assert LIST not in outcomes(fetch(bench))
    (counters,) = current(bench, schema.achievement_counters)
    assert (counters["unlocks"], counters["unlocks_hardcore"]) == (1, 1)


def test_recent_lists_begin_with_the_watching(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of(WATCH, jobs='[jobs.unlocks]\nmode = "recent"', database=sqlite_url, api=STILL)
    spread(game, crowd(game, 600))
    fetch(bench)
    assert lists_asked(game) == [(0, 500)]
    assert holders(bench) == set()
    ann = game.add_user("Ann")
    game.advance(hours=1)
    game.unlock(ann, 11)
    fetch(bench)
    assert holders(bench) == {ann}
    game.reset(ann, 11)
    for _ in range(3):
        game.advance(days=8)
        fetch(bench)
    assert holders(bench) == {ann}  # a list read in part proves no absence


def test_a_demoted_achievement_is_still_swept(bench: Bench, game: World) -> None:
    game.add_achievement(1, "Other", id=12)
    fetch(bench)
    game.demote(11)
    ann = game.add_user("Ann")
    game.unlock(ann, 11)
    game.advance(days=8)
    assert outcomes(fetch(bench))[LIST] == "changed"
    assert holders(bench) == {ann}


# --- what


def test_an_upgrade_keeps_the_first_date(bench: Bench, game: World) -> None:
    ann = game.add_user("Ann")
    game.unlock(ann, 11, is_hardcore=False, at=NOW - DAY)
    fetch(bench)
    game.advance(hours=2)
    game.unlock(ann, 11)
    fetch(bench)
    old, new = rows(bench, schema.unlocks)
    assert (old["unlocked_at"], old["hardcore_at"]) == (NOW - DAY, None)
    assert (new["unlocked_at"], new["hardcore_at"]) == (NOW - DAY, NOW + 2 * HOURLY)


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.parametrize("tied", [1, 40, 499])
def test_ties_that_change_places_lose_nobody(bench: Bench, game: World, tied: int) -> None:
    ulids = crowd(game, 1730)
    spread(game, ulids, tied=tied)
    fetch(bench)
    assert holders(bench) == set(ulids)
    pages = lists_asked(game)
    assert len(pages) <= 8 if tied < 499 else len(pages) <= 12


@pytest.mark.parametrize("size", [500, 1200])
def test_a_second_that_fills_whole_pages_is_read_until_everybody_was_seen(
    bench_of: BenchOf, database_url: str, game: World, size: int
) -> None:
    bench = bench_of(WATCH, database=database_url, api=STILL)
    older, tied, newer = crowd(game, 40), crowd(game, size, prefix="Q"), crowd(game, 70, prefix="R")
    for ulids, days in ((older, 3), (tied, 2), (newer, 1)):
        for ulid in ulids:
            game.unlock(ulid, 11, at=NOW - days * DAY)
    fetch(bench)
    missing = {*older, *tied, *newer} - holders(bench)
    assert missing == set()
    assert len(current(bench, schema.unlocks)) == size + 110


def test_a_second_of_which_ra_shows_only_a_part_proves_no_absence(
    bench: Bench, game: World
) -> None:
    tied, ann = crowd(game, 1400), game.add_user("Ann")
    for ulid in tied:
        game.unlock(ulid, 11, at=NOW - DAY)
    game.unlock(ann, 11)
    fetch(bench)
    known = holders(bench)
    assert len(known) < 1401  # the places where the others are shown move with the page
    game.reset(ann, 11)
    for _ in range(3):
        game.advance(days=1)
        fetch(bench, LISTS, is_forced=True)
    assert ann in holders(bench)
    assert rows(bench, schema.unlock_absences) == []


def test_a_list_of_a_whole_page_needs_one_look_beyond_it(bench: Bench, game: World) -> None:
    spread(game, crowd(game, 500))
    fetch(bench)
    assert lists_asked(game) == [(0, 500), (499, 500)]
    assert len(holders(bench)) == 500


# --- a list that moves while it is read


def once(world: World, offset: int, happen: Callable[[], object]) -> None:
    """Let something happen before the first page from this offset on is answered."""

    def before_answer(one: Asked) -> None:
        if one.name == ASKED and int(one.params["o"]) >= offset:
            world.before_answer = None
            happen()

    world.before_answer = before_answer


def test_unlocks_that_arrive_at_the_head_meanwhile_are_read_at_the_end(
    bench: Bench, game: World
) -> None:
    ulids = crowd(game, 1200)
    spread(game, ulids)
    late = crowd(game, 3, prefix="L")
    once(game, 900, lambda: [game.unlock(ulid, 11) for ulid in late])
    fetch(bench)
    assert holders(bench) == {*ulids, *late}
    assert poll(bench, "unlocks", "achievement 11")["token"] == "1203/1203"


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.parametrize("is_interrupted", [False, True])
@pytest.mark.parametrize("is_hardcore", [False, True])
def test_an_unlock_backdated_into_what_was_read_is_found_at_the_head(
    bench: Bench, game: World, *, is_interrupted: bool, is_hardcore: bool
) -> None:
    spread(game, crowd(game, 1700))
    late, when = game.add_user("Late"), NOW - DAY - timedelta(seconds=700)
    if is_interrupted:
        game.fail("502-html", only=ASKED, after=3)
        assert outcomes(fetch(bench))[LIST] == "unavailable"
        game.unlock(late, 11, is_hardcore=is_hardcore, at=when)
        game.advance(hours=1)
    else:
        once(game, 1400, lambda: game.unlock(late, 11, is_hardcore=is_hardcore, at=when))
    fetch(bench)
    assert late in holders(bench)
    assert poll(bench, "unlocks", "achievement 11")["token"] == f"1701/{1700 + is_hardcore}"
    game.advance(hours=1)
    assert LIST not in outcomes(fetch(bench))


def test_a_backdated_upgrade_of_a_row_already_read_is_found_at_the_head(
    bench: Bench, game: World
) -> None:
    spread(game, crowd(game, 1200))
    ann, when = game.add_user("Ann"), NOW - DAY - timedelta(seconds=600)
    game.unlock(ann, 11, is_hardcore=False, at=NOW - DAY)
    once(game, 900, lambda: game.unlock(ann, 11, at=when))
    fetch(bench)
    (held,) = current(bench, schema.unlocks, user_id=user(bench, ann))
    assert held["hardcore_at"] == when
    assert poll(bench, "unlocks", "achievement 11")["token"] == "1201/1201"


def test_what_the_counters_leave_out_has_no_list_read_again(bench: Bench, game: World) -> None:
    spread(game, crowd(game, 1200))
    unranked, late = game.add_user("Hidden"), game.add_user("Late")
    game.unrank(unranked)
    once(game, 900, lambda: [game.unlock(ulid, 11) for ulid in (unranked, late)])
    fetch(bench)
    assert {unranked, late} <= holders(bench)
    game.advance(hours=1)
    assert LIST not in outcomes(fetch(bench))


def test_what_is_taken_back_while_a_list_is_read_has_it_read_completely(
    bench: Bench, game: World
) -> None:
    ulids = crowd(game, 1200)
    spread(game, ulids)
    once(game, 900, lambda: game.reset(ulids[0], 11))
    fetch(bench)
    assert poll(bench, "unlocks", "achievement 11")["token"] == "1199/1199"
    assert ulids[0] in holders(bench)
    for _ in range(2):
        game.advance(hours=2)
        fetch(bench, LISTS, is_forced=True)
    assert ulids[0] not in holders(bench)


def test_an_upgrade_of_a_row_already_read_is_explained_by_the_head(
    bench: Bench, game: World
) -> None:
    spread(game, crowd(game, 1200))
    ann = game.add_user("Ann")
    game.unlock(ann, 11, is_hardcore=False, at=NOW - DAY)
    once(game, 900, lambda: game.unlock(ann, 11))
    fetch(bench)
    assert poll(bench, "unlocks", "achievement 11")["token"] == "1201/1201"


def test_rows_taken_back_meanwhile_hide_no_other_row(bench: Bench, game: World) -> None:
    ulids = crowd(game, 1200)
    spread(game, ulids)
    once(game, 400, lambda: take_back(game, ulids[:150]))
    fetch(bench)
    assert holders(bench) >= set(ulids[150:])


def test_many_rows_taken_back_meanwhile_hide_no_other_row(bench: Bench, game: World) -> None:
    ulids = crowd(game, 1200)
    spread(game, ulids)
    once(game, 400, lambda: take_back(game, ulids[:480]))
    fetch(bench)
    assert holders(bench) >= set(ulids[480:])


def test_a_deep_row_that_jumps_to_the_top_meanwhile_is_not_lost(bench: Bench, game: World) -> None:
    ulids = crowd(game, 1200)
    for place, ulid in enumerate(ulids):
        is_hardcore = place != 1100
        game.unlock(ulid, 11, is_hardcore=is_hardcore, at=NOW - DAY - timedelta(seconds=place))
    once(game, 400, lambda: game.unlock(ulids[1100], 11))
    fetch(bench)
    assert holders(bench) == set(ulids)
    (upgraded,) = current(bench, schema.unlocks, hardcore_at=NOW)
    assert upgraded["unlocked_at"] is None  # the first date was never told


def test_a_rename_in_the_middle_of_a_list_is_followed(bench: Bench, game: World) -> None:
    ulids = crowd(game, 1200)
    spread(game, ulids)
    fetch(bench)
    game.advance(hours=2)
    once(game, 400, lambda: game.rename(ulids[499], "Renamed"))
    fetch(bench, is_forced=True)
    (known,) = rows(bench, schema.users, ulid=ulids[499])
    assert known["name"] == "Renamed"
    assert len(rows(bench, schema.users)) == 1201  # and the author


def test_a_head_where_nothing_is_new_is_read_no_further_than_its_overlap(
    bench: Bench, game: World
) -> None:
    old = [NOW - timedelta(days=20, hours=place) for place in range(60)]
    for at, ulid in zip(old, crowd(game, 60), strict=True):
        game.unlock(ulid, 11, at=at)
    fetch(bench)
    lists_asked(game)
    game.unlock(game.add_user("Copied"), 11, at=NOW - timedelta(days=300))
    game.advance(hours=1)
    assert outcomes(fetch(bench))[LIST] == "unchanged"
    assert lists_asked(game) == [(0, 22)]  # two counters rose, and twenty rows of overlap


# --- what a list proves


def test_a_row_is_closed_by_the_second_list_that_lacks_it(bench: Bench, game: World) -> None:
    ann, bob = game.add_user("Ann"), game.add_user("Bob")
    for ulid in (ann, bob):
        game.unlock(ulid, 11, at=NOW - DAY)
    fetch(bench)
    game.reset(bob, 11)
    game.advance(hours=1)
    fetch(bench)
    assert holders(bench) == {ann, bob}
    game.advance(minutes=59)
    fetch(bench, LISTS, is_forced=True)
    assert holders(bench) == {ann, bob}
    game.advance(minutes=1)
    fetch(bench, LISTS, is_forced=True)
    assert holders(bench) == {ann}
    (ended,) = [row for row in rows(bench, schema.unlocks) if row["valid_to"]]
    assert (ended["valid_from"], ended["valid_to"]) == (NOW, game.now)


def test_short_sweeps_prove_absence_sooner(bench_of: BenchOf, sqlite_url: str, game: World) -> None:
    jobs = '[jobs.unlocks]\nsweep = "10m"'
    bench = bench_of(WATCH, jobs=jobs, database=sqlite_url, api=STILL)
    ann = game.add_user("Ann")
    game.unlock(ann, 11)
    fetch(bench)
    game.reset(ann, 11)
    for expected in ({ann}, set()):
        game.advance(minutes=10)
        fetch(bench)
        assert holders(bench) == expected


def test_a_sweep_that_was_broken_off_proves_nothing_and_starts_over(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    ulids = crowd(game, 1200)
    spread(game, ulids)
    bench = bench_of(WATCH, database=sqlite_url, api=STILL)
    fetch(bench)
    game.reset(ulids[0], 11)
    game.advance(hours=2)
    game.fail("502-html", only=ASKED, after=2)
    assert outcomes(fetch(bench))[LIST] == "unavailable"
    assert rows(bench, schema.unlock_absences) == []
    lists_asked(game)
    for _ in range(2):
        assert ulids[0] in holders(bench)
        game.advance(hours=2)
        fetch(bench, LISTS, is_forced=True)
        assert lists_asked(game) == [(0, 500), (499, 500), (998, 500)]
    assert holders(bench) == set(ulids[1:])


def test_new_unlocks_are_kept_though_a_page_further_down_keeps_failing(
    bench: Bench, game: World
) -> None:
    ulids = crowd(game, 1200)
    spread(game, ulids)
    game.fail("502-html", only=ASKED, after=2)
    fetch(bench)
    known = holders(bench)
    for number, size in enumerate((1, 600, 2)):
        late = crowd(game, size, prefix=f"L{number}")
        for ulid in late:
            game.advance(seconds=1)
            game.unlock(ulid, 11)
        game.advance(days=1)
        game.fail("502-html", only=ASKED, after=1 + size // 499)
        assert outcomes(fetch(bench))[LIST] == "unavailable"
        known |= set(late)
        assert holders(bench) == known
    game.advance(days=1)
    fetch(bench)
    assert holders(bench) == {*known, *ulids}
    assert poll(bench, "unlocks", "achievement 11")["token"] == "1803/1803"


def test_a_first_listing_broken_off_goes_on_behind_what_came_to_its_head(
    bench: Bench, game: World
) -> None:
    ulids = crowd(game, 600)
    spread(game, ulids)
    game.fail("502-html", only=ASKED, after=1)
    assert outcomes(fetch(bench))[LIST] == "unavailable"
    lists_asked(game)
    game.unlock(game.add_user("Late"), 11, at=NOW - DAY - timedelta(seconds=9))
    game.advance(hours=1)
    fetch(bench)
    assert lists_asked(game) == [(0, 500), (499, 500), (500, 500)]  # all of it is recent
    assert len(holders(bench)) == 601
    assert poll(bench, "unlocks", "achievement 11")["token"] == "601/601"


def test_what_was_read_before_the_budget_was_spent_is_kept(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    ulids = crowd(game, 1200)
    spread(game, ulids)
    bench = bench_of(WATCH, database=sqlite_url, api=f"{STILL}\ndaily_budget = 5")
    with pytest.raises(BudgetSpent):
        fetch(bench, is_all=True)
    assert len(holders(bench)) == 500
    game.advance(days=1)
    fetch(bench, LISTS, is_all=True)
    assert holders(bench) == set(ulids)
    assert poll(bench, "unlocks", "achievement 11")["cursor"] is None


def test_rows_name_the_look_that_came_of_a_list_taken_up_again(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    spread(game, crowd(game, 600))
    bench = bench_of(WATCH, database=sqlite_url, api=f"{STILL}\ndaily_budget = 5")
    with pytest.raises(BudgetSpent):
        fetch(bench, is_all=True)
    spent = rows(bench, schema.unlocks)
    game.advance(days=1)
    game.fail("502-html", only=ASKED)
    assert outcomes(fetch(bench, LISTS, is_all=True))[LIST] == "unavailable"
    assert len(rows(bench, schema.unlocks)) == len(spent) == 500
    looks = {row["id"]: row["outcome"] for row in rows(bench, schema.fetches)}
    assert {looks[row["fetch_id"]] for row in rows(bench, schema.unlocks)} == {"unavailable"}


def test_a_players_own_dates_prove_absence_as_lists_do(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    watch = f'{WATCH}\nusers = ["Ann"]'
    jobs = '[jobs.unlocks]\nmode = "off"'
    bench = bench_of(watch, jobs=jobs, database=sqlite_url, api=STILL)
    ann = game.add_user("Ann")
    game.unlock(ann, 11, is_hardcore=False, at=NOW - 2 * DAY)
    game.unlock(ann, 11, at=NOW - DAY)
    fetch(bench)
    (held,) = current(bench, schema.unlocks)
    assert (held["unlocked_at"], held["hardcore_at"]) == (NOW - 2 * DAY, NOW - DAY)
    game.reset(ann, 11)
    for expected in (1, 0):
        game.advance(hours=1)
        fetch(bench)
        assert len(current(bench, schema.unlocks)) == expected


def test_a_look_taken_up_again_is_changed_by_what_it_wrote_before(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    spread(game, crowd(game, 500))
    bench = bench_of(WATCH, database=sqlite_url, api=f"{STILL}\ndaily_budget = 5")
    with pytest.raises(BudgetSpent):
        fetch(bench, is_all=True)
    assert len(rows(bench, schema.unlocks)) == 500
    game.advance(days=1)
    assert outcomes(fetch(bench, LISTS, is_all=True))[LIST] == "changed"
    looks = {row["id"]: row["job"] for row in rows(bench, schema.fetches)}
    assert {looks[row["fetch_id"]] for row in rows(bench, schema.unlocks)} == {"unlocks"}


def test_a_list_that_does_not_end_is_invalid_and_begun_anew_later(
    bench_of: BenchOf, sqlite_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_game(1, "Sonic", 1)
    world.add_achievement(1, id=11)
    for number, ulid in enumerate(crowd(world, 1700)):
        world.unlock(ulid, 11, at=NOW - timedelta(minutes=number))
    bench = bench_of(WATCH, database=sqlite_url, api=STILL)
    with monkeypatch.context() as patch:
        patch.setattr(unlock_paging, "MOST_ROWS", 900)
        assert outcomes(fetch(bench))["unlocks achievement 11"] == "invalid"
    world.advance(days=1)
    assert outcomes(fetch(bench))["unlocks achievement 11"] == "changed"
    assert len(current(bench, schema.unlocks)) == 1700
