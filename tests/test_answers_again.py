"""An answer that is byte for byte the last one: believed without reading, and when it is not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from harvests import AND_ANN, STILL, BenchOf, asked, current, fetch, outcomes, poll, rows, sizes
from worlds import NOW, Bench

from harvester.api import answers, client
from harvester.api.answers import Answer, judge
from harvester.api.payloads import Request
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

HOUR = timedelta(hours=1)
PROGRESS, DISTRIBUTION = Selection(jobs=["progress"]), Selection(jobs=["distribution"])
TICKETS = Selection(jobs=["game-tickets"])
TWO = '[watch]\ngames = [1]\nusers = ["Ann", "Bob"]'
HIS_PROGRESS = "progress game 1, player Ann"


@dataclass
class Reader:
    """Reads answers, and remembers which."""

    read: list[str] = field(default_factory=list)

    def __call__(self, request: Request[object], answer: Answer) -> object:
        """Read as the client does."""
        told = dict(request.params)
        self.read.append(
            " ".join([request.name, *(str(told[name]) for name in "uh" if name in told)])
        )
        return judge(request, answer)

    def taken(self) -> list[str]:
        """Tell which answers were read since the last call."""
        taken, self.read = self.read, []
        return taken


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Watch what is read."""
    with pytest.MonkeyPatch.context() as patch:
        reader = Reader()
        patch.setattr(client, "judge", reader)
        yield reader


@pytest.fixture
def bench(bench_of: BenchOf, sqlite_url: str, ann: str) -> Bench:
    """Watch Ann in game 1; everything was asked twice, so that her ULID is known."""
    bench = bench_of(AND_ANN, database=sqlite_url, api=STILL)
    for _ in range(2):
        fetch(bench, is_all=True)
        bench.world.advance(hours=1)
    return bench


def progress_of(ulid: str) -> str:
    """Name the question how far somebody is."""
    return f"API_GetGameInfoAndUserProgress {ulid}"


def stale(bench: Bench) -> None:
    """Let so much time pass that counters no longer say that a distribution stands still."""
    bench.world.advance(hours=2)


# --- believed


@pytest.mark.parametrize("selection", [PROGRESS, DISTRIBUTION, TICKETS])
def test_an_equal_answer_is_not_read_and_writes_no_history(
    bench: Bench, reader: Reader, selection: Selection
) -> None:
    stale(bench)
    before = sizes(bench)
    asked(bench.world)
    assert set(outcomes(fetch(bench, selection, is_all=True)).values()) == {"unchanged"}
    assert len(asked(bench.world)) == 1 + (selection is DISTRIBUTION)
    assert reader.taken() == []
    assert sizes(bench) == before


def test_equal_answers_extend_one_row_of_evidence(bench: Bench, reader: Reader) -> None:
    evidence = len(rows(bench, schema.fetches))
    for _ in range(3):
        fetch(bench, PROGRESS, is_all=True)
        bench.world.advance(hours=1)
    assert reader.taken() == []
    assert len(rows(bench, schema.fetches, job="game-tickets")) == 1 + 1
    look = rows(bench, schema.fetches, job="progress")[-1]
    span = (NOW + HOUR, NOW + 4 * HOUR)
    assert (look["outcome"], look["first_at"], look["last_at"]) == ("unchanged", *span)
    assert (look["times"], look["requests"]) == (4, look["requests"])
    assert len(rows(bench, schema.fetches)) == evidence
    assert poll(bench, "progress", "game 1, player Ann")["last_ok_at"] == NOW + 4 * HOUR


def test_lists_are_proven_unmoved_by_an_equal_answer_of_their_game(
    bench: Bench, reader: Reader
) -> None:
    fetch(bench, PROGRESS, is_all=True)
    assert reader.taken() == []
    assert poll(bench, "unlocks", "achievement 11")["last_ok_at"] == bench.world.now


def test_an_answer_that_is_not_equal_is_read(bench: Bench, ann: str, reader: Reader) -> None:
    bench.world.set_playtime(ann, 1, 60)
    assert outcomes(fetch(bench, PROGRESS, is_all=True)) == {HIS_PROGRESS: "changed"}
    assert reader.taken() == [progress_of(ann)]
    bench.world.advance(hours=1)
    fetch(bench, PROGRESS, is_all=True)
    assert reader.taken() == []


def test_an_old_answer_that_comes_back_is_read(bench: Bench, ann: str, reader: Reader) -> None:
    for seconds in (60, 0):
        bench.world.set_playtime(ann, 1, seconds)
        bench.world.advance(hours=1)
        assert outcomes(fetch(bench, PROGRESS, is_all=True)) == {HIS_PROGRESS: "changed"}
        assert reader.taken() == [progress_of(ann)]
    (held,) = current(bench, schema.progress)
    assert held["playtime_seconds"] == 0


def test_a_count_of_tickets_that_is_not_equal_is_read_and_the_new_ticket_listed(
    bench: Bench, ann: str, reader: Reader
) -> None:
    bench.world.open_ticket(11, ann)
    assert set(outcomes(fetch(bench, TICKETS, is_all=True)).values()) == {"changed"}
    assert len(reader.taken()) == 2
    bench.world.advance(hours=1)
    assert set(outcomes(fetch(bench, TICKETS, is_all=True)).values()) == {"unchanged"}
    assert reader.taken() == []


# --- each for itself


def test_of_two_distributions_only_the_one_that_moved_is_read(
    bench: Bench, ann: str, reader: Reader
) -> None:
    stale(bench)
    bench.world.unlock(ann, 12)  # in hardcore: casual alone stays as it was
    assert set(outcomes(fetch(bench, DISTRIBUTION, is_all=True)).values()) == {"changed"}
    assert reader.taken() == ["API_GetAchievementDistribution 1"]
    held = {
        (row["is_hardcore"], row["unlocked"]): row["players"]
        for row in current(bench, schema.distribution)
    }
    assert held == {(True, 1): 0, (True, 2): 1, (False, 1): 0, (False, 2): 0}


def test_a_look_of_which_a_part_failed_is_read_in_full_the_next_time(
    bench: Bench, reader: Reader
) -> None:
    stale(bench)
    bench.world.fail("502-html", only="API_GetAchievementDistribution", after=1)
    assert set(outcomes(fetch(bench, DISTRIBUTION, is_all=True)).values()) == {"unavailable"}
    reader.taken()
    bench.world.advance(hours=1)
    assert set(outcomes(fetch(bench, DISTRIBUTION, is_all=True)).values()) == {"unchanged"}
    assert len(reader.taken()) == 2


# --- not believed


def test_an_equal_answer_is_read_when_another_poll_told_news_of_the_game(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World, reader: Reader
) -> None:
    bob = world.add_user("Bob")
    bench = bench_of(TWO, database=sqlite_url, api=STILL)
    for _ in range(2):
        fetch(bench, is_all=True)
        world.advance(hours=1)
    reader.taken()
    fetch(bench, PROGRESS, is_all=True)
    assert reader.taken() == []
    world.revise(11, title="Passing")
    fetch(bench, Selection(jobs=["progress"], users=["Bob"]), is_all=True)
    world.achievements[11].title = "Deed 11"  # and nothing shows that it was something else
    world.achievements[11].modified_at = NOW
    assert reader.taken() == [progress_of(bob)]
    world.advance(hours=1)
    fetch(bench, Selection(jobs=["progress"], users=["Ann"]), is_all=True)
    assert reader.taken() == [progress_of(ann)]
    (version,) = current(bench, schema.achievement_versions, achievement_id=11)
    assert version["title"] == "Deed 11"


def test_an_equal_answer_is_read_while_an_absence_awaits_its_second_proof(
    bench: Bench, ann: str, reader: Reader
) -> None:
    bench.world.reset(ann, 11)
    fetch(bench, PROGRESS, is_all=True)
    assert len(rows(bench, schema.unlock_absences)) == 1
    assert reader.taken() == [progress_of(ann)]
    bench.world.advance(hours=1)
    assert outcomes(fetch(bench, PROGRESS, is_all=True)) == {HIS_PROGRESS: "changed"}
    assert reader.taken() == [progress_of(ann)]
    assert rows(bench, schema.unlock_absences) == []
    assert current(bench, schema.unlocks, achievement_id=11) == []
    bench.world.advance(hours=1)
    fetch(bench, PROGRESS, is_all=True)
    assert reader.taken() == []


def test_an_equal_answer_is_read_when_a_list_says_that_an_unlock_in_it_is_gone(
    bench: Bench, ann: str, reader: Reader
) -> None:
    bench.world.reset(ann, 11)
    asked(bench.world)
    fetch(bench, Selection(jobs=["unlocks"]), is_forced=True)  # before `progress` is asked
    bench.world.unlock(ann, 11, at=NOW - timedelta(days=1))
    assert len(rows(bench, schema.unlock_absences)) == 1
    reader.taken()
    bench.world.advance(hours=1)
    fetch(bench, PROGRESS, is_all=True)
    assert reader.taken() == [progress_of(ann)]
    assert rows(bench, schema.unlock_absences) == []


@pytest.mark.parametrize("selection", [PROGRESS, DISTRIBUTION, TICKETS])
def test_another_version_of_the_program_reads_equal_answers_once(
    bench: Bench, reader: Reader, monkeypatch: pytest.MonkeyPatch, selection: Selection
) -> None:
    stale(bench)
    monkeypatch.setattr(answers, "__version__", "99.1")
    fetch(bench, selection, is_all=True)
    assert len(reader.taken()) == 1 + (selection is DISTRIBUTION)
    bench.world.advance(hours=1)
    fetch(bench, selection, is_all=True)
    assert reader.taken() == []
