"""Unlocks are kept in one index instead of two, which nearly halves the database.

The primary key itself allows one current row per achievement and user: it holds when a row
ended instead of when it began, and 0 for one that holds. The table of unlocks is written
anew, which takes about a minute and its own size on disk for ten million rows in SQLite;
PostgreSQL writes the index anew.

Revision ID: 0101
Revises: 0105
"""

import sqlalchemy as sa
from alembic import op

revision = "0101"
down_revision = "0105"
branch_labels = None
depends_on = None

V_UNLOCKS = """
CREATE VIEW v_unlocks AS
SELECT coalesce(u.hardcore_at, u.unlocked_at) AS time,
       a.game_id AS game_id,
       g.title AS game,
       u.achievement_id AS achievement_id,
       a.title AS achievement,
       u.user_id AS user_id,
       p.name AS "user",
       p.ulid AS ulid,
       coalesce(u.hardcore_at, u.unlocked_at) AS awarded_at,
       u.unlocked_at AS unlocked_at,
       u.hardcore_at AS hardcore_at,
       u.valid_from AS valid_from,
       u.valid_to AS valid_to
FROM unlocks u
JOIN achievements a ON a.id = u.achievement_id
JOIN users p ON p.id = u.user_id
LEFT JOIN games g ON g.id = a.game_id
"""

COLUMNS = "achievement_id, user_id, unlocked_at, hardcore_at, valid_from, valid_to, fetch_id"
TABLE = """
CREATE TABLE unlocks (
    achievement_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    unlocked_at VARCHAR(19),
    hardcore_at VARCHAR(19),
    valid_from VARCHAR(19) NOT NULL,
    valid_to VARCHAR(19),
    fetch_id BIGINT,{ended}
    CONSTRAINT pk_unlocks PRIMARY KEY (achievement_id, user_id, {last}),
    CONSTRAINT ck_unlocks_interval CHECK (valid_to > valid_from),
    CONSTRAINT fk_unlocks_achievement_id FOREIGN KEY(achievement_id) REFERENCES achievements (id),
    CONSTRAINT fk_unlocks_user_id FOREIGN KEY(user_id) REFERENCES users (id)
) WITHOUT ROWID
"""
PAST = "UPDATE unlocks SET ended = extract(epoch FROM valid_to) WHERE valid_to IS NOT NULL"
ENDED = """
    ended BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT ck_unlocks_ended CHECK ((ended = 0) = (valid_to IS NULL)),"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        seconds = "coalesce(CAST(strftime('%s', valid_to) AS INTEGER), 0)"
        _rewrite(TABLE.format(ended=ENDED, last="ended"), f"{COLUMNS}, ended", seconds)
        return
    ended = sa.Column("ended", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    op.add_column("unlocks", ended)
    op.execute(PAST)
    op.drop_constraint("pk_unlocks", "unlocks")
    op.create_primary_key("pk_unlocks", "unlocks", ["achievement_id", "user_id", "ended"])
    op.create_check_constraint(
        op.f("ck_unlocks_ended"), "unlocks", "(ended = 0) = (valid_to IS NULL)"
    )
    op.drop_index("uq_unlocks_current", "unlocks")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rewrite(TABLE.format(ended="", last="valid_from"), COLUMNS)
    else:
        op.drop_constraint("pk_unlocks", "unlocks")
        op.create_primary_key("pk_unlocks", "unlocks", ["achievement_id", "user_id", "valid_from"])
        op.drop_column("unlocks", "ended")
    now = sa.text("valid_to IS NULL")
    key = ["achievement_id", "user_id"]
    op.create_index(
        "uq_unlocks_current", "unlocks", key, unique=True, sqlite_where=now, postgresql_where=now
    )


def _rewrite(table: str, columns: str, *computed: str) -> None:
    """Write the table anew, in the order of its key; SQLite changes no primary key."""
    op.execute("DROP VIEW v_unlocks")
    op.execute("ALTER TABLE unlocks RENAME TO old_unlocks")
    op.execute(table)
    told = ", ".join([COLUMNS, *computed])
    op.execute(
        f"INSERT INTO unlocks ({columns}) SELECT {told} FROM old_unlocks "  # noqa: S608 - names above
        "ORDER BY achievement_id, user_id, valid_from"
    )
    op.execute("DROP TABLE old_unlocks")
    op.execute(V_UNLOCKS)
