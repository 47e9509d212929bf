"""How many examples are thought up where each of them needs a database, or a world."""

from hypothesis import settings

USUAL = 100  # of tests that do not say how many they want


def examples(number: int) -> int:
    """Want so many, and in the profile `thorough` as many times more as others get there."""
    return number * settings().max_examples // USUAL
