"""The simulated weeks that the pages under docs/ are made of: simulated once, read by many."""

from pathlib import Path

import pytest

from docs import world


@pytest.fixture(scope="session")
def weeks_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulate them; yield their SQLite file, which is shared and never written to."""
    path = tmp_path_factory.mktemp("weeks") / "weeks.db"
    world.harvested(path)
    return path
