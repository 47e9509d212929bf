"""Reckoning with instants in SQL, which every database spells differently."""

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class Seconds(GenericFunction[int]):
    """An instant as seconds, to be subtracted."""

    type = BigInteger()
    name = "harvester_seconds"
    inherit_cache = True


@compiles(Seconds, "sqlite")
def _in_sqlite(element: Seconds, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **options)}) AS INTEGER)"


@compiles(Seconds, "postgresql")
def _in_postgresql(element: Seconds, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"CAST(EXTRACT(EPOCH FROM {compiler.process(element.clauses, **options)}) AS BIGINT)"
