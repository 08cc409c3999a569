"""Validation errors in plain words: what is wrong and what would be right."""

import difflib
from collections.abc import Container, Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.config.secrets import is_secret, keys_of
from shared.log.redaction import redact

Mistakes = list[tuple[str, str]]
"""What is wrong, as (path, words), in the order of the file."""

_TYPES = {
    "int": "a whole number such as 8",
    "bool": "true or false",
    "float": "a number",
    "string": "text in quotes",
    "tuple": 'a list such as ["one", "two"]',
    "list": 'a list such as ["one", "two"]',
    "path": "a path in quotes",
    "dict": "a table",
    "model": "a table",
}

_BOUNDS = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "greater than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "string_too_short": "at least one character long",
    "string_too_long": "at most {max_length} characters long",
    "too_short": "a list with at least one entry",
    "too_long": "a list with at most {max_length} entries",
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word as a question, else all of them."""
    words = sorted(known)
    if near := difflib.get_close_matches(word, words, n=1, cutoff=0.6):
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(words)}" if words else "nothing is known here"


def path_of(parts: Sequence[str | int]) -> str:
    """`("providers", 1, "base_url")` as people write it: `providers[1].base_url`."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def explain(
    error: ValidationError,
    model: type[BaseModel],
    path: tuple[str | int, ...],
    origins: Mapping[tuple[str, str], str],
    known: Container[str | int],
) -> Mistakes:
    """Each error of one table as (path, words); fields in `known` have had their mistake told already."""
    found, details = [], error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "default_factory_not_called" or (detail["loc"] and detail["loc"][0] in known):
            continue
        if detail["type"] == "too_short" and any(_is_below(each["loc"], detail["loc"]) for each in details):
            continue  # the list is only short of the entry that is wrong
        place = (*path, *detail["loc"])
        variable = origins.get((str(place[0]), str(place[1]))) if len(place) > 1 else None
        found.append((variable or path_of(place), redact(words(detail, model))))
    return found


def _is_below(place: Sequence[str | int], other: Sequence[str | int]) -> bool:
    return len(place) > len(other) and tuple(place[: len(other)]) == tuple(other)


def words(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """One error in words; values are shown, but never one that looks like a secret."""
    kind, context = detail["type"], detail.get("ctx", {})
    key = str(detail["loc"][-1]) if detail["loc"] else ""
    model = _model_at(model, detail["loc"][:-1])
    if kind == "extra_forbidden":
        return f"unknown key; {did_you_mean(key, keys_of(model))}"
    if kind == "missing":
        return _missing(key, model)
    if kind == "value_error":
        return str(context["error"])
    if wanted := _bound(kind, context) or _TYPES.get(kind.split("_", 1)[0]):
        given = detail["input"]
        is_duration = any(isinstance(bound, float) for bound in context.values())
        return f"must be {wanted}, not {_shown(_duration(given) if is_duration else given)}"
    return redact(detail["msg"])


def _model_at(model: type[BaseModel], place: Sequence[str | int]) -> type[BaseModel]:
    """The table within a table that a place leads to."""
    for part in place:
        info = model.model_fields.get(str(part))
        kinds = (info.annotation, *get_args(info.annotation)) if info else ()
        model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
    return model


def _missing(key: str, model: type[BaseModel]) -> str:
    if key in model.model_fields and is_secret(model, key):
        return f'is missing; add {key}_env = "NAME_OF_A_VARIABLE" or {key}_file = "/path/to/it"'
    meaning = model.model_fields[key].description if key in model.model_fields else None
    return f"is missing; it is {meaning}" if meaning else "is missing"


def _bound(kind: str, context: Mapping[str, Any]) -> str | None:
    if kind not in _BOUNDS:
        return None
    return _BOUNDS[kind].format_map({name: _duration(value) for name, value in context.items()})


def _duration(bound: object) -> object:
    """A bound as it would be written: what is no whole number is a duration, whose unit nobody should have to count."""
    if not isinstance(bound, float) or not isfinite(bound):
        return bound
    units = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
    return next((f"{bound / size:.0f}{unit}" for unit, size in units if bound and bound % size == 0), f"{bound:g}s")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    text = redact(f'"{value}"' if isinstance(value, str) else str(value))
    return text if len(text) <= 80 else f"{text[:79]}…"
