"""A view of unlocks with names, for people who ask in SQL.

A view takes no space and is made at once, however many unlocks there are. Migrations that
change its tables drop it before and make it again after.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
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


def upgrade() -> None:
    op.execute(V_UNLOCKS)


def downgrade() -> None:
    op.execute("DROP VIEW v_unlocks")
