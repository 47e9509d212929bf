"""Dated remarks on the data: those that come with the program, and one's own."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from commands import Shell
from sqlalchemy import Connection, Engine, exc, text
from worlds import NOW

from harvester import app
from harvester.config import load
from harvester.endpoints import ENDPOINTS
from harvester.errors import ConfigError
from harvester.store import lock, migrate, notes, schema, shipped
from harvester.store.notes import Note
from harvester.store.trends import TRENDS

DAY = timedelta(days=1)


def own(conn: Connection) -> list[Note]:
    return [note for note in notes.listed(conn) if note.source == "user"]


# --- the register that is shipped ----------------------------------------------------------------


def test_every_shipped_note_has_an_id_of_its_own_and_speaks_of_a_job_or_a_trend() -> None:
    ids = [one.id for one in shipped.SHIPPED]

    assert len(set(ids)) == len(ids)
    assert all(0 < one < schema.FIRST_OWN_NOTE for one in ids)
    scopes = {one.scope for one in shipped.SHIPPED}
    assert scopes <= {*notes.scopes(jobs=ENDPOINTS, trends=TRENDS)}
    assert all(len(one.title) <= notes.LONGEST_TITLE for one in shipped.SHIPPED)


@pytest.mark.parametrize(
    ("day", "scope", "words"),
    [
        ("2024-05-07", "job:game-tickets", "counts all states"),
        ("2024-09-23", "job:distribution", "casual-only"),
        ("2026-01-26", "trend:rarity", "RetroPoints"),
        ("2026-02-14", "job:game-tickets", "quarantined"),
        ("2026-04-15", "job:game-tickets", "quarantined"),
    ],
)
def test_a_new_database_knows_when_ra_changed_its_numbers(
    engine: Engine, day: str, scope: str, words: str
) -> None:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    with engine.connect() as conn:
        found = notes.within(conn, at, at, [scope])

    assert [words in note.title for note in found] == [True]
    assert found[0].source == "ra"


def test_the_register_of_this_version_takes_the_place_of_an_older_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = shipped.SHIPPED
    newer = (first._replace(title="in other words"), second._replace(id=77))
    with engine.begin() as conn:
        mine = notes.add(conn, at=NOW, title="mine")
        monkeypatch.setattr(notes, "SHIPPED", newer)
        notes.ship(conn)
        told = [(note.id, note.title) for note in notes.listed(conn)]
        monkeypatch.undo()
        notes.ship(conn)  # the other tests of this database want it as it was

    assert told == [(first.id, "in other words"), (77, second.title), (mine.id, "mine")]


def test_an_upgrade_and_a_new_start_bring_the_register_and_keep_what_is_mine(
    engine: Engine,
) -> None:
    with engine.begin() as conn:
        mine = notes.add(conn, at=NOW, title="mine")
        conn.execute(schema.discontinuities.delete().where(schema.discontinuities.c.id == 4))
    settings = load(None, {"HARVESTER_DATABASE_URL": engine.url.render_as_string()})

    app.prepare(engine, settings, now=NOW)
    with engine.begin() as conn:
        after_start = [note.id for note in notes.listed(conn)]
        conn.execute(text("UPDATE discontinuities SET title = 'lost' WHERE id = 4"))
    migrate.upgrade(engine, now=NOW)

    with engine.connect() as conn:
        assert sorted(after_start) == [*(one.id for one in shipped.SHIPPED), mine.id]
        assert own(conn) == [mine]
        assert "lost" not in {note.title for note in notes.listed(conn)}


# --- notes of one's own --------------------------------------------------------------------------


def test_a_note_is_found_in_its_time_and_by_what_it_is_about(conn: Connection) -> None:
    on_all = notes.add(conn, at=NOW, title="moved to a new server")
    on_game = notes.add(conn, at=NOW + DAY, title="revised", scope="game:1", note="12 new ones")
    notes.add(conn, at=NOW, title="of no interest", scope="game:11")
    notes.add(conn, at=NOW - DAY, title="too early", scope="game:1")

    found = notes.within(conn, NOW, NOW + DAY, notes.scopes(games=[1], jobs=["unlocks"]))

    assert found == [on_all, on_game]
    assert on_game == Note(on_all.id + 1, NOW + DAY, "game:1", "revised", "12 new ones", "user")


def test_scopes_name_what_a_chart_shows() -> None:
    named = notes.scopes(games=[1], achievements=[5, 6], users=[12], jobs=["distribution"])

    assert named == ["game:1", "achievement:5", "achievement:6", "user:12", "job:distribution"]


def test_hostile_text_becomes_one_harmless_line(conn: Connection) -> None:
    hostile = "\x1b[2J\u202eset\x00\nre\ud800vised\r\n"

    assert notes.add(conn, at=NOW, title=hostile, note=hostile).title == "[2Jset revised"
    assert own(conn)[0].note == "[2Jset revised"


@pytest.mark.parametrize(
    ("title", "note", "words"),
    [
        ("x" * 201, None, "the title has 201 characters; at most 200 are kept"),
        ("x", "x" * 2001, "the note has 2,001 characters; at most 2,000 are kept"),
        (" \n", None, "the title is empty"),
    ],
)
def test_what_is_too_long_or_says_nothing_is_refused(
    conn: Connection, title: str, note: str | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        notes.add(conn, at=NOW, title=title, note=note)

    assert own(conn) == []


def test_a_note_of_my_own_can_be_removed_and_a_shipped_one_cannot(conn: Connection) -> None:
    mine = notes.add(conn, at=NOW, title="mine")

    assert notes.remove(conn, mine.id) == mine
    with pytest.raises(ConfigError, match="came with the program and stays"):
        notes.remove(conn, shipped.SHIPPED[0].id)
    with pytest.raises(ConfigError, match=f"there is no note {mine.id}"):
        notes.remove(conn, mine.id)
    assert len(notes.listed(conn)) == len(shipped.SHIPPED)


def test_the_database_itself_keeps_the_ids_of_the_program_apart(engine: Engine) -> None:
    note = Note(999, NOW, notes.ALL, "mine", None, "user")
    for wrong in (note, replace(note, id=1000, source="ra")):
        with pytest.raises(exc.IntegrityError), engine.begin() as conn:
            conn.execute(schema.discontinuities.insert().values(vars(wrong)))


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def remarking(shell: Shell, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Let the shell work on a database that knows a game, an achievement and a user."""
    monkeypatch.setenv("HARVESTER_DATABASE_URL", engine.url.render_as_string())
    with engine.begin() as conn:
        conn.execute(schema.games.insert().values(id=1, title="Sonic", first_seen_at=NOW))
        achievement = {"id": 5, "game_id": 1, "title": "Ring", "first_seen_at": NOW}
        conn.execute(schema.achievements.insert().values(**achievement))
        conn.execute(schema.users.insert().values(id=12, name="Ann", first_seen_at=NOW))
        name = {"user_id": 12, "name": "Ann", "valid_from": NOW}
        conn.execute(schema.user_names.insert().values(**name))
    return shell


def test_a_note_is_added_listed_and_removed(remarking: Shell) -> None:
    added = remarking("note", "add", "2026-05-01", "set revised", "--game", "1", "--note", "more")
    assert added.out == "note 1000 on game:1, 2026-05-01 00:00: set revised\n"

    row = remarking("note", "list", "--since", "2026-05-01", "--game", "1", "--format", "csv").out
    assert row.splitlines()[1] == "1000,2026-05-01 00:00:00,game:1,set revised,more,user"

    assert remarking("note", "remove", "1000").out == "removed note 1000: set revised\n"
    assert remarking("note", "list", "--since", "2026-05-01").err == "no notes on that\n"


def test_one_remark_can_be_about_several_things(remarking: Shell) -> None:
    about = ("--achievement", "5", "--user", "ann", "--developer", "Ann", "--job", "progress")
    remarking("note", "add", "2026-05-01 12:30", "an event", *about)

    rows = remarking("note", "list", "--since", "2026-05-01", "--format", "tsv").out.splitlines()
    assert [row.split("\t")[2] for row in rows[1:]] == ["achievement:5", "user:12", "job:progress"]
    only = remarking("note", "list", "--user", "Ann", "--format", "tsv").out.splitlines()
    assert len(only) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("2026-13-01", "x"), "DATE 2026-13-01: must be a date such as"),
        (("1492-10-12", "x"), "DATE 1492-10-12: must lie between 1970 and 2099"),
        (("now", ""), "the title is empty"),
        (("now", "x", "--game", "2"), "game 2 is not in the database"),
        (("now", "x", "--user", "Bob"), "user 'Bob' is not in the database"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    remarking: Shell, engine: Engine, arguments: tuple[str, ...], words: str
) -> None:
    told = remarking("note", "add", *arguments)

    assert (told.code, told.out) == (2, "")
    assert words in told.err
    assert told.err.count("\n") == 1
    with engine.connect() as conn:
        assert own(conn) == []


def test_a_note_is_written_while_a_harvester_holds_the_database(
    remarking: Shell, engine: Engine
) -> None:
    with lock.hold(engine):
        assert remarking("note", "add", "now", "beside it").code == 0
        with engine.begin() as conn:  # and the harvester goes on
            conn.execute(schema.consoles.insert().values(id=1, name="Genesis"))

    with engine.connect() as conn:
        assert [note.title for note in own(conn)] == ["beside it"]


def test_two_who_remark_at_once_get_numbers_of_their_own(engine: Engine) -> None:
    def other() -> Note:
        with engine.begin() as conn:
            return notes.add(conn, at=NOW, title="two")

    with ThreadPoolExecutor() as pool:
        with engine.begin() as conn:
            first = notes.add(conn, at=NOW, title="one")
            waiting = pool.submit(other)
        second = waiting.result(timeout=30)

    assert (first.id, second.id) == (1000, 1001)


def test_where_nothing_was_harvested_nothing_can_be_remarked(shell: Shell) -> None:
    shell("init")

    told = shell("note", "add", "now", "x")

    assert told.code == 7
    assert "the first `harvester fetch` makes it" in told.err
