"""The dashboards for Grafana, one for each of its two sources: the same panels, made of `seen`.

A series has a point where something began and where it was last known, and a null where it
ceases to be known, at which Grafana breaks the line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from docs import seen
from docs.seen import Part, Words
from harvester.store.view import Dialect

Json = dict[str, Any]

SOURCES: Final[dict[Dialect, str]] = {
    "sqlite": "frser-sqlite-datasource",
    "postgresql": "grafana-postgresql-datasource",
}
NOBODY: Final = "nobody had looked then"
_LINE: Final = {
    "drawStyle": "line",
    "lineInterpolation": "stepAfter",
    "showPoints": "never",
    "spanNulls": False,
}
_BARS: Final = {"drawStyle": "bars", "fillOpacity": 60, "stacking": {"mode": "normal"}}


@dataclass(frozen=True)
class Panel:
    """A panel, and its query; `is_series` are those that Grafana is handed as time series."""

    title: str
    kind: str
    query: str
    about: str = ""
    unit: str = "short"
    custom: Mapping[str, Any] = field(default_factory=dict)
    is_by_name: bool = False
    times: tuple[str, ...] = ("time",)
    percents: str = ""

    @property
    def is_series(self) -> bool:
        """Whether columns are curves; what is by name is cut into curves by Grafana."""
        return self.kind == "timeseries" and not self.is_by_name


def board(dialect: Dialect) -> Json:
    """Make a dashboard."""
    words = seen.GRAFANA[dialect]
    return {
        "title": "RetroAchievements",
        "uid": f"ra-harvester-{dialect}",
        "tags": ["ra-harvester"],
        "timezone": "utc",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "",
        "time": {"from": "now-90d", "to": "now"},
        "templating": {"list": [_source(dialect), _game(dialect)]},
        "annotations": {"list": [_notes(words)]},
        "panels": [
            _panel(words, place, panel) for place, panel in enumerate(_panels(words), start=1)
        ],
    }


def _of(dialect: Dialect) -> Json:
    return {"type": SOURCES[dialect], "uid": "${source}"}


def _source(dialect: Dialect) -> Json:
    named = {"name": "source", "label": "Data source", "type": "datasource"}
    return {**named, "query": SOURCES[dialect]}


def _game(dialect: Dialect) -> Json:
    return {
        "name": "game",
        "label": "Game",
        "type": "query",
        "datasource": _of(dialect),
        "query": "SELECT id AS __value, title AS __text FROM games "
        "WHERE title IS NOT NULL ORDER BY title",
        "refresh": 1,
        "sort": 0,
        "multi": False,
        "includeAll": False,
    }


def _notes(words: Words) -> Json:
    """Draw all notes but those on other games and on their achievements."""
    query = f"""
SELECT {words.shown("d.time")} AS time, d.title AS title,
       coalesce(d.note, d.title) AS text, d.scope AS tags
FROM v_discontinuities d
LEFT JOIN achievements a ON a.id = d.achievement_id
WHERE d.time >= {words.since} AND d.time <= {words.until}
  AND coalesce(d.game_id, a.game_id, {words.game}) = {words.game}
ORDER BY 1"""
    return {
        "name": "Discontinuities",
        "enable": True,
        "iconColor": "orange",
        "datasource": _of(words.dialect),
        "target": _target(words, query.strip()),
    }


def _target(
    words: Words, query: str, *, is_series: bool = False, times: Sequence[str] = ("time",)
) -> Json:
    if words.dialect == "postgresql":
        shape = "time_series" if is_series else "table"
        own = {"editorMode": "code", "format": shape, "rawQuery": True, "rawSql": query}
        return {"refId": "A", **own}
    own = {"queryType": "time series" if is_series else "table"}
    texts = {"rawQueryText": query, "queryText": query}
    return {"refId": "A", **own, "timeColumns": list(times), **texts}


def _panel(words: Words, place: int, panel: Panel) -> Json:
    across, down = (place - 1) % 2 * 12, (place - 1) // 2 * 9
    target = _target(words, panel.query, is_series=panel.is_series, times=panel.times)
    told = {"description": panel.about} if panel.about else {}
    return {
        "id": place,
        "title": panel.title,
        **told,
        "type": panel.kind,
        "datasource": _of(words.dialect),
        "gridPos": {"h": 9, "w": 12, "x": across, "y": down},
        "fieldConfig": _fields(panel),
        "targets": [target],
        **_parted(panel),
    }


def _fields(panel: Panel) -> Json:
    drawn = {"custom": dict(panel.custom)} if panel.custom else {}
    named = {"displayName": "${__field.labels.metric}"} if panel.is_by_name else {}
    share = {
        "matcher": {"id": "byRegexp", "options": f"/{panel.percents}/"},
        "properties": [{"id": "unit", "value": "percentunit"}],
    }
    return {
        "defaults": {"unit": panel.unit, "noValue": NOBODY, **named, **drawn},
        "overrides": [share] if panel.percents else [],
    }


def _parted(panel: Panel) -> Json:
    """Let Grafana make a curve of each name.

    A time series with names would be made one table of all their times, in which a curve has a
    null wherever another one has a point: lines would break all over.
    """
    if not panel.is_by_name:
        return {}
    options = {"fields": ["metric"], "keepFields": False, "naming": {"asLabels": True}}
    return {"transformations": [{"id": "partitionByValues", "options": options}]}


# --- the panels --------------------------------------------------------------------------


def _panels(words: Words) -> Iterator[Panel]:
    yield from _of_a_game(words)
    yield from _at_the_end(words)
    yield from _of_people(words)
    yield from _listed(words)


def _line(words: Words, title: str, looked: Sequence[Part], held: str, *names: str) -> Panel:
    return Panel(title, "timeseries", curves(words, looked, held, names), custom=_LINE)


def curves(
    words: Words, looked: Sequence[Part], held: str, names: Sequence[str], metric: str = ""
) -> str:
    """Write the points of a view's columns, and a null where they cease to be known."""
    values = [metric, *names] if metric else list(names)
    parts = [*looked, *seen.drawn(words, values, held)]
    told = ", ".join(values)
    nothing = ", ".join([*([metric] if metric else []), *(f"NULL AS {one}" for one in names)])
    following = "lead(since) OVER (PARTITION BY about ORDER BY since)"
    return seen.written(
        parts,
        f"""
SELECT {words.shown("since")} AS time, {told} FROM drawn
UNION
SELECT {words.shown(words.after("until", "-1"))} AS time, {told} FROM drawn
UNION
SELECT {words.shown("d.until")} AS time, {nothing}
FROM (SELECT drawn.*, {following} AS following FROM drawn) d CROSS JOIN bounds b
WHERE d.until < b.until AND coalesce(d.following, {words.latest}) > d.until
ORDER BY 1""",
    )


def _of_a_game(words: Words) -> Iterator[Panel]:
    game = f"game_id = {words.game}"
    states = ("open", "request", "resolved", "closed", "quarantined")
    tickets = seen.held(
        words, "game_id", "v_game_tickets", ", ".join(states), f"{game} AND is_promoted"
    )
    yield _line(words, "Tickets by state", seen.of_game(words, "game-tickets"), tickets, *states)
    players = seen.held(words, "game_id", "v_players", "players", game)
    yield _line(words, "Players", seen.of_counters(words), players, "players")
    mastered = seen.held(words, "game_id", "v_mastery", "mastered", game)
    title = "Players who hold everything (hardcore)"
    yield _line(words, title, seen.of_game(words, "distribution"), mastered, "mastered")
    yield Panel(
        "Unlocks per day",
        "timeseries",
        _per_day(words),
        "A day without a bar is one without unlocks where the tooltip says 0; where it says "
        "nothing, the lists are not known so far.",
        custom=_BARS,
    )


def _per_day(words: Words) -> str:
    hardcore = "coalesce(c.hardcore, 0)"
    casual = "coalesce(c.unlocks - c.hardcore, 0)"
    return seen.written(
        seen.by_day(words),
        f"""
SELECT {words.shown("d.at")} AS time,
       CASE WHEN {seen.IS_WHOLE} THEN CAST({hardcore} AS INTEGER) END AS hardcore,
       CASE WHEN {seen.IS_WHOLE} THEN CAST({casual} AS INTEGER) END AS casual
FROM days d
LEFT JOIN known k ON k.at = d.at
LEFT JOIN counted c ON c.at = d.at
CROSS JOIN bounds b
WHERE d.at >= b.since
ORDER BY 1""",
    )


def _at_the_end(words: Words) -> Iterator[Panel]:
    at = words.end
    held = f"valid_from <= {at} AND (valid_to IS NULL OR valid_to > {at})"
    own = f"game_id = {words.game} AND is_promoted"
    distribution = f"""
SELECT CAST(unlocked AS TEXT) AS unlocked, players
FROM v_distribution
WHERE {own} AND is_hardcore
  AND {held}
  AND {seen.is_seen(at)}
ORDER BY v_distribution.unlocked"""
    yield Panel(
        "Distribution at the end of the range (hardcore)",
        "barchart",
        seen.written(seen.of_game(words, "distribution"), distribution),
        times=(),
    )
    rarest = f"""
SELECT achievement, unlocks, players, rarity, rarity_hardcore
FROM v_rarity
WHERE achievement_id IN (
    SELECT achievement_id FROM achievement_versions
    WHERE {own}
      AND {held}
  )
  AND {held}
  AND {seen.is_seen(at)}
ORDER BY rarity, achievement
LIMIT 20"""
    yield Panel(
        "Rarest achievements at the end of the range",
        "table",
        seen.written(seen.of_counters(words), rarest),
        percents="rarity|covered",
        times=(),
    )


def _of_people(words: Words) -> Iterator[Panel]:
    game = f"game_id = {words.game}"
    named = 'coalesce("user", ulid) AS metric, completion'
    progress = seen.held(words, "user_id", "v_progress", named, game)
    yield Panel(
        "Completion by player",
        "timeseries",
        curves(words, seen.of_players(words), progress, ["completion"], "metric"),
        unit="percentunit",
        custom=_LINE,
        is_by_name=True,
    )
    named, known = "coalesce(developer, ulid) AS metric, open", "developer_id IS NOT NULL"
    tickets = seen.held(words, "developer_id", "v_developer_tickets", named, known)
    yield Panel(
        "Open tickets by developer",
        "timeseries",
        curves(words, seen.of_developers(words), tickets, ["open"], "metric"),
        custom=_LINE,
        is_by_name=True,
    )


def _listed(words: Words) -> Iterator[Panel]:
    yield Panel(
        "Oldest open tickets",
        "table",
        _oldest(words),
        "As they were when the game's tickets were last looked at: known_until is now, or that "
        "look where the next one is late.",
        times=("time", "known_until"),
    )
    yield Panel(
        "What was revised",
        "table",
        _revised(words),
        "time is when a change was seen. Where unseen_since tells more, nobody had looked since "
        "then: it was made at some time between the two.",
        times=("time", "unseen_since"),
    )
    yield Panel(
        "Coverage by job",
        "table",
        _coverage(words),
        "The share of the watched time in the range that lies in no hole, the time since the "
        "last look included.",
        percents="rarity|covered",
        times=(),
    )


def _oldest(words: Words) -> str:
    return seen.written(
        seen.of_game(words, "game-tickets"),
        f"""
SELECT {words.shown("time")} AS time, ticket_id, achievement, report_type, reporter, developer,
       {words.shown(seen.known_until(words))} AS known_until
FROM v_tickets
WHERE game_id = {words.game} AND valid_to IS NULL
  AND state IN ('open', 'request') AND gone_at IS NULL
ORDER BY v_tickets.time, ticket_id
LIMIT 50""",
    )


def _revised(words: Words) -> str:
    holes = "SELECT lag(until) OVER (ORDER BY since) AS since, since AS until FROM seen"
    return seen.written(
        [
            *seen.of_counters(words),
            ("holes", holes),
        ],
        f"""
SELECT {words.shown("c.time")} AS time, c.achievement, c.changed, c.old, c.new,
       {words.shown(words.after("h.since", "-1"))} AS unseen_since
FROM v_set_changes c
LEFT JOIN holes h ON h.until = c.time AND h.since < h.until
WHERE c.game_id = {words.game} AND c.time >= {words.since} AND c.time <= {words.until}
ORDER BY c.time DESC, c.achievement_id, c.changed
LIMIT 200""",
    )


def _coverage(words: Words) -> str:
    return seen.written(
        seen.coverage(words),
        """
SELECT s.job,
       CAST(coalesce(l.looks, 0) AS INTEGER) AS looks,
       CAST(coalesce(l.requests, 0) AS INTEGER) AS requests,
       1 - 1.0 * s.missed / s.watched AS covered
FROM shares s LEFT JOIN looks l ON l.job = s.job
ORDER BY s.job""",
    )
