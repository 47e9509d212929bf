"""What looking costs, and what fits into pace and budget: arithmetic, by hand."""

from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from harvester import costs, limits
from harvester.limits import Limits
from harvester.settings import ApiSettings, DistributionJob, GameTicketsJob, Settings
from harvester.store.outlook import Tickets

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("rows", "pages"), [(0, 1), (499, 1), (500, 2), (998, 2), (999, 3), (24_000, 49)]
)
def test_a_list_takes_a_page_for_every_499_rows(rows: int, pages: int) -> None:
    assert costs.pages(rows) == pages


@pytest.mark.parametrize(
    ("looks", "every", "times"),
    [
        (24, 6 * HOUR, 4),  # at every sixth look
        (6, 6 * HOUR, 3),  # looks are 4 hours apart: at every second one
        (24, timedelta(minutes=5), 24),  # no oftener than there are looks
        (1, 7 * DAY, 1 / 7),
        (0, DAY, 0),
    ],
)
def test_what_is_due_now_and_then_is_asked_at_the_next_look(
    looks: float, every: timedelta, times: float
) -> None:
    assert costs.at_looks(looks, every) == pytest.approx(times)


def test_tickets_without_a_long_list_cost_a_request_for_each_look() -> None:
    assert costs.game_tickets(GameTicketsJob(), 24, [Tickets(99, 99)]) == 24
    assert costs.game_tickets(GameTicketsJob(), 24, [Tickets(0), Tickets(0)]) == 48


def test_listings_of_tickets_go_down_to_the_oldest_unsettled_one_and_seldom_to_the_end() -> None:
    whole = 24 / 160  # at the first look after 95 % of a week
    partly = 24 / 6 - whole
    asked = costs.game_tickets(GameTicketsJob(), 24, [Tickets(1000, down_to_unsettled=150)])
    assert asked == pytest.approx(24 + partly * 1 + whole * 10)


def test_without_detail_no_ticket_is_listed() -> None:
    assert costs.game_tickets(GameTicketsJob(detail=False), 24, [Tickets(1000, 900)]) == 24


def test_a_distribution_that_stands_still_is_asked_for_at_most_so_long_apart() -> None:
    assert costs.distribution(DistributionJob(), 1, is_unofficial=False) == pytest.approx(2 / 7)
    assert costs.distribution(DistributionJob(), 1, is_unofficial=True) == pytest.approx(2 / 7 + 2)


def test_a_distribution_is_asked_for_before_it_would_be_too_old() -> None:
    every_other_day = costs.distribution(DistributionJob(), 0.5, is_unofficial=False)
    assert every_other_day == pytest.approx(2 / 6)


def test_a_survey_asks_about_as_many_games_as_a_url_has_room_for() -> None:
    assert costs.survey(24, range(1, 10)) == 24
    assert costs.survey(24, range(10_000, 10_376)) == 48  # 375 ids of 8 characters fit


def test_the_first_players_look_asks_for_unofficial_achievements_too() -> None:
    assert costs.progress(24, is_unofficial=True) == 48
    assert costs.progress(24, is_unofficial=False) == 24


def test_where_only_recent_unlocks_are_wanted_a_listing_is_one_page() -> None:
    assert costs.listing(1 / 7, 24_000, is_recent=False) == pytest.approx(7)
    assert costs.listing(1 / 7, 24_000, is_recent=True) == pytest.approx(1 / 7)


# --- what fits -------------------------------------------------------------------------


def test_limits_come_from_the_settings_and_a_budget_of_zero_is_none() -> None:
    assert limits.limits_of(Settings()) == Limits(1.0, 20_000)
    assert limits.limits_of(Settings(api=ApiSettings(daily_budget=0))).daily_budget == inf


def test_the_more_urgent_is_served_first_and_the_rest_gets_what_is_left() -> None:
    needed = {"routine": 600.0, "moved": 300.0, "sweep": 300.0}
    shares = limits.granted(Limits(1, 1000), needed)
    assert shares == {"routine": 600, "moved": 300, "sweep": 100}


def test_what_gets_all_it_needs_is_never_late() -> None:
    assert limits.slip(Limits(1), 100, 100, HOUR) == timedelta(0)


def test_what_gets_half_the_pace_it_needs_comes_half_as_often() -> None:
    assert limits.slip(Limits(1), 2 * 86_400, 86_400, HOUR) == HOUR


def test_what_a_spent_budget_leaves_undone_waits_for_the_next_day() -> None:
    assert limits.slip(Limits(1, 500), 1000, 500, HOUR) == DAY / 2
    assert limits.slip(Limits(1, 500), 1000, 500, 7 * DAY) == 7 * DAY


def test_what_gets_nothing_is_never_done() -> None:
    assert limits.slip(Limits(1, 500), 10, 0, HOUR) is None


@pytest.mark.parametrize(
    ("limit", "requests", "others", "ends_at"),
    [
        (Limits(1), 0, 0, NOON),
        (Limits(1), 3600, 0, NOON + HOUR),
        (Limits(1), 3600, 43_200, NOON + 2 * HOUR),  # half of the pace is taken
        (Limits(1, 1000, 1000), 3600, 0, NOON + 3.5 * DAY + timedelta(seconds=600)),  # all spent
        (Limits(1, 1000, 900), 100, 0, NOON + timedelta(seconds=100)),
        (Limits(1, 1000), 10, 1000, None),  # the routine takes it all
        (Limits(1), 10, 86_400, None),
        (Limits(0.001), 10_000_000, 0, None),  # more than a life
    ],
)
def test_first_listings_end_when_pace_and_budget_beside_the_rest_allow(
    limit: Limits, requests: float, others: float, ends_at: datetime | None
) -> None:
    assert limits.ends_at(limit, NOON, requests, others) == ends_at
