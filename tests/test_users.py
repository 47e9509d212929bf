from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from shapes import in_order
from sqlalchemy import Connection, Engine, Table, event, select

from harvester.store import acquaintance, history, merge, schema, users
from harvester.store.history import BehindHistory
from harvester.store.rows import Batch, Listing, UserRef

T0 = datetime(2026, 3, 1, tzinfo=UTC)
ALICE, BOB = "01ALICE0000000000000000000", "01BOB000000000000000000000"


def later(seconds: int) -> datetime:
    return T0 + timedelta(seconds=seconds)


def meet(conn: Connection, *refs: UserRef, at: datetime = T0) -> list[int]:
    ids, _ = users.resolve(conn, refs, at=at, fetch_id=1)
    return [ids[ref] for ref in refs]


def rows(conn: Connection, table: Table) -> list[dict[str, Any]]:
    query = select(table).order_by(*in_order(table))
    return [dict(row) for row in conn.execute(query).mappings()]


def progress(conn: Connection, user: int, awarded: int, *, at: datetime) -> None:
    batch = Batch(schema.progress, {"user_id": user, "game_id": 1}, [{"awarded": awarded}])
    history.record(conn, batch, at=at, fetch_id=1)


def test_a_user_is_known_by_ulid_whatever_his_name(conn: Connection) -> None:
    (own,) = meet(conn, UserRef("alice", ALICE))
    (again,) = meet(conn, UserRef("Alicia", ALICE), at=later(60))
    assert own == again
    assert [row["name"] for row in rows(conn, schema.user_names)] == ["alice", "Alicia"]
    assert rows(conn, schema.users)[0]["name"] == "Alicia"


def test_a_rename_duplicates_nothing(conn: Connection) -> None:
    (own,) = meet(conn, UserRef("alice", ALICE))
    progress(conn, own, 1, at=T0)
    (again,) = meet(conn, UserRef("Alicia", ALICE), at=later(60))
    progress(conn, again, 1, at=later(60))
    assert len(rows(conn, schema.progress)) == 1


def test_a_name_alone_means_who_bears_it_now(conn: Connection) -> None:
    (own,) = meet(conn, UserRef("alice", ALICE))
    assert meet(conn, UserRef("alice", None), at=later(60)) == [own]


def test_a_name_that_was_given_up_means_a_stand_in(conn: Connection) -> None:
    meet(conn, UserRef("alice", ALICE))
    meet(conn, UserRef("Alicia", ALICE), at=later(60))
    (stand_in,) = meet(conn, UserRef("alice", None), at=later(180))
    assert rows(conn, schema.users)[1]["id"] == stand_in
    assert rows(conn, schema.users)[1]["ulid"] is None
    assert meet(conn, UserRef("alice", None), at=later(240)) == [stand_in]


def test_a_stand_in_gets_the_ulid_when_it_turns_up(conn: Connection) -> None:
    (own,) = meet(conn, UserRef("alice", None))
    assert meet(conn, UserRef("alice", ALICE), at=later(60)) == [own]
    (row,) = rows(conn, schema.users)
    assert (row["ulid"], row["first_seen_at"]) == (ALICE, T0)


def test_a_stand_in_is_nobodys_once_two_ulids_bore_its_name(conn: Connection) -> None:
    meet(conn, UserRef("alice", BOB))
    meet(conn, UserRef("bob", BOB), at=later(60))
    (stand_in,) = meet(conn, UserRef("alice", None), at=later(180))
    assert meet(conn, UserRef("alice", ALICE), at=later(300)) != [stand_in]
    assert [row["ulid"] for row in rows(conn, schema.users)] == [BOB, None, ALICE]


def test_a_known_user_who_takes_a_stand_ins_name_takes_him_in(conn: Connection) -> None:
    (own,) = meet(conn, UserRef("alice", ALICE))
    (stand_in,) = meet(conn, UserRef("Alicia", None), at=later(10))
    progress(conn, stand_in, 3, at=later(10))
    progress(conn, own, 2, at=later(20))
    conn.execute(
        schema.unlock_absences.insert().values(
            achievement_id=_achievement(conn), user_id=stand_in, missed_at=T0
        )
    )
    meet(conn, UserRef("Alicia", ALICE), at=later(30))
    assert [row["id"] for row in rows(conn, schema.users)] == [own]
    held = [(r["awarded"], r["valid_from"], r["valid_to"]) for r in rows(conn, schema.progress)]
    assert held == [(3, later(10), later(20)), (2, later(20), None)]
    assert rows(conn, schema.unlock_absences) == []


def _achievement(conn: Connection) -> int:
    batch = Batch(schema.achievement_counters, {"achievement_id": 9}, [{"unlocks": 1}])
    history.record(conn, batch, at=T0, fetch_id=1)
    return 9


def test_what_refers_to_a_stand_in_refers_to_the_user_after_a_merge(conn: Connection) -> None:
    own, stand_in = meet(conn, UserRef("alice", ALICE), UserRef("Alicia", None))
    ticket = {"id": 3, "achievement_id": 9, "reporter_id": stand_in}
    history.record(conn, Batch(schema.tickets, {"game_id": 1}, [ticket]), at=T0, fetch_id=1)
    merge.users(conn, stand_in, into=own)
    assert rows(conn, schema.tickets)[0]["reporter_id"] == own


def test_a_merge_keeps_the_first_unlock_date_that_the_newer_row_was_not_told(
    conn: Connection,
) -> None:
    own, stand_in = meet(conn, UserRef("alice", ALICE), UserRef("Alicia", None))
    told = {"unlocked_at": later(-90), "hardcore_at": later(-50)}
    for user, row, at in ((stand_in, told, 0), (own, {"hardcore_at": later(-50)}, 60)):
        batch = Batch(schema.unlocks, {"achievement_id": 9, "user_id": user}, [row])
        history.record(conn, batch, at=later(at), fetch_id=1)
    merge.users(conn, stand_in, into=own)
    (joined,) = rows(conn, schema.unlocks)
    assert (joined["user_id"], joined["unlocked_at"]) == (own, later(-90))
    assert (joined["valid_from"], joined["valid_to"]) == (T0, None)


def test_listings_and_batches_are_bound_to_the_stores_own_ids(conn: Connection) -> None:
    alice, nobody = UserRef("alice", ALICE), UserRef("bob", None)
    listing = Listing({"achievement_id": 9}, "user_id", {alice, nobody})
    (bound,), _ = users.bind_listings(conn, [listing], at=T0, fetch_id=1)
    named = Batch(schema.unlocks, {"user_id": alice}, [])
    (batch,), _ = users.bind(conn, [named], at=T0, fetch_id=1)
    assert set(bound.seen) == {1, 2}
    assert users.named(conn, batch.within["user_id"]).ulid == ALICE


def test_a_thousand_new_users_are_met_in_one_go(conn: Connection) -> None:
    refs = [UserRef(f"u{n}", f"{n:026d}") for n in range(1000)]
    assert len(set(meet(conn, *refs))) == 1000
    assert sorted(meet(conn, *refs, at=later(1))) == sorted(meet(conn, *refs, at=later(2)))
    assert len(rows(conn, schema.user_names)) == 1000


def test_a_rename_that_was_rolled_back_never_was(engine: Engine) -> None:
    with engine.begin() as conn:
        (own,) = meet(conn, UserRef("alice", ALICE))
    with engine.connect() as conn, suppress(BehindHistory), conn.begin():
        meet(conn, UserRef("Alicia", ALICE), at=later(60))
        raise BehindHistory(T0)
    with engine.begin() as conn:
        assert meet(conn, UserRef("Alicia", ALICE), at=later(60)) == [own]
        assert rows(conn, schema.users)[0]["name"] == "Alicia"


def test_an_acquaintance_that_was_rolled_back_is_made_again(engine: Engine) -> None:
    for _ in range(2):
        with engine.connect() as conn, suppress(BehindHistory), conn.begin():
            meet(conn, UserRef("alice", ALICE))
            meet(conn, UserRef(None, ALICE))
            raise BehindHistory(T0)
    with engine.begin() as conn:
        meet(conn, UserRef("bob", BOB))
        (own,) = meet(conn, UserRef("alice", ALICE))
        assert {row["id"]: row["ulid"] for row in rows(conn, schema.users)}[own] == ALICE


def test_who_was_met_lately_is_known_without_asking_the_database(engine: Engine) -> None:
    refs = [UserRef("alice", ALICE), UserRef("bob", BOB)]
    for _ in range(2):
        with engine.begin() as conn:
            before = meet(conn, *refs)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    with engine.begin() as conn:
        assert meet(conn, *refs, at=later(60)) == before
    assert not [statement for statement in asked if "users" in statement]


def test_no_more_users_are_remembered_than_there_is_room_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acquaintance, "MOST", 2)
    refs = [UserRef(f"u{n}", f"{n:026d}") for n in range(5)]
    with engine.begin() as conn:
        before = meet(conn, *refs)
    for ref, own in zip(refs, before, strict=True):
        with engine.begin() as conn:
            assert meet(conn, ref, at=later(60)) == [own]
