"""Trends whose values are the columns of one history table."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Table

from harvester.store import schema, subjects
from harvester.store.trends import held, looked
from harvester.store.trends.asking import Question
from harvester.store.trends.courses import Course


def columns(
    table: Table, key: str, looks: Callable[[Question, Any], Any]
) -> Callable[[Question], Iterator[Course]]:
    """Make the courses of a trend that shows the columns of a table keyed by one subject."""

    def courses(question: Question) -> Iterator[Course]:
        own = question.subjects[key]
        steps, seen = held.steps(question, table, own), looks(question, own)
        for one, label in own.items():
            yield Course(label, [steps[one,]], seen[one])

    return courses


def game_tickets(question: Question) -> Iterator[Course]:
    """Show unofficial achievements too, where the tickets of any were counted."""
    games = question.subjects["game"]
    steps = held.steps(question, schema.game_ticket_counts, games)
    seen = looked.at_games(question, "game-tickets", games)
    for game, label in games.items():
        for is_promoted in (True, False) if (game, False) in steps else (True,):
            kind = {**label, "is_promoted": is_promoted}
            yield Course(kind, [steps[game, is_promoted]], seen[game])


def players(question: Question) -> Iterator[Course]:
    """Show the counters of games."""
    return columns(schema.game_counters, "game", _at_games)(question)


def _at_games(question: Question, games: Any) -> Any:  # noqa: ANN401 - see `looked`
    return looked.at_games(question, "progress", games)


def developer_tickets(question: Question) -> Iterator[Course]:
    """Show the counts of developers."""
    table = schema.developer_ticket_counts
    return columns(table, "developer", looked.at_developers)(question)


def progress(question: Question) -> Iterator[Course]:
    """Show these games, or without any all those the player is known to have played."""
    table, games = schema.progress, question.subjects["game"]
    narrowed = [table.c.game_id.in_(games)] if games else []
    people = question.subjects["user"]
    steps = held.steps(question, table, people, *narrowed)
    seen = looked.at_pairs(question, people)
    games = games or subjects.games(question.conn, sorted({game for _, game in steps}))
    for user, name in people.items():
        for game, title in games.items():
            if question.subjects["game"] or (user, game) in steps:
                yield Course({**name, **title}, [steps[user, game]], seen[user, game])
