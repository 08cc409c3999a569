"""The `tree=` parameter: nested fields and ranges, evaluated over beans as Jenkins' exporter does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Union

Value = Union[None, bool, int, str, "Bean", Sequence["Value"]]
"""What a field may hold; a function is asked only when its field is."""


@dataclass(frozen=True, slots=True)
class Bean:
    """An exported object: its class, its fields, and which of them show only when they are named."""

    kind: str
    fields: Mapping[str, Value | Callable[[], Value]]
    hidden: frozenset[str] = frozenset()
    brief: tuple[str, ...] = ("name", "number", "url", "color")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked of a field's object: more fields (None: whatever shows by itself) and a range of a list."""

    fields: Mapping[str, "Selection"] | None = None
    first: int = 0
    end: int | None = None


class TreeError(ValueError):
    """The parameter cannot be read; Jenkins answers 500 with a stack trace."""


def parse_tree(text: str) -> Selection:
    """`a,b[c,d[e]]{0,10}` as a selection of the top object."""
    fields, rest = _fields(text)
    if rest:
        raise TreeError(f"junk at the end of the tree: {rest[:20]}")
    return Selection(fields)


def _fields(text: str) -> tuple[dict[str, Selection], str]:
    fields: dict[str, Selection] = {}
    while text and text[0] != "]":
        stop = min((at for mark in ",[]{" if (at := text.find(mark)) >= 0), default=len(text))
        name, text = text[:stop].strip(), text[stop:]
        inner: Mapping[str, Selection] | None = None
        if text[:1] == "[":
            inner, text = _fields(text[1:])
            if text[:1] != "]":
                raise TreeError("a [ without its ]")
            text = text[1:]
        first, end = 0, None
        if text[:1] == "{":
            inside, closing, text = text[1:].partition("}")
            if not closing:
                raise TreeError("a { without its }")
            first, end = _range(inside)
        if name:
            fields[name] = Selection(inner, first, end)
        text = text.removeprefix(",")
    return fields, text


def _range(inside: str) -> tuple[int, int | None]:
    """`M,N` from M up to but without N, `M,`, `,N`, and `N` for that one element."""
    first, comma, end = inside.partition(",")
    try:
        if not comma:
            return int(first), int(first) + 1
        return int(first or 0), int(end) if end else None
    except ValueError as error:
        raise TreeError(f"not a range: {inside}") from error


def evaluate(bean: Bean, selection: Selection | None, *, has_classes: bool = True) -> dict[str, object]:
    """The bean as JSON: the fields asked for that it has, or, with no selection, those that show by themselves."""
    out: dict[str, object] = {"_class": bean.kind} if has_classes and bean.kind else {}
    wanted = selection.fields if selection is not None else None
    for name, held in bean.fields.items():
        chosen = None if wanted is None else wanted.get(name, wanted.get("*") if name not in bean.hidden else None)
        if (wanted is None and name in bean.hidden) or (wanted is not None and chosen is None):
            continue
        out[name] = _value(held() if callable(held) else held, chosen, has_classes=has_classes)
    return out


def _value(value: Value, chosen: Selection | None, *, has_classes: bool) -> object:
    if isinstance(value, Bean):
        inner = chosen if chosen is not None and chosen.fields is not None else _brief(value)
        return evaluate(value, inner, has_classes=has_classes)
    if isinstance(value, Sequence) and not isinstance(value, str):
        rows = value if chosen is None else value[chosen.first : chosen.end]
        return [_value(row, chosen, has_classes=has_classes) for row in rows]
    return value


def _brief(bean: Bean) -> Selection:
    """How an object shows inside another one of which no more was asked."""
    return Selection({name: Selection() for name in bean.brief if name in bean.fields} or {"": Selection()})
