"""One exported file: CSV, NDJSON or Parquet, written as rows come, there as a whole or not at all.

CSV and NDJSON are what every other command prints. Parquet keeps the types: instants know that
they are UTC, counts are 64 bits wide.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from harvester.errors import ConfigError, HarvesterError
from harvester.render import render
from harvester.store.extracts import Chunk, Kind

if TYPE_CHECKING:
    import pyarrow as pa

Columns: TypeAlias = Mapping[str, Kind]
Writer: TypeAlias = Callable[[IO[bytes], Columns, Iterable[Chunk]], None]

UNFINISHED: Final = ".unfinished"
ROWS_IN_A_GROUP: Final = 50_000  # of Parquet: what is held in memory at a time


def write(path: Path, form: str, columns: Columns, chunks: Iterable[Chunk]) -> None:
    """Write a file in one of `FORMATS`; it takes the place of `path` when it is all on disk.

    Raises `HarvesterError` where the disk is full or the folder cannot be written.
    """
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as out:
            FORMATS[form](out, columns, chunks)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file beside `path` that takes its place at the end, unless something is raised."""
    beside = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    try:
        with beside.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
        _sync(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def require(form: str) -> None:
    """Raise `ConfigError` where a format needs what is not installed."""
    if form != "parquet":
        return
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415 - an extra, and slow to load
    except ImportError:
        hint = "pip install 'ra-harvester[parquet]'"
        raise ConfigError(f"--format parquet needs pyarrow: {hint}, or choose csv") from None


def _sync(folder: Path) -> None:
    """Have the new name of a file on disk, too."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        hint = "what was there before is still there; make room or choose another folder"
        raise HarvesterError(f"cannot write {path}: {why}; {hint}") from None


def _text(form: str) -> Writer:
    def write_lines(out: IO[bytes], columns: Columns, chunks: Iterable[Chunk]) -> None:
        names = list(columns)
        rows = (dict(zip(names, line, strict=False)) for chunk in chunks for line in chunk)
        text = TextIOWrapper(out, encoding="utf-8", newline="")
        render(rows, names, form, text)
        text.detach()  # flushes, and leaves the file open

    return write_lines


def _parquet(out: IO[bytes], columns: Columns, chunks: Iterable[Chunk]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - an extra, and slow to load
    import pyarrow.parquet as pq  # noqa: PLC0415 - the same

    schema = pa.schema([(name, _arrow(kind)) for name, kind in columns.items()])
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for group in _groups(_batches(schema, chunks)):
            writer.write_table(pa.Table.from_batches(group, schema))


def _batches(schema: "pa.Schema", chunks: Iterable[Chunk]) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa  # noqa: PLC0415 - as above

    for chunk in chunks:
        values = list(zip(*chunk, strict=True))  # one more than columns where rows are dated
        arrays = [pa.array(own, field.type) for own, field in zip(values, schema, strict=False)]
        yield pa.record_batch(arrays, schema=schema)


def _groups(batches: Iterable["pa.RecordBatch"]) -> Iterator[list["pa.RecordBatch"]]:
    group: list[pa.RecordBatch] = []
    for batch in batches:
        group.append(batch)
        if sum(own.num_rows for own in group) >= ROWS_IN_A_GROUP:
            yield group
            group = []
    if group:
        yield group


def _arrow(kind: Kind) -> "pa.DataType":
    import pyarrow as pa  # noqa: PLC0415 - as above

    types: Mapping[Kind, Any] = {
        "text": pa.string(),
        "integer": pa.int64(),
        "real": pa.float64(),
        "boolean": pa.bool_(),
        "instant": pa.timestamp("ms", tz="UTC"),  # Parquet knows no whole seconds
        "day": pa.date32(),
    }
    return types[kind]


FORMATS: Final[Mapping[str, Writer]] = {
    "csv": _text("csv"),
    "ndjson": _text("ndjson"),
    "parquet": _parquet,
}
"""How a file is written, by the name that `--format` takes, which is also how its name ends."""
