"""The forecast against what then happens: a week of a world that stands still."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from harvests import STILL, crowd
from worlds import NOW, Bench

from harvester import bill, harvest
from harvester.bill import Bill
from harvester.harvest import Harvest
from harvester.sandbox.populate import populate
from harvester.sandbox.world import World
from harvester.store import outlook, polls
from harvester.store.polls import Selection

pytestmark = pytest.mark.no_cover  # what it simulates at length is measured elsewhere
WEEK = timedelta(days=7)
NEARLY = 0.05
MANY = 1100  # unlocks of one achievement: three pages
JOBS = """
[jobs.game-tickets]
every = "2h"
recheck_closed = "2d"
[jobs.developer-tickets]
every = "6h"
[jobs.distribution]
every = "1d"
at_most = "1d"
[jobs.progress]
every = "3h"
"""


def populated(world: World) -> str:
    """Fill the world with two games and a list of three pages; return the watchlist."""
    populate(world, seed=5, games=2, achievements=4, users=20, tickets=230, days=200)
    for number, ulid in enumerate(crowd(world, MANY)):
        world.unlock(ulid, min(world.achievements), at=NOW - timedelta(days=30, minutes=number))
    one, other = (user.name for user in list(world.people)[8:10])
    return f"""
[watch]
games = [1]
users = ["{one}", "{other}"]
developers = ["{one}"]
[[watch.game]]
id = 2
unofficial = true
every = {{ progress = "30 */4 * * *" }}
"""


def drawn(bench: Bench, made: Harvest) -> Bill:
    """Draw up the bill as `plan` does."""
    with made.engine.connect() as conn:
        known = outlook.read(conn, at=bench.world.now)
    return bill.draw_up(bench.settings, known, at=bench.world.now)


def time_passes(bench: Bench, made: Harvest, during: timedelta) -> Counter[str]:
    """Ask what is due whenever it is; count the requests by job."""
    until, asked = bench.world.now + during, Counter[str]()
    while (due_at := next_due(made)) <= until:
        bench.world.advance(seconds=max(int((due_at - bench.world.now).total_seconds()), 0))
        for told in harvest.round_of(made, Selection()):
            asked[told.poll.job] += told.attempt.requests if told.attempt else 0
    bench.world.advance(seconds=max(int((until - bench.world.now).total_seconds()), 0))
    return asked


def next_due(made: Harvest) -> datetime:
    with made.engine.connect() as conn:
        return min(poll.due_at for poll in polls.chosen(conn, Selection()))


def test_a_week_of_a_world_that_stands_still_costs_what_was_forecast(
    bench_of: Callable[..., Bench], world: World, sqlite_url: str
) -> None:
    bench = bench_of(populated(world), jobs=JOBS, api=STILL, database=sqlite_url)
    with bench.harvest() as made:
        list(harvest.round_of(made, Selection()))
        forecast = bill.by_job(drawn(bench, made).lines)
        asked = time_passes(bench, made, WEEK)
    assert asked == {job: pytest.approx(7 * of_day, rel=NEARLY) for job, of_day in forecast.items()}


def days_pass(bench: Bench, made: Harvest, days: int) -> Counter[str]:
    """Let somebody unlock the same achievement every day; count the requests by job."""
    asked = Counter[str]()
    for _ in range(days):
        newcomer = bench.world.add_user(f"N{bench.world.now:%y%m%d}")
        bench.world.unlock(newcomer, min(bench.world.achievements), at=bench.world.now)
        asked += time_passes(bench, made, timedelta(days=1))
    return asked


def test_what_moves_as_it_did_last_week_costs_what_was_forecast(
    bench_of: Callable[..., Bench], world: World, sqlite_url: str
) -> None:
    jobs = '[jobs.progress]\nevery = "12h"\n[jobs.game-tickets]\nevery = "1d"\n'
    bench = bench_of(populated(world), jobs=jobs, api=STILL, database=sqlite_url)
    with bench.harvest() as made:
        list(harvest.round_of(made, Selection()))
        days_pass(bench, made, 7)
        told = drawn(bench, made)
        asked = days_pass(bench, made, 7)
    assert told.needed["moved"] == pytest.approx(1, rel=NEARLY)
    forecast = 7 * bill.by_job(told.lines)["unlocks"]
    assert asked["unlocks"] == pytest.approx(forecast, rel=NEARLY)


CASES = {  # games, players, tickets of a game, jobs
    "defaults": (2, 2, 30, {"game-tickets": "4h", "progress": "3h"}),
    "long lists of tickets": (2, 2, 230, {"game-tickets": "3h", "progress": "6h"}),
    "many players": (5, 10, 3, {"game-tickets": "1d", "progress": "6h"}),
    "many games": (12, 2, 3, {"game-tickets": "1d", "progress": "6h"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_quiet_week_costs_what_was_forecast_whatever_is_watched(
    bench_of: Callable[..., Bench], world: World, sqlite_url: str, case: str
) -> None:
    games, players, tickets, every = CASES[case]
    populate(world, seed=5, games=games, achievements=2, users=20, tickets=tickets, days=200)
    names = [user.name for user in list(world.people)[5 : 5 + players]]
    watch = f"[watch]\ngames = {list(range(1, games))}\nusers = {json.dumps(names)}\n"
    own = f"[[watch.game]]\nid = {games}\nunofficial = true\n"
    jobs = "".join(f'[jobs.{job}]\nevery = "{often}"\n' for job, often in every.items())
    bench = bench_of(f"{watch}{own}", jobs=jobs, api=STILL, database=sqlite_url)
    with bench.harvest() as made:
        list(harvest.round_of(made, Selection()))
        forecast = bill.by_job(drawn(bench, made).lines)
        asked = time_passes(bench, made, WEEK)
    assert asked == {job: pytest.approx(7 * of_day, rel=NEARLY) for job, of_day in forecast.items()}
