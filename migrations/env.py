"""Alembic's environment: runs on the connection it is handed, or on `-x url=…`."""

from logging.config import fileConfig
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from harvester.store import db
from harvester.store.schema import Instant, metadata

config = context.config
if config.config_file_name:
    fileConfig(config.config_file_name, disable_existing_loggers=False)


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:  # noqa: ANN401 - Alembic's own signature
    """Write our instants in plain SQLAlchemy: migrations import nothing of the application."""
    if kind != "type" or not isinstance(item, Instant):
        return False
    autogen.imports.add("from sqlalchemy.dialects import postgresql")
    timestamptz = "postgresql.TIMESTAMP(timezone=True, precision=0)"
    return f'sa.String(19).with_variant({timestamptz}, "postgresql")'


def migrate(connection: Any) -> None:  # noqa: ANN401 - whatever Alembic was handed
    """Run the migrations, each in a transaction of its own where the caller began none."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=render_item,
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed = config.attributes.get("connection")
if handed is not None:
    migrate(handed)
else:
    url = context.get_x_argument(as_dictionary=True).get("url", "sqlite:///harvester.db")
    with db.connect(url).connect() as conn:
        migrate(conn)
        conn.commit()
