"""The files of docs/integrations: what other tools are handed, made of `grafana` and of the views.

Of Datasette's metadata only the descriptions and the queries are made; the rest is written by hand.
"""

import json
from pathlib import Path
from typing import Any, Final

from docs import grafana, seen
from harvester.store.views import VIEWS

FOLDER: Final = Path(__file__).with_name("integrations")
WORDS: Final = seen.DATASETTE


def files() -> dict[str, str]:
    """Make the files anew, by name."""
    made = {f"grafana-{dialect}.json": grafana.board(dialect) for dialect in grafana.SOURCES}
    return {name: _text(told) for name, told in (made | {"datasette.json": _datasette()}).items()}


def write() -> None:
    """Write them."""
    for name, told in files().items():
        (FOLDER / name).write_text(told, "utf-8")


def _text(told: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _datasette() -> Any:  # noqa: ANN401 - JSON
    told = json.loads((FOLDER / "datasette.json").read_text("utf-8"))
    own = told["databases"]["harvester"]
    described = {
        name: {
            "description": view.about,
            "sort_desc": "time",
            "columns": {column: view.meaning(column) for column in view.columns},
        }
        for name, view in VIEWS.items()
    }
    own["tables"] = own["tables"] | described
    own["queries"] = {
        name: {"title": title, "sql": sql.strip()} for name, (title, sql) in _queries().items()
    }
    return told


def _queries() -> dict[str, tuple[str, str]]:
    return {
        "tickets_of_a_game": (
            "Tickets of a game by state, over time; nothing where nobody had looked",
            _tickets(),
        ),
        "oldest_open_tickets": ("Open tickets as last looked at, the oldest first", _OLDEST),
        "rarest_achievements": (
            "The rarest achievements of a game, and until when that is known",
            seen.written(seen.of_counters(WORDS), _RAREST),
        ),
        "unlocks_per_day": (
            "Unlocks of a game per day; is_known: all of its lists are known over the day",
            seen.written(seen.by_day(WORDS), _PER_DAY),
        ),
        "unlocks_of_a_player": (
            "What a player unlocked as far as lists were read, the newest first",
            _OF_A_PLAYER,
        ),
        "distribution_at": (
            "How many players held 1, 2, 3 … achievements at an instant, if anybody had looked",
            seen.written(seen.of_game(WORDS, "distribution"), _DISTRIBUTION),
        ),
        "coverage_by_job": (
            "How complete is what was collected",
            seen.written(seen.coverage(WORDS), _COVERAGE),
        ),
        "discontinuities": ("When numbers began to mean something else", _DISCONTINUITIES),
    }


def _tickets() -> str:
    states = ("open", "request", "resolved", "closed", "quarantined")
    where = f"game_id = {WORDS.game} AND is_promoted"
    told = seen.held(WORDS, "game_id", "v_game_tickets", ", ".join(states), where)
    parts = [*seen.of_game(WORDS, "game-tickets"), *seen.drawn(WORDS, states, told)]
    nothing = ", ".join("NULL" for _ in states)
    following = "lead(since) OVER (ORDER BY since)"
    return seen.written(
        parts,
        f"""
SELECT since AS time, {", ".join(states)}, until AS held_until FROM drawn
UNION ALL
SELECT d.until, {nothing}, d.following
FROM (SELECT until, {following} AS following FROM drawn) d CROSS JOIN bounds b
WHERE d.until < b.until AND coalesce(d.following, {WORDS.latest}) > d.until
ORDER BY time DESC""",
    )


_OLDEST: Final = """
SELECT t.ticket_id, t.game, t.achievement, t.reporter, t.developer, t.reported_at,
       (SELECT max(p.last_ok_at) FROM polls p
        WHERE p.job = 'game-tickets' AND p.game_id = t.game_id) AS looked_at
FROM v_tickets t
WHERE t.valid_to IS NULL AND t.state IN ('open', 'request') AND t.gone_at IS NULL
ORDER BY t.reported_at, t.ticket_id"""
_RAREST: Final = f"""
SELECT achievement, unlocks, players, round(100 * rarity, 2) AS percent,
       {seen.known_until(WORDS)} AS known_until
FROM v_rarity
WHERE game_id = CAST(:game AS INTEGER) AND is_promoted AND valid_to IS NULL
ORDER BY rarity, achievement"""
_PER_DAY: Final = f"""
SELECT c.at AS time, c.unlocks, c.hardcore, {seen.IS_WHOLE} AS is_known
FROM counted c LEFT JOIN known k ON k.at = c.at
ORDER BY c.at DESC"""
_OF_A_PLAYER: Final = """
SELECT time, game, achievement, hardcore_at
FROM v_unlocks
WHERE "user" = :user AND valid_to IS NULL
ORDER BY time DESC
LIMIT 200"""
_DISTRIBUTION: Final = f"""
SELECT unlocked, players
FROM v_distribution
WHERE game_id = CAST(:game AS INTEGER) AND is_promoted AND is_hardcore
  AND valid_from <= :at AND (valid_to IS NULL OR valid_to > :at)
  AND {seen.is_seen(":at")}
ORDER BY unlocked"""
_COVERAGE: Final = """
SELECT s.job, coalesce(l.looks, 0) AS looks, coalesce(l.requests, 0) AS requests,
       round(1 - 1.0 * s.missed / s.watched, 3) AS covered
FROM shares s LEFT JOIN looks l ON l.job = s.job
ORDER BY s.job"""
_DISCONTINUITIES: Final = """
SELECT time, scope, title, note, source
FROM v_discontinuities
ORDER BY time"""
