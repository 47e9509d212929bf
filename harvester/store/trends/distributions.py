"""`distribution` and `mastery`: how many players hold how many achievements of a game."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from harvester.store import schema
from harvester.store.series import sample
from harvester.store.subjects import Label
from harvester.store.trends import held, looked
from harvester.store.trends.asking import UNKNOWN, Curve, Question, Values
from harvester.store.trends.courses import Course, Points, is_seen
from harvester.store.trends.held import Key, Steps
from harvester.store.trends.looked import Looks

Buckets = list[tuple[int, Steps]]  # how many unlocked, and how many hold so many, in order


def distribution(question: Question) -> Iterator[Curve]:
    """Show the buckets of each period."""
    for label, buckets, looks in _kinds(question):
        yield label, _periods(question, buckets, is_seen(looks, question.ends))


def each_bucket(question: Question) -> Iterator[Course]:
    """Show each bucket by itself."""
    for label, buckets, looks in _kinds(question):
        for unlocked, steps in buckets:
            yield Course({**label, "unlocked": unlocked}, [steps], looks)


def _kinds(question: Question) -> Iterator[tuple[Label, Buckets, Looks]]:
    """Tell hardcore, casual, and both again for unofficial achievements where any are known."""
    games = question.subjects["game"]
    kinds = by_kind(held.steps(question, schema.distribution, games))
    looks = looked.at_games(question, "distribution", games)
    for game, label in games.items():
        for is_promoted, is_hardcore in product((True, False), repeat=2):
            buckets = kinds.get((game, is_promoted, is_hardcore), [])
            if buckets or is_promoted:
                kind = {"is_promoted": is_promoted, "is_hardcore": is_hardcore}
                yield {**label, **kind}, buckets, looks[game]


def by_kind(steps: Mapping[Key, Steps]) -> Mapping[Key, Buckets]:
    """Sort the buckets of many distributions by distribution: game, official, hardcore."""
    kinds: dict[Key, Buckets] = defaultdict(list)
    for (*kind, unlocked), own in steps.items():
        kinds[tuple(kind)].append((unlocked, own))
    return kinds


def _periods(question: Question, buckets: Buckets, seen: Sequence[bool]) -> list[Sequence[Values]]:
    """Tell the buckets that one distribution had at the end of each period, in order."""
    sampled = [(unlocked, sample(own, question.ends)) for unlocked, own in buckets]
    return [
        _told(sampled, index) or [{"is_observed": True}] if is_known else [UNKNOWN]
        for index, is_known in enumerate(seen)
    ]


def _told(sampled: Sequence[tuple[int, Points]], index: int) -> list[Values]:
    there = [(unlocked, points[index]) for unlocked, points in sampled]
    return [{"unlocked": unlocked, **one, "is_observed": True} for unlocked, one in there if one]


def mastery(question: Question) -> Iterator[Course]:
    """Take the last bucket: every bucket is sent, empty ones too, up to the size of the set."""
    games, columns = question.subjects["game"], schema.distribution.c
    official = columns.is_promoted.is_(True), columns.is_hardcore.is_(True)
    kinds = by_kind(held.steps(question, schema.distribution, games, *official))
    looks = looked.at_games(question, "distribution", games)
    for game, label in games.items():
        steps = [_mastered(*bucket) for bucket in kinds.get((game, True, True), [])]
        yield Course(label, steps or [[]], looks[game], _last)


def _mastered(unlocked: int, steps: Steps) -> Steps:
    return [
        (since, until, {"achievements": unlocked, "mastered": values["players"]})
        for since, until, values in steps
    ]


def _last(*buckets: Values | None) -> Values | None:
    return next((one for one in reversed(buckets) if one), None)
