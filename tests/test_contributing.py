"""What CONTRIBUTING.md and the decisions name is really there."""

import re
from pathlib import Path

import pytest
from floors import floors_of

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "CONTRIBUTING.md"
DECISIONS = ROOT / "docs" / "decisions.md"
PATH = re.compile(r"`((?:harvester|tests|docs|migrations|\.ci)/[^`\s]*|[\w.-]+\.(?:md|toml|ini))`")


def section(title: str) -> str:
    text = GUIDE.read_text()
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("document", [GUIDE, DECISIONS], ids=lambda path: path.name)
def test_every_path_that_is_named_is_there(document: Path) -> None:
    paths = PATH.findall(document.read_text())

    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_name_on_the_map_is_there() -> None:
    names = [name for wings in floors_of(GUIDE.read_text()) for wing in wings for name in wing]

    assert [name for name in names if not any((ROOT / "harvester").glob(f"{name}.py"))] == []


def test_an_endpoint_takes_five_steps_and_a_trend_two() -> None:
    assert re.findall(r"^\d", section("Add an endpoint"), flags=re.MULTILINE) == list("12345")
    assert re.findall(r"^\d", section("Add a trend"), flags=re.MULTILINE) == list("12")


def test_every_word_of_code_in_the_recipes_is_in_the_file_it_names() -> None:
    words = {
        "versioned": "harvester/store/intervals.py",
        "record": "harvester/store/history.py",
        "Request": "harvester/api/payloads.py",
        "Observation": "harvester/endpoints/base.py",
        "TRENDS": "harvester/store/trends.py",
        "_columns": "harvester/store/trends.py",
        "interruptible": "harvester/stop.py",
        "BehindHistory": "harvester/store/history.py",
        "unlock_absences": "harvester/store/schema.py",
    }
    said = GUIDE.read_text() + DECISIONS.read_text()

    for word, path in words.items():
        assert f"`{word}`" in said
        assert re.search(rf"\b{word}\b", (ROOT / path).read_text())


def test_every_chore_that_is_named_can_be_made() -> None:
    chores = set(re.findall(r"`make ([a-z]+)", GUIDE.read_text()))

    assert chores
    assert chores <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
