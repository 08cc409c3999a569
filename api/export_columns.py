"""The columns of a list as a table, taken from the documented shape of its items: the same whatever the rows hold."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeAlias

from marshmallow import Schema, fields

from shared.rows import Row

Path: TypeAlias = tuple[str, ...]


@cache
def columns_of(shape: type[Schema]) -> tuple[Path, ...]:
    """A path for each column: an object within an item gives its fields, `last_build.id`; a list is one column."""
    return tuple(_paths(shape()))


def header(columns: tuple[Path, ...]) -> list[str]:
    """The columns' names."""
    return [".".join(path) for path in columns]


def values_by(columns: tuple[Path, ...]) -> Callable[[Row], list[object]]:
    """What reads a row's values in the order of the columns; what an item does not have is None."""
    steps = [(path[0], path[1:]) for path in columns]

    def read(row: Row) -> list[object]:
        return [_within(row.get(first), rest) if rest else row.get(first) for first, rest in steps]

    return read


def _paths(shape: Schema) -> Iterator[Path]:
    for name, field in shape.fields.items():
        if isinstance(field, fields.Nested) and not field.many:
            yield from ((name, *path) for path in _paths(field.schema))
        else:
            yield (name,)


def _within(value: object, path: Path) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
