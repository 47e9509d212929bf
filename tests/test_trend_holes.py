"""What trends say where nobody looked: nothing, and that it is so."""

from datetime import timedelta
from typing import Any

from looks import (
    ALWAYS,
    HOUR,
    ONCE,
    RING,
    SONIC,
    SPELUNKER,
    ask,
    at,
    columns,
    looked,
    polls,
    prove,
    tell,
)
from sqlalchemy import Connection, insert

from harvester.store import notes, schema, series, trends

MAX = 7
DAILY = 24
HOURLY = series.parse_every("1h")


def players(conn: Connection, days: float, count: int, game: int = SONIC) -> None:
    tell(conn, schema.game_counters, days, {"game_id": game, "players": count})


Told = list[tuple[object, ...]]


def told(conn: Connection, name: str = "players", value: str = "players", **options: Any) -> Told:  # noqa: ANN401
    return columns(ask(conn, name, **{"games": [SONIC], **options}), value, "is_observed")


def test_a_period_at_whose_end_nobody_had_looked_is_empty_and_marked(sonic: Connection) -> None:
    players(sonic, 0.5, 10)
    looked(sonic, "progress", (0.5, 1.2), (2.5, 3.5), game=SONIC)

    assert told(sonic) == [(10, True), (None, False), (10, True)]


def test_nothing_is_known_before_the_first_look(sonic: Connection) -> None:
    players(sonic, 1.5, 10)
    looked(sonic, "progress", (1.5, 3), game=SONIC)

    assert told(sonic) == [(None, False), (10, True), (10, True)]


def test_a_look_is_good_for_one_and_a_half_intervals_and_no_second_longer(
    sonic: Connection,
) -> None:
    players(sonic, 0, 10)
    looked(sonic, "progress", (0, 0), game=SONIC)

    for seconds, value in ((5400, 10), (5401, None)):
        until = at(0) + timedelta(seconds=seconds)
        assert columns(ask(sonic, "players", games=[SONIC], until=until), "players")[-1] == (value,)


def test_what_was_seen_in_a_period_before_a_hole_does_not_stand_for_its_end(
    sonic: Connection,
) -> None:
    players(sonic, 0.5, 10)
    players(sonic, 1.1, 12)
    looked(sonic, "progress", (0.5, 1.2), game=SONIC)

    (_, row, _) = ask(sonic, "players", games=[SONIC], is_range=True)

    assert (row["players"], row["players_min"], row["players_max"]) == (None, 10, 12)


def test_a_hole_is_measured_by_the_interval_that_was_in_force(sonic: Connection) -> None:
    players(sonic, 0, 10)
    looked(sonic, "progress", (0, 0), game=SONIC, hours=1)
    looked(sonic, "progress", (1, 1), game=SONIC, hours=24)  # it had stretched meanwhile
    looked(sonic, "progress", (1 + HOUR, 3), game=SONIC, hours=1)

    assert told(sonic, every=HOURLY, until=at(1)) == [(10, True)] * 24


def test_a_long_interval_promises_nothing_beyond_the_next_look(sonic: Connection) -> None:
    players(sonic, 0, 10)
    looked(sonic, "progress", (0, 0), game=SONIC)
    looked(sonic, "progress", (0.5, 0.5), game=SONIC, hours=24)
    looked(sonic, "progress", (1, 1), game=SONIC, hours=1)  # it had shrunk meanwhile

    seen = [(10, True)] * 12 + [(None, False)] * 11 + [(10, True)]
    assert told(sonic, every=HOURLY, until=at(1)) == seen


def test_only_what_succeeded_was_a_look(sonic: Connection) -> None:
    players(sonic, 0, 10)
    looked(sonic, "progress", (0, 0), game=SONIC)
    for outcome in ("unavailable", "invalid", "not_found", "refused"):
        looked(sonic, "progress", (0.1, 3), game=SONIC, outcome=outcome)

    assert told(sonic) == [(None, False)] * 3


def test_a_game_is_seen_through_the_eyes_of_every_player(sonic: Connection) -> None:
    players(sonic, 0, 10)
    looked(sonic, "progress", (0, 1), game=SONIC, name="Ann")
    looked(sonic, "progress", (1 + HOUR, 2), game=SONIC, name="Bob")

    assert told(sonic) == [(10, True), (10, True), (None, False)]


def test_the_past_of_a_poll_that_is_no_longer_watched_is_still_known(sonic: Connection) -> None:
    players(sonic, 0, 10)
    own = looked(sonic, "progress", (0, 2), game=SONIC)
    sonic.execute(polls.update().where(polls.c.id == own).values(watched_to=at(2)))

    assert told(sonic) == [(10, True), (10, True), (None, False)]


def survey(conn: Connection, *spans: tuple[float, float]) -> None:
    """Have Max surveyed since the first day, hourly, and read in full once a day."""
    conn.execute(insert(schema.users).values(id=MAX, name="Max", first_seen_at=at(0)))
    conn.execute(insert(schema.user_names).values(user_id=MAX, name="Max", valid_from=at(0)))
    looked(conn, "progress", *spans, name="Max")
    looked(conn, "progress", (0, 3), game=SONIC, user=MAX, name="Max", hours=DAILY)


def test_a_surveyed_pair_is_known_only_as_long_as_its_survey_looks(sonic: Connection) -> None:
    survey(sonic, (0, 1.2), (2.9, 3))
    within = {"user_id": MAX, "game_id": SONIC}
    tell(sonic, schema.progress, 0, {"awarded": 1}, within=within)

    assert told(sonic, "progress", "awarded", users=["Max"]) == [
        (1, True),
        (None, False),
        (1, True),
    ]


def test_a_survey_tells_nothing_of_the_counters_of_games(sonic: Connection) -> None:
    survey(sonic, (0, 3))
    players(sonic, 0, 10)

    assert told(sonic) == [(None, False)] * 3
    looked(sonic, "progress", (0, 1), game=SONIC)
    assert told(sonic) == [(10, True), (None, False), (None, False)]


def watched(conn: Connection, since: float, until: float | None) -> None:
    """Have Max surveyed for that time."""
    ends = {"watched_from": at(since), "watched_to": None if until is None else at(until)}
    conn.execute(polls.update().where(polls.c.target == "player Max").values(**ends))


def test_a_survey_that_has_ended_told_nothing_of_the_counters_of_games(sonic: Connection) -> None:
    survey(sonic, (0, 1.5))
    watched(sonic, -1, 1.5)
    players(sonic, 0, 10)

    assert told(sonic) == [(None, False), (10, True), (10, True)]


def test_what_was_seen_last_is_good_until_the_first_survey_is_late(sonic: Connection) -> None:
    looked(sonic, "progress", (0, 3), game=SONIC, name="Max")
    looked(sonic, "progress", (2, 3), name="Max")
    watched(sonic, 1 + HOUR / 2, None)
    players(sonic, 0, 10)

    assert told(sonic, every=HOURLY, until=at(1 + 2 * HOUR))[-3:] == [(10, True)] * 3
    hours = told(sonic, every=HOURLY, until=at(1.25))[-7:]
    assert hours == [(10, True)] + [(None, False)] * 6


def test_a_hole_begins_at_the_last_look_as_soon_as_the_next_is_late(sonic: Connection) -> None:
    players(sonic, 0, 10)
    looked(sonic, "progress", (0, 1), (2, 3), game=SONIC)

    around = told(sonic, every=HOURLY, until=at(2))[-25:]
    assert around == [(10, True)] + [(None, False)] * 23 + [(10, True)]
    asked: Any = {"every": HOURLY, "until": at(3 + HOUR)}
    assert told(sonic, **asked)[-1] == (10, True)
    assert told(sonic, **asked, now=at(4))[-2:] == [(10, True), (None, False)]


def test_looks_that_ended_in_the_same_second_are_known_from_the_first_of_them(
    sonic: Connection,
) -> None:
    players(sonic, 0, 10)
    own = looked(sonic, "progress", game=SONIC)
    row = {"poll_id": own, "job": "progress", "last_at": at(2), **ONCE}
    prove(sonic, id=5, first_at=at(0), outcome="unchanged", **row)
    prove(sonic, id=3, first_at=at(2), outcome="changed", **row)

    assert told(sonic) == [(10, True), (10, True), (None, False)]


def test_an_answer_without_the_player_tells_of_the_game_alone(sonic: Connection) -> None:
    sonic.execute(insert(schema.users).values(id=MAX, name="Max", first_seen_at=at(0)))
    sonic.execute(insert(schema.user_names).values(user_id=MAX, name="Max", valid_from=at(0)))
    players(sonic, 0, 10)
    tell(sonic, schema.progress, 0, {"awarded": 1}, within={"user_id": MAX, "game_id": SONIC})
    looked(sonic, "progress", ALWAYS, game=SONIC, user=MAX, error="RA's program fails")

    assert told(sonic) == [(10, True)] * 3
    assert told(sonic, "progress", "awarded", users=["Max"]) == [(None, False)] * 3


def test_changes_are_divided_by_the_time_that_passed_and_never_doubled(sonic: Connection) -> None:
    for day, count in ((0.5, 10), (1.9, 30), (3.5, 34)):
        players(sonic, day, count)
    looked(sonic, "progress", (0.5, 1.1), (2.9, 9), game=SONIC)

    rows = ask(sonic, "players", games=[SONIC], until=at(4), is_delta=True)

    assert columns(rows, "players", "players_change", "players_per_day") == [
        (10, None, None),
        (None, None, None),
        (30, 20, 10),
        (34, 4, 4),
    ]


def test_the_first_point_of_a_series_is_no_jump_from_zero(sonic: Connection) -> None:
    players(sonic, 1.5, 10)
    looked(sonic, "progress", (1.5, 3), game=SONIC)

    rows = ask(sonic, "players", games=[SONIC], is_delta=True)

    assert columns(rows, "players_change") == [(None,), (None,), (0,)]


def test_rarity_is_measured_while_an_achievement_is_in_the_set(sonic: Connection) -> None:
    players(sonic, 0, 10)
    looked(sonic, "progress", ALWAYS, game=SONIC)
    counted = {"achievement_id": RING, "unlocks": 5, "unlocks_hardcore": 1}
    tell(sonic, schema.achievement_counters, 0, counted)
    for day, is_promoted in ((1.5, False), (2.5, True)):
        version = {"achievement_id": RING, "game_id": SONIC, "is_promoted": is_promoted}
        tell(sonic, schema.achievement_versions, day, version)

    told = columns(ask(sonic, "rarity", achievements=[RING]), "rarity", "is_observed")

    assert told == [(0.5, True), (None, True), (0.5, True)]


def test_what_is_not_in_the_set_yet_has_no_rarity_and_was_looked_for(sonic: Connection) -> None:
    looked(sonic, "progress", (0, 1), (2, 5), game=SONIC)
    players(sonic, 0, 10)
    late = {"achievement_id": 13, "game_id": SONIC, "title": "Late", "is_promoted": True}
    tell(sonic, schema.achievement_versions, 2.5, late)
    tell(sonic, schema.achievement_counters, 2.5, {"achievement_id": 13, "unlocks": 5})
    own = schema.achievements
    sonic.execute(own.update().where(own.c.id == 13).values(gone_at=at(3.5)))

    told = columns(ask(sonic, "rarity", achievements=[13], until=at(4)), "rarity", "is_observed")

    assert told == [(None, True), (None, True), (0.5, True), (None, True)]


def test_an_answer_says_which_achievements_no_set_had(sonic: Connection) -> None:
    looked(sonic, "progress", ALWAYS, game=SONIC)
    version = {"achievement_id": RING, "game_id": SONIC, "is_promoted": False}
    tell(sonic, schema.achievement_versions, 0.1, version)
    asked: dict[str, Any] = {"since": at(1), "until": at(3), "every": HOURLY}

    told = trends.answer(sonic, "rarity", games=[SONIC], **asked)

    words = "no rarity, as no set had them in that time"
    assert told.missing == f"{words}: achievements {RING}"


def test_what_came_after_the_range_was_looked_for_in_it_all_the_same(sonic: Connection) -> None:
    looked(sonic, "progress", (0, 9), game=SONIC)
    players(sonic, 0, 10)
    late = {"achievement_id": 13, "game_id": SONIC, "title": "Late", "is_promoted": True}
    tell(sonic, schema.achievement_versions, 5, late)
    asked: dict[str, Any] = {"achievements": [13], "since": at(1), "every": HOURLY, "now": at(9)}

    for until in (at(4), at(6)):
        told = trends.answer(sonic, "rarity", until=until, **asked)
        assert [row["is_observed"] for row in told.rows[:72]] == [True] * 72
    before = trends.answer(sonic, "rarity", until=at(4), **asked)
    assert before.missing == "no rarity, as no set had them in that time: achievements 13"


def test_a_game_without_players_has_its_set_all_the_same(sonic: Connection) -> None:
    looked(sonic, "progress", ALWAYS, game=SONIC)
    players(sonic, 0, 0)
    asked: dict[str, Any] = {"games": [SONIC], "until": at(4), "every": series.parse_every("1d")}

    for since in (at(1), at(3)):
        assert trends.answer(sonic, "rarity", since=since, **asked).missing is None


def test_counters_of_an_unofficial_achievement_are_known_where_it_is_asked_about(
    sonic: Connection,
) -> None:
    looked(sonic, "progress", ALWAYS, game=SONIC)
    counted = {"achievement_id": RING, "unlocks": 5, "unlocks_hardcore": 1}
    tell(sonic, schema.achievement_counters, 0, counted)
    version = {"achievement_id": RING, "game_id": SONIC, "is_promoted": False}
    tell(sonic, schema.achievement_versions, 0.5, version)
    unofficial = {"game_id": SONIC, "is_promoted": False}
    tell(sonic, schema.game_ticket_counts, 1.5, {"reported": 0}, within=unofficial)

    told = columns(ask(sonic, "unlocks", achievements=[RING]), "unlocks", "is_observed")

    assert told == [(None, False), (5, True), (5, True)]


def test_an_achievement_that_is_gone_is_looked_at_no_more(sonic: Connection) -> None:
    looked(sonic, "progress", ALWAYS, game=SONIC)
    tell(sonic, schema.achievement_counters, 0, {"achievement_id": RING, "unlocks": 5})
    own = schema.achievements
    sonic.execute(own.update().where(own.c.id == RING).values(gone_at=at(1.5)))

    told = columns(ask(sonic, "unlocks", achievements=[RING]), "unlocks", "is_observed")

    assert told == [(5, True), (None, False), (None, False)]


def test_several_games_are_asked_at_once_each_with_holes_of_its_own(sonic: Connection) -> None:
    tell(sonic, schema.game_versions, 0, {"game_id": SPELUNKER, "title": "Spelunker"})
    for game, count, span in ((SONIC, 10, (0, 1)), (SPELUNKER, 20, (2, 3))):
        players(sonic, 0, count, game)
        looked(sonic, "progress", span, game=game)

    rows = ask(sonic, "players", games=[SONIC, SPELUNKER])

    assert columns(rows, "game_id", "players") == [
        (SONIC, 10),
        (SPELUNKER, None),
        (SONIC, None),
        (SPELUNKER, 20),
        (SONIC, None),
        (SPELUNKER, 20),
    ]


def test_notes_on_what_is_asked_about_come_with_the_answer(sonic: Connection) -> None:
    looked(sonic, "progress", ALWAYS, game=SONIC)
    for days, scope in ((1, "game:1"), (1, "game:2"), (2, "all"), (2, "job:unlocks"), (4, "all")):
        notes.add(sonic, at=at(days), title=scope, scope=scope)
    notes.add(sonic, at=at(2), title="job:progress", scope="job:progress")
    notes.add(sonic, at=at(3), title="Ring", scope=f"achievement:{RING}")
    asked: dict[str, Any] = {"since": at(0), "until": at(3), "every": HOURLY}

    by_game = trends.answer(sonic, "players", games=[SONIC], **asked).notes
    by_achievement = trends.answer(sonic, "unlocks", achievements=[RING], **asked).notes

    assert [one.title for one in by_game] == ["game:1", "all", "job:progress"]
    assert [one.title for one in by_achievement] == ["game:1", "all", "job:progress", "Ring"]


def test_a_set_that_shrinks_shows_in_the_range_of_its_size(sonic: Connection) -> None:
    looked(sonic, "distribution", ALWAYS, game=SONIC)
    within = {"game_id": SONIC, "is_promoted": True, "is_hardcore": True}
    for days, size in ((0, 3), (1.3, 2), (1.6, 3)):
        buckets = ({"unlocked": own, "players": 0} for own in range(1, size + 1))
        tell(sonic, schema.distribution, days, *buckets, within=within, complete=True)

    rows = ask(sonic, "mastery", games=[SONIC], is_range=True)

    names = ("achievements", "achievements_min", "achievements_max")
    assert columns(rows, *names) == [(3, 3, 3), (3, 2, 3), (3, 3, 3)]


def test_where_nobody_looked_an_answer_says_when_somebody_did(sonic: Connection) -> None:
    range_of: dict[str, Any] = {"since": at(0), "until": at(3), "every": HOURLY}

    def missing(name: str = "players", **keys: Any) -> str | None:  # noqa: ANN401
        return trends.answer(sonic, name, **keys, **range_of).missing

    assert missing(games=[SONIC]) == "nobody has looked at that yet; `harvester fetch` does"
    looked(sonic, "progress", (4, 5), game=SONIC)
    span = f"it was looked at from {at(4):%Y-%m-%d %H:%M} to {at(5):%Y-%m-%d %H:%M}"
    assert missing(games=[SONIC]) == f"nobody looked at that then; {span}"
    assert missing("unlocks", achievements=[RING]) == f"nobody looked at that then; {span}"
    looked(sonic, "progress", (1, 2), game=SONIC, name="Ann")
    assert missing(games=[SONIC]) is None


def test_a_set_that_was_not_revised_is_no_set_that_nothing_is_known_of(sonic: Connection) -> None:
    asked: dict[str, Any] = {"games": [SONIC], "since": at(0), "until": at(3), "every": HOURLY}

    assert trends.answer(sonic, "changes", **asked).missing == "no revision was seen in that time"
