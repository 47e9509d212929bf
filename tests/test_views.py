from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from harvester.store import history, schema, users
from harvester.store.rows import Batch, UserRef

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_unlocks_are_seen_with_names_and_the_date_that_counts(engine: Engine) -> None:
    alice, bob = UserRef("alice", "A" * 26), UserRef("bob", "B" * 26)
    day = timedelta(days=1)
    with engine.begin() as conn:
        told = (
            Batch(schema.game_versions, {"game_id": 1}, [{"title": "Sonic"}]),
            Batch(
                schema.achievement_versions,
                {"game_id": 1},
                [{"achievement_id": 9, "title": "Ring"}],
            ),
            Batch(
                schema.unlocks,
                {"achievement_id": 9},
                [
                    {"user_id": alice, "unlocked_at": NOW - 9 * day, "hardcore_at": NOW - 2 * day},
                    {"user_id": bob, "unlocked_at": NOW - 5 * day, "hardcore_at": None},
                ],
            ),
        )
        batches, _ = users.bind(conn, told, at=NOW, fetch_id=1)
        for batch in batches:
            history.record(conn, batch, at=NOW, fetch_id=1)
    with engine.connect() as conn:
        seen = conn.execute(
            text('SELECT game, achievement, "user", awarded_at = time FROM v_unlocks ORDER BY time')
        )
        assert [tuple(row) for row in seen] == [
            ("Sonic", "Ring", "bob", True),
            ("Sonic", "Ring", "alice", True),
        ]
