"""Tables of rows as they come: `.csv` or `.csv.gz`, with a header. What is wrong with one is said in a line."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

DAMAGE = (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error)
"""What reading a file that is damaged or not what its name says comes to."""


class TableError(ValueError):
    """A table that cannot be read; the message names the file, and the line where there is one."""


def opened(path: Path) -> IO[str]:
    """The text of a table."""
    return gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="")


def header(path: Path) -> list[str]:
    """The columns' names; none of an empty file."""
    try:
        with opened(path) as lines:
            return next(csv.reader(lines), [])
    except DAMAGE as error:
        raise TableError(f"{path}: cannot be read: {error}") from error


def rows(path: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    """The rows of a table that has these columns, and at least one row."""
    try:
        with opened(path) as lines:
            reader = csv.DictReader(lines)
            lacking = [name for name in columns if name not in (reader.fieldnames or [])]
            if not reader.fieldnames:
                raise TableError(f"{path}: is empty")
            if lacking:
                raise TableError(f"{path}: has no column {lacking[0]!r}: is it a table of another layout?")
            for row in reader:
                if None in row.values() or None in row:
                    raise TableError(f"{path}: line {reader.line_num} has not as many cells as the header")
                yield row
            if reader.line_num < 2:
                raise TableError(f"{path}: has a header and no row")
    except DAMAGE as error:
        raise TableError(f"{path}: cannot be read: {error}") from error


def read(path: Path, columns: list[str], take: Callable[[dict[str, str]], None]) -> None:
    """Gives each row to `take`; what that finds wrong is said with the row's place."""
    for number, row in enumerate(rows(path, columns), start=2):
        try:
            take(row)
        except (ValueError, KeyError) as error:
            raise TableError(f"{path}: line {number}: {error}") from error
