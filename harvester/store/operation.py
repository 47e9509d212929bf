"""The tables of the harvest itself: its plan, its evidence, its processes."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from harvester.store.intervals import Id, Instant, metadata

polls = Table(
    "polls",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("job", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("game_id", BigInteger),  # no foreign key: RA may never have answered for it
    Column("achievement_id", BigInteger),
    Column("asked_as", Text),  # the name or ULID as the watchlist has it
    Column("user_id", Id, ForeignKey("users.id")),
    Column("watched_from", Instant, nullable=False),
    Column("watched_to", Instant),
    Column("priority", SmallInteger, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("interval_seconds", BigInteger, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("last_attempt_at", Instant),
    Column("last_ok_at", Instant),
    Column("listed_at", Instant),  # the last complete look, for what is asked only when it moved
    Column("listed_from_at", Instant),  # a first listing has come back to this instant so far
    Column("token", Text),  # what the cheaper answer said at that look
    Column("churn", BigInteger, nullable=False, server_default=text("0")),  # rows moved since then
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("denied", Text),  # what RA denied at the last attempt: game, user or achievement
    Column("last_error", Text),
    Column("gone_at", Instant),
    Column("cursor", Text),  # where a look that is not over stands
    Column("memory", Text),  # what a look that is over leaves to the next one
    Column("digests", Text),  # of the last answers: an equal one need not be read
    Column("fetch_id", BigInteger),  # evidence id reserved by the attempt in hand
    Column("requests", BigInteger, nullable=False, server_default=text("0")),  # of that attempt
    Column("rows_opened", BigInteger, nullable=False, server_default=text("0")),
    Column("rows_closed", BigInteger, nullable=False, server_default=text("0")),
    Column("last_fetch_id", BigInteger),  # the newest evidence
    UniqueConstraint("job", "target"),
)
Index(
    "ix_polls_due",
    polls.c.priority,
    polls.c.due_at,
    sqlite_where=text("watched_to IS NULL"),
    postgresql_where=text("watched_to IS NULL"),
)
Index(None, polls.c.achievement_id)

OUTCOMES = ("changed", "unchanged", "not_found", "unavailable", "invalid", "refused")

fetches = Table(
    "fetches",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("poll_id", Id, ForeignKey("polls.id"), nullable=False),
    Column("job", Text, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("rows_opened", BigInteger, nullable=False),
    Column("rows_closed", BigInteger, nullable=False),
    Column("error", Text),
    Column("payload", Text),  # the newest invalid answer of a poll, for the bug report
    Column("interval_seconds", BigInteger),  # promised before the first look of the row
    CheckConstraint(f"outcome IN {OUTCOMES}", name="outcome"),
)
Index(None, fetches.c.poll_id, fetches.c.last_at)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("command", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("beat_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("requests", BigInteger, nullable=False, server_default=text("0")),
    Column("requests_on", Date),  # the UTC day that requests_that_day counts
    Column("requests_that_day", BigInteger, nullable=False, server_default=text("0")),
    Column("pace_factor", Float, nullable=False, server_default=text("1")),
    Column("quiet_since_at", Instant),  # the last 429, or doubling of the pace since
    Column("not_before_at", Instant),  # RA asked us to wait until then
)
