"""docs/cookbook.md: its questions and queries are written by hand, its answers are made."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from docs.answers import answer

PAGE: Final = Path(__file__).with_name("cookbook.md")
_RECIPE: Final = re.compile(r"^### (?P<question>.+)\n(?P<body>(?:(?!^#).*\n)*)", re.MULTILINE)
_SQL: Final = re.compile(r"```sql ?(\w*)\n(.*?)```", re.DOTALL)
_ANSWER: Final = re.compile(r"```text\n(.*?)\n?```", re.DOTALL)


@dataclass(frozen=True)
class Recipe:
    """A question, the query for each database (mostly the same), and the answer shown."""

    question: str
    queries: dict[str, str]
    shown: str

    def query(self, dialect: str) -> str:
        """Tell the query for a database."""
        return self.queries.get(dialect) or self.queries[""]


def recipes(page: str) -> Iterator[Recipe]:
    """Read the recipes of a page."""
    for found in _RECIPE.finditer(page):
        queries = {dialect: query.strip() for dialect, query in _SQL.findall(found["body"])}
        yield Recipe(found["question"], queries, "\n".join(_ANSWER.findall(found["body"])))


def answered(page: str, conn: Connection) -> str:
    """Write the page anew with the answers of this database."""

    def again(found: re.Match[str]) -> str:
        (recipe,) = recipes(found[0])
        told = answer(conn, recipe.query(conn.dialect.name))
        return _ANSWER.sub(lambda _: f"```text\n{told}\n```", found[0])

    return _RECIPE.sub(again, page)
