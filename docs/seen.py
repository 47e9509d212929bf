"""SQL for tools that read the tables themselves: what was known, and nothing where nobody looked.

Parts of a WITH, each a name and its SELECT; later ones build on earlier ones. They end in

    seen(about, since, until)     when something was looked at: a game, a player, a developer
    drawn(about, …, since, until) what a view tells, cut down to that

`until` is the first instant without, and `bounds` the range asked for, up to the present. They
say in SQL what `harvester/store/trends/looked.py` says in Python; a test compares the two. A
hole begins at the last look before it, ends at the next successful one, and exists where those
are further apart than the tolerance of the interval then in force allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harvester.store.evidence import TOLERANCE
from harvester.store.pairs import FULL_ROUND
from harvester.store.polls import RECENT
from harvester.store.schema import SUCCESSES
from harvester.store.view import LATEST, Dialect

Part = tuple[str, str]
A_DAY: Final = "86400"
_EARLIEST: Final = "'1970-01-01'"
_SUCCEEDED: Final = f"outcome IN {SUCCESSES}"


@dataclass(frozen=True)
class Words:
    """How a tool says the range, the game and the present; and where the databases differ."""

    dialect: Dialect
    since: str
    until: str
    now: str
    game: str

    def shown(self, at: str) -> str:
        """Hand an instant out: as it is, or for SQLite as seconds since 1970."""
        return f"CAST(strftime('%s', {at}) AS INTEGER)" if self._is_sqlite else at

    def earlier(self, *instants: str) -> str:
        """Tell the first of some instants, none of them null."""
        return f"{'min' if self._is_sqlite else 'least'}({', '.join(instants)})"

    def later(self, *instants: str) -> str:
        """Tell the last of some instants, none of them null."""
        return f"{'max' if self._is_sqlite else 'greatest'}({', '.join(instants)})"

    def after(self, at: str, seconds: str = "1") -> str:
        """Tell the instant so many seconds after another one."""
        is_plain = seconds.removeprefix("-").isdecimal()
        if self._is_sqlite:
            length = f"'{seconds} seconds'" if is_plain else f"({seconds}) || ' seconds'"
            return f"datetime({at}, {length})"
        length = f"INTERVAL '{seconds} second'" if is_plain else f"{seconds} * INTERVAL '1 second'"
        return f"{at} + {length}"

    def seconds(self, since: str, until: str) -> str:
        """Count the seconds between two instants."""
        if self._is_sqlite:
            return f"(strftime('%s', {until}) - strftime('%s', {since}))"
        return f"extract(epoch FROM {until} - {since})"

    def day(self, at: str) -> str:
        """Begin the UTC day of an instant."""
        if self._is_sqlite:
            return f"datetime({at}, 'start of day')"
        return f"date_trunc('day', {at}, 'UTC')"

    @property
    def earliest(self) -> str:
        """Write an instant before all others."""
        return _EARLIEST if self._is_sqlite else f"CAST({_EARLIEST} AS timestamptz)"

    @property
    def latest(self) -> str:
        """Write an instant after all others."""
        return LATEST if self._is_sqlite else f"CAST({LATEST} AS timestamptz)"

    @property
    def end(self) -> str:
        """Tell the last instant of the range that is not in the future."""
        return self.now if self.until == self.now else self.earlier(self.until, self.now)

    @property
    def _is_sqlite(self) -> bool:
        return self.dialect == "sqlite"


GRAFANA: Final[dict[Dialect, Words]] = {
    "sqlite": Words(
        "sqlite",
        "datetime($__from / 1000, 'unixepoch')",
        "datetime($__to / 1000, 'unixepoch')",
        "datetime('now')",
        "$game",
    ),
    "postgresql": Words(
        "postgresql",
        "CAST($__timeFrom() AS timestamptz)",
        "CAST($__timeTo() AS timestamptz)",
        "date_trunc('second', now())",
        "$game",
    ),
}
DATASETTE: Final = Words(
    "sqlite", _EARLIEST, "datetime('now')", "datetime('now')", "CAST(:game AS INTEGER)"
)


def written(parts: Sequence[Part], query: str) -> str:
    """Put a statement together."""
    own = ",\n".join(f"{name} AS (\n{_indented(select)}\n)" for name, select in parts)
    recursive = "RECURSIVE " if any(name == "days" for name, _ in parts) else ""
    return f"WITH {recursive}{own}\n{query.strip()}"


def _indented(select: str) -> str:
    return "\n".join(f"  {line}" for line in select.strip().splitlines())


def _bounds(words: Words) -> Part:
    until = words.after(words.end)
    return "bounds", f"SELECT {words.since} AS since, {until} AS until, {words.now} AS present"


# --- when it was looked ------------------------------------------------------------------


def of_game(words: Words, job: str) -> list[Part]:
    """Tell when a job looked at the game."""
    return _seen(words, "game_id", f"p.job = '{job}' AND p.game_id = {words.game}")


def of_developers(words: Words) -> list[Part]:
    """Tell when the tickets of all developers were looked at."""
    return _seen(words, "user_id", "p.job = 'developer-tickets' AND p.user_id IS NOT NULL")


def of_counters(words: Words) -> list[Part]:
    """Tell when the game and its counters were looked at.

    A pair of a player and the game that a survey watches over is not asked about: what is on
    record of it meanwhile tells of the player alone.
    """
    own = f"p.job = 'progress' AND p.game_id = {words.game}"
    return _seen(words, "game_id", own, _surveyed(words))


def of_players(words: Words) -> list[Part]:
    """Tell when the progress of each player in the game was looked at.

    Where a survey watches over him, only while that looks, too; and not where an answer lacked
    his part (it has an error noted) until the next whole one.
    """
    pairs = f"p.job = 'progress' AND p.game_id = {words.game} AND p.user_id IS NOT NULL"
    return _seen(words, "user_id", pairs, [*_asleep(words), *_lacking(words)])


def _seen(words: Words, about: str, own: str, blind: Sequence[Part] = ()) -> list[Part]:
    """Tell when any of some polls looked, by what they are about; but not where it was blind."""
    names = [name for name, _ in blind if name.startswith("blind")]
    looked = [_bounds(words), *_looked(words, "", own, about), *blind]
    clear = [("steps", _steps(names)), ("clear", _CLEAR)] if names else []
    return [*looked, *clear, ("turns", _turns("clear" if names else "spans")), ("seen", _SEEN)]


def _looked(words: Words, prefix: str, own: str, about: str) -> list[Part]:
    """Tell of every poll when it looked: `spans`, from one hole to the next.

    Only looks that came late are read, and of all others the first.
    """
    asked = f"""
SELECT p.id, p.{about} AS about, p.asked_as, p.watched_from, p.watched_to,
       p.interval_seconds, p.last_ok_at,
       ({_first("p.id")}) AS begun_at
FROM polls p
WHERE {own}"""
    looks = f"""
SELECT a.id, a.begun_at AS since, NULL AS hole_from
FROM {prefix}asked a WHERE a.begun_at IS NOT NULL
UNION ALL
SELECT a.id, f.first_at, f.late_since_at
FROM {prefix}asked a JOIN fetches f ON f.poll_id = a.id CROSS JOIN bounds b
WHERE f.late_since_at IS NOT NULL AND f.first_at > a.begun_at
  AND f.first_at > b.since AND f.late_since_at < b.until"""
    told = (("asked", asked), ("looks", looks), ("spans", _spans(words, prefix)))
    return [(f"{prefix}{name}", select) for name, select in told]


def _first(poll: str, more: str = "") -> str:
    """Tell when the first successful look of a poll began."""
    return f"""SELECT f.first_at FROM fetches f
        WHERE f.poll_id = {poll} AND f.{_SUCCEEDED}{more}
        ORDER BY f.last_at, f.first_at LIMIT 1"""


def _spans(words: Words, prefix: str) -> str:
    """Tell the time between holes; the last look is good up to now, unless the next is late."""
    stop = words.earlier("coalesce(a.watched_to, b.present)", "b.present")
    good_until = words.after("a.last_ok_at", f"{TOLERANCE} * a.interval_seconds")
    in_time = f"CASE WHEN {stop} <= {good_until}\n           THEN {stop} ELSE a.last_ok_at END"
    hole = "lead(l.hole_from) OVER (PARTITION BY l.id ORDER BY l.since)"
    last = f"coalesce({hole},\n         {words.later('a.last_ok_at', in_time)})"
    return f"""
SELECT a.id, a.about, l.since,
       {words.after(last)} AS until
FROM {prefix}looks l JOIN {prefix}asked a ON a.id = l.id CROSS JOIN bounds b"""


def _turns(source: str) -> str:
    """Tell how many look from each instant on at which somebody begins or ceases to."""
    return f"""
SELECT about, at, sum(sum(more)) OVER (PARTITION BY about ORDER BY at) AS looking,
       lead(at) OVER (PARTITION BY about ORDER BY at) AS until
FROM (
  SELECT about, since AS at, 1 AS more FROM {source}
  UNION ALL
  SELECT about, until, -1 FROM {source}
) edges
GROUP BY about, at"""


_SEEN: Final = "SELECT about, at AS since, until FROM turns WHERE looking > 0"


# --- looks that did not tell all ---------------------------------------------------------


def _steps(blind: Sequence[str]) -> str:
    """Tell of every poll, at each turn, whether it looks and how much that does not tell all."""
    lacks = "\n  UNION ALL\n".join(
        f"  SELECT id, {at}, 0, {more} FROM {name} WHERE since < until"
        for name in blind
        for at, more in (("since", 1), ("until", -1))
    )
    return f"""
SELECT id, at, sum(sum(look)) OVER (PARTITION BY id ORDER BY at) AS looking,
       sum(sum(lack)) OVER (PARTITION BY id ORDER BY at) AS lacking,
       lead(at) OVER (PARTITION BY id ORDER BY at) AS until
FROM (
  SELECT id, since AS at, 1 AS look, 0 AS lack FROM spans
  UNION ALL
  SELECT id, until, -1, 0 FROM spans
  UNION ALL
{lacks}
) edges
GROUP BY id, at"""


_CLEAR: Final = """
SELECT a.about, s.at AS since, s.until
FROM steps s JOIN asked a ON a.id = s.id
WHERE s.looking > 0 AND s.lacking = 0"""


def _surveyed(words: Words) -> list[Part]:
    """Tell of pairs for how long a survey watched over them, up to the next look of their own."""
    told = f"""
SELECT a.id, {words.after("s.watched_from")} AS since, {_good_until(words)} AS good_until,
       s.watched_to AS ended_at,
       ({_first("a.id", " AND f.last_at >= s.watched_to")}) AS again_at
FROM asked a JOIN polls s ON s.job = 'progress' AND s.target = 'player ' || a.asked_as"""
    blind = f"""
SELECT s.id, s.since,
       CASE WHEN s.again_at IS NULL THEN {words.latest}
            WHEN s.again_at > s.ended_at THEN s.again_at ELSE s.ended_at END AS until
FROM surveyed s CROSS JOIN bounds b
WHERE coalesce(s.again_at, b.present) >= s.good_until"""
    return [("surveyed", told), ("blind", blind)]


def _good_until(words: Words) -> str:
    """Tell until when what was seen before a survey began to watch is good."""
    return words.after(words.after("s.watched_from", f"{TOLERANCE} * s.interval_seconds"))


def _asleep(words: Words) -> list[Part]:
    """Tell of pairs when the survey that watches over them did not look."""
    own = "p.job = 'progress' AND p.target IN (SELECT 'player ' || asked_as FROM asked)"
    begun = words.after("s.watched_from")
    following = "lead(g.since) OVER (PARTITION BY s.id ORDER BY g.since)"
    first = f"""
SELECT s.asked_as, s.watched_to, {begun} AS since, {_good_until(words)} AS good_until,
       (SELECT min({words.later("g.since", begun)}) FROM survey_spans g
        WHERE g.id = s.id AND g.until > {begun}) AS first_at
FROM survey_asked s"""
    asleep = f"""
SELECT a.id, g.since, g.until
FROM asked a JOIN (
  SELECT s.asked_as, s.since, coalesce(s.first_at, s.watched_to, {words.latest}) AS until
  FROM survey_first s CROSS JOIN bounds b
  WHERE coalesce(s.first_at, {words.after("b.present")}) > s.good_until
  UNION ALL
  SELECT s.asked_as, g.until, coalesce({following}, s.watched_to, {words.latest})
  FROM survey_asked s JOIN survey_spans g ON g.id = s.id AND g.until > {begun}
) g ON g.asked_as = a.asked_as"""
    looked = _looked(words, "survey_", own, "user_id")
    return [*looked, ("survey_first", first), ("blind_asleep", asleep)]


def _lacking(words: Words) -> list[Part]:
    """Tell of pairs when answers lacked the player's part: up to the next whole one."""
    whole = _first("l.poll_id", " AND f.error IS NULL AND f.last_at > l.last_at")
    lacking = f"""
SELECT a.id, l.first_at AS since, coalesce(({whole}), {words.latest}) AS until
FROM asked a JOIN fetches l ON l.poll_id = a.id CROSS JOIN bounds b
WHERE l.error IS NOT NULL AND l.{_SUCCEEDED} AND l.first_at < b.until"""
    return [("blind_lacking", lacking)]


# --- what was known ----------------------------------------------------------------------


def held(words: Words, about: str, view: str, values: str, where: str) -> str:
    """Select from a view what held in the range, and what it is about."""
    return f"""
SELECT {about} AS about, {values}, valid_from, valid_to
FROM {view}
WHERE {where}
  AND valid_from <= {words.until}
  AND (valid_to IS NULL OR valid_to > {words.since})"""


def drawn(words: Words, values: Sequence[str], told: str) -> list[Part]:
    """Cut what `held` tells down to when it was known."""
    since = words.later("h.valid_from", "s.since", "b.since")
    until = words.earlier(f"coalesce(h.valid_to, {words.latest})", "s.until", "b.until")
    known = f"""
SELECT h.about, {", ".join(f"h.{name}" for name in values)},
       {since} AS since,
       {until} AS until
FROM held h JOIN seen s ON s.about = h.about CROSS JOIN bounds b
WHERE {since}
      < {until}"""
    return [("held", told), ("drawn", known)]


def is_seen(at: str) -> str:
    """Ask whether somebody had looked at an instant."""
    return f"EXISTS (SELECT 1 FROM seen s WHERE s.since <= {at} AND s.until > {at})"


def known_until(words: Words) -> str:
    """Tell until when what holds now is known: now, or the last look where the next is late."""
    return f"(SELECT {words.after('max(s.until)', '-1')} FROM seen s)"


# --- lists of unlocks --------------------------------------------------------------------


IS_WHOLE: Final = "coalesce(k.whole > 0 AND k.lacking = 0, false)"


def by_day(words: Words) -> list[Part]:
    """Tell the `days` of the range, the unlocks `counted` on each, and which are `known`.

    Of a day that is not over, what came so far. What left the watchlist is not waited for.
    """
    following = words.after("d.at", A_DAY)
    days = f"""
SELECT {words.day("b.since")} AS at FROM bounds b
UNION ALL
SELECT {following} FROM days d CROSS JOIN bounds b WHERE {following} < b.until"""
    counted = f"""
SELECT time AS at, sum(unlocks) AS unlocks, sum(unlocks_hardcore) AS hardcore
FROM v_unlocks_per_day
WHERE game_id = {words.game}
GROUP BY time"""
    known = ("known", _known(words.after("d.at", A_DAY)))
    return [_bounds(words), *_lists(words), ("days", days), known, ("counted", counted)]


def _known(ended: str) -> str:
    """Count the lists that are known over each day, and those that are not."""
    has = f"""l.since <= d.at
                AND (l.until >= {ended} OR ({ended} >= b.until AND l.until > d.at))"""
    return f"""
SELECT d.at, sum(CASE WHEN {has} THEN 1 ELSE 0 END) AS whole,
       sum(CASE WHEN {has} THEN 0
                WHEN l.watched_to <= d.at THEN 0 ELSE 1 END) AS lacking
FROM days d CROSS JOIN lists l CROSS JOIN bounds b
GROUP BY d.at"""


def _lists(words: Words) -> list[Part]:
    """Tell from when to when each list of the game is known, as `trends/listed.py` does.

    As far as it has come back, up to when it was last seen what is at its head: by reading it,
    or by counters that are still those of that reading.
    """
    ends = f"""
SELECT p.id, p.last_ok_at AS read_at, CASE
         WHEN a.is_promoted
          AND p.token = coalesce(c.unlocks, 0) || '/' || coalesce(c.unlocks_hardcore, 0)
         THEN (SELECT max(g.last_ok_at) FROM polls g WHERE g.job = 'progress'
               AND g.game_id = a.game_id AND g.schedule NOT LIKE '{FULL_ROUND}%') END AS counted_at
FROM achievements a
JOIN polls p ON p.achievement_id = a.id AND p.job = 'unlocks'
LEFT JOIN achievement_counters c ON c.achievement_id = a.id AND c.valid_to IS NULL
WHERE a.game_id = {words.game}"""
    back = f"coalesce({words.after('p.listed_from_at')}, {words.latest})"
    begun = f"CASE WHEN p.listed_at IS NULL THEN {back} ELSE {words.earliest} END"
    recent = f"CASE WHEN p.schedule LIKE '%{RECENT}' THEN p.watched_from ELSE {words.earliest} END"
    seen_at = (f"coalesce(e.{name}, {words.earliest})" for name in ("read_at", "counted_at"))
    lists = f"""
SELECT p.watched_to, {words.later(*seen_at)} AS until,
       {words.later(begun, recent)} AS since
FROM ends e JOIN polls p ON p.id = e.id"""
    return [("ends", ends), ("lists", lists)]


# --- how complete all of it is -----------------------------------------------------------


def coverage(words: Words) -> list[Part]:
    """Tell by job how much of the watched time in the range lies in holes, in seconds: `shares`.

    As `harvester/store/coverage.py` does: also the hole since the last look counts.
    """
    stop = ("coalesce(w.watched_to, b.present)", "b.present")
    times = f"""
SELECT w.id, w.job, w.interval_seconds, w.watched_from,
       {words.later("coalesce(w.last_ok_at, w.watched_from)", "w.watched_from")} AS seen_at,
       {words.earlier(*stop)} AS stop,
       {words.later("w.watched_from", "b.since")} AS since,
       {words.earlier(*stop, words.end)} AS until
FROM watched w CROSS JOIN bounds b"""
    looks = f"""
SELECT job, sum(times) AS looks, sum(requests) AS requests
FROM fetches
WHERE last_at >= {words.since} AND last_at <= {words.end}
GROUP BY job"""
    shares = f"""
SELECT t.job, sum({words.seconds("t.since", "t.until")}) AS watched,
       sum(coalesce(h.missed, 0)) AS missed
FROM times t
LEFT JOIN (SELECT id, watched_from, sum({words.seconds("since", "until")}) AS missed
           FROM holes WHERE since < until GROUP BY id, watched_from) h
       ON h.id = t.id AND h.watched_from = t.watched_from
WHERE t.since < t.until
GROUP BY t.job"""
    told = [("times", times), ("holes", _holes(words)), ("looks", looks), ("shares", shares)]
    return [_bounds(words), ("watched", _WATCHED), *told]


# Now, and before what had left the watchlist came back.
_WATCHED: Final = """
SELECT id, job, interval_seconds, last_ok_at, watched_from, watched_to FROM polls
UNION ALL
SELECT p.id, p.job, w.interval_seconds, w.last_ok_at, w.watched_from, w.watched_to
FROM watched_before w JOIN polls p ON p.id = w.poll_id"""


def _holes(words: Words) -> str:
    began = words.later("f.late_since_at", "t.watched_from")
    promised = "coalesce(f.interval_seconds, t.interval_seconds)"
    return f"""
SELECT t.id, t.watched_from, {words.later(began, "t.since")} AS since,
       {words.earlier("f.first_at", "t.until")} AS until
FROM times t JOIN fetches f ON f.poll_id = t.id
WHERE f.late_since_at IS NOT NULL AND f.first_at > t.since AND f.first_at <= t.stop
  AND {words.seconds(began, "f.first_at")} > {TOLERANCE} * {promised}
UNION ALL
SELECT t.id, t.watched_from, {words.later("t.seen_at", "t.since")}, t.until
FROM times t
WHERE {words.seconds("t.seen_at", "t.stop")} > {TOLERANCE} * t.interval_seconds"""
