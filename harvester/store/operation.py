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
    Column("id", Id, primary_key=True, autoincrement=False, doc="our own number"),
    Column("job", Text, nullable=False, doc="what is asked: a job of `config.toml`"),
    Column("target", Text, nullable=False, doc="about what, in words"),
    # No foreign key: RA may never have answered for it.
    Column("game_id", BigInteger, doc="the game, where it is about one"),
    Column("achievement_id", BigInteger, doc="the achievement, where it is about one"),
    Column("asked_as", Text, doc="the name or ULID as the watchlist has it"),
    Column("user_id", Id, ForeignKey("users.id"), doc="who that is, once RA has told"),
    Column("watched_from", Instant, nullable=False, doc="since when it is on the watchlist"),
    Column("watched_to", Instant, doc="since when no more; null: it is"),
    Column(
        "priority",
        SmallInteger,
        nullable=False,
        doc="0 routine, 1 moved, 2 sweep, 3 first listing: the lowest goes first",
    ),
    Column("schedule", Text, nullable=False, doc="how often it is to be asked"),
    Column("interval_seconds", BigInteger, nullable=False, doc="the interval now in force"),
    Column("due_at", Instant, nullable=False, doc="when it is asked next"),
    Column("last_attempt_at", Instant, doc="the last attempt, whatever came of it"),
    Column("last_ok_at", Instant, doc="the last look that found out how it stands"),
    Column(
        "listed_at", Instant, doc="the last complete look, for what is asked only when it moved"
    ),
    Column("listed_from_at", Instant, doc="a first listing has come back to this instant so far"),
    Column("token", Text, doc="what the cheaper answer said at that look"),
    Column(
        "churn",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        doc="rows that came or went since then",
    ),
    Column("failures", Integer, nullable=False, server_default=text("0"), doc="failures in a row"),
    Column("denied", Text, doc="what RA denied at the last attempt: game, user or achievement"),
    Column("last_error", Text, doc="what went wrong at the last attempt"),
    Column("gone_at", Instant, doc="when RA no longer knew it; null: it does"),
    Column("cursor", Text, doc="where a look that is not over stands"),
    Column("memory", Text, doc="what a look that is over leaves to the next one"),
    Column("digests", Text, doc="of the last answers: an equal one need not be read"),
    Column("fetch_id", BigInteger, doc="evidence reserved by the attempt in hand"),
    Column(
        "requests",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        doc="requests of the attempt in hand",
    ),
    Column(
        "rows_opened", BigInteger, nullable=False, server_default=text("0"), doc="rows it opened"
    ),
    Column(
        "rows_closed", BigInteger, nullable=False, server_default=text("0"), doc="rows it closed"
    ),
    Column("last_fetch_id", BigInteger, doc="the newest evidence"),
    UniqueConstraint("job", "target"),
    info={"about": "the plan: one row for each job and target"},
)
Index(
    "ix_polls_due",
    polls.c.priority,
    polls.c.due_at,
    sqlite_where=text("watched_to IS NULL"),
    postgresql_where=text("watched_to IS NULL"),
)
Index(None, polls.c.game_id)
for _name in ("user_id", "asked_as"):  # few polls are about people
    _is_known = text(f"{_name} IS NOT NULL")
    Index(f"ix_polls_{_name}", polls.c[_name], sqlite_where=_is_known, postgresql_where=_is_known)
Index(  # few fail: how many is told on every page
    "ix_polls_failing",
    polls.c.failures,
    sqlite_where=text("watched_to IS NULL AND failures > 0"),
    postgresql_where=text("watched_to IS NULL AND failures > 0"),
)
Index(None, polls.c.achievement_id)

SUCCESSES = ("changed", "unchanged")
OUTCOMES = (*SUCCESSES, "not_found", "unavailable", "invalid", "refused")

fetches = Table(
    "fetches",
    metadata,
    Column(
        "id",
        Id,
        primary_key=True,
        autoincrement=False,
        doc="our own number; history rows name it as `fetch_id`",
    ),
    Column("poll_id", Id, ForeignKey("polls.id"), nullable=False, doc="what was asked"),
    Column("job", Text, nullable=False, doc="its job"),
    Column("first_at", Instant, nullable=False, doc="the first of these equal looks"),
    Column("last_at", Instant, nullable=False, doc="the last of them"),
    Column("times", BigInteger, nullable=False, doc="how many looks they are"),
    Column(
        "outcome",
        Text,
        nullable=False,
        doc="changed, unchanged, not_found, unavailable, invalid or refused",
    ),
    Column(
        "requests",
        BigInteger,
        nullable=False,
        doc="requests sent for them; 0: a cheaper answer told",
    ),
    Column("rows_opened", BigInteger, nullable=False, doc="history rows that began"),
    Column("rows_closed", BigInteger, nullable=False, doc="history rows that ended"),
    Column("error", Text, doc="what went wrong"),
    Column("payload", Text, doc="the newest invalid answer of a poll, for the bug report"),
    Column(
        "interval_seconds",
        BigInteger,
        doc="the interval that was in force before the first of them",
    ),
    Column(
        "late_since_at",
        Instant,
        doc="the success before it, or the start of watching, where a success came late",
    ),
    CheckConstraint(f"outcome IN {OUTCOMES}", name="outcome"),
    info={"about": "the evidence: what came of every look; equal looks in time are one row"},
)
Index(
    None,
    fetches.c.poll_id,
    fetches.c.last_at,
    # All that is needed of a look. Not in the key: planners then overrate what a search costs.
    postgresql_include=["outcome", "first_at", "interval_seconds"],
)
_TROUBLED = text("late_since_at IS NOT NULL OR error IS NOT NULL")
Index(  # few looks come late or fail: holes and their reasons are told by these alone
    "ix_fetches_troubled",
    fetches.c.poll_id,
    fetches.c.first_at,
    sqlite_where=_TROUBLED,
    postgresql_where=_TROUBLED,
)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False, doc="our own number"),
    Column("command", Text, nullable=False, doc="the command: run, fetch or demo"),
    Column("version", Text, nullable=False, doc="version of the program"),
    Column("pid", BigInteger, nullable=False, doc="number of the process"),
    Column("host", Text, nullable=False, doc="name of the machine"),
    Column("started_at", Instant, nullable=False, doc="when it began"),
    Column("beat_at", Instant, nullable=False, doc="its last sign of life"),
    Column("ended_at", Instant, doc="when it ended; null: it runs, or was killed"),
    Column(
        "requests",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        doc="requests that it sent",
    ),
    Column("requests_on", Date, doc="the UTC day that `requests_that_day` counts"),
    Column(
        "requests_that_day",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        doc="requests of that day, those reserved included",
    ),
    Column(
        "pace_factor",
        Float,
        nullable=False,
        server_default=text("1"),
        doc="the pace in force, as a share of the one configured",
    ),
    Column("quiet_since_at", Instant, doc="the last 429, or doubling of the pace since"),
    Column("not_before_at", Instant, doc="RA asked us to wait until then"),
    info={"about": "every process that harvested"},
)

watched_before = Table(
    "watched_before",
    metadata,
    Column("poll_id", Id, ForeignKey("polls.id"), primary_key=True, doc="what was asked"),
    Column("watched_from", Instant, primary_key=True, doc="since when it was on the watchlist"),
    Column("watched_to", Instant, nullable=False, doc="since when no more"),
    Column(
        "interval_seconds",
        BigInteger,
        nullable=False,
        doc="the interval that was in force at the end",
    ),
    Column("last_ok_at", Instant, doc="the last look by then that found out how it stands"),
    CheckConstraint("watched_to > watched_from", name="interval"),
    info={"about": "when what left the watchlist and came back was watched before that"},
)

interruptions = Table(
    "interruptions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False, doc="our own number"),
    Column("reason", Text, nullable=False, doc="what kept the harvest from asking, in words"),
    Column(
        "priority",
        SmallInteger,
        nullable=False,
        doc="polls of this priority waited, and all less urgent ones; 0: all",
    ),
    Column("started_at", Instant, nullable=False, doc="when it was first met"),
    Column("ended_at", Instant, doc="when polls were asked again; null: it lasts"),
    CheckConstraint("ended_at >= started_at", name="interval"),
    info={"about": "when polls were not asked though they were due, and why"},
)
