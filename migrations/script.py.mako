"""${message}

House rules: no imports of the application (it will have moved on); backfills in SQL, not in
Python rows; SQLite rebuilds a table for most changes, so say here if that table is big; every
downgrade is real and tested; CHECKs are not reflected by SQLite: pass `table_args` to
`batch_alter_table`; views are dropped before and made again after.

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
