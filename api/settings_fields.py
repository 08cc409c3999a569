"""Bodies with the same keys as a table of the file: described to readers of the API, judged by the file's own rules."""

from collections.abc import Mapping
from typing import Any, TypeVar

from marshmallow import Schema, fields
from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from api.problems import Problem
from api.schemas import about
from api.shapes import AnswerSchema, Shape
from shared.config.fields import parse_duration
from shared.config.mistakes import Mistakes, explain
from shared.config.secrets import is_secret

Model = TypeVar("Model", bound=BaseModel)


class Told(Shape):
    """The keys of a table beside what is known of it."""


class AnyKeys(Schema):
    """What a table of the file may have; what it may not is told by the file's own words."""


def described(
    model: type[BaseModel], *, without: tuple[str, ...] = (), before: str = ""
) -> dict[str, fields.Field[Any]]:
    """A field for each key of a table: described, and taking anything, because the table's own rules judge it."""
    return {
        name: fields.Raw(
            allow_none=not info.is_required() and info.default is None,
            metadata=about(f"{before}{info.description or name}") | _type_of(info),
        )
        for name, info in model.model_fields.items()
        if name not in without and not is_secret(model, name)
    }


def body_of(name: str, keys: Mapping[str, fields.Field[Any]]) -> Schema:
    """A body with these keys, called so in the description."""
    return AnyKeys.from_dict(dict(keys), name=f"{name}Body")()


def shape_of(name: str, keys: Mapping[str, fields.Field[Any]], *, is_answer: bool = False) -> type[Schema]:
    """An answer, or a part of one, with these keys."""
    parent: type[Schema] = AnswerSchema if is_answer else Told
    return parent.from_dict(dict(keys), name=name)


def judged(model: type[Model], body: Mapping[str, Any]) -> Model:
    """The table that a body means; a 422 problem with every mistake in the words of the file's check."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise refused(explain(error, model, (), {}, ())) from None


def refused(mistakes: Mistakes) -> Problem:
    """422 with each mistake and its place."""
    errors = [{"in": "json", "field": path, "message": words} for path, words in mistakes]
    return Problem(422, "; ".join(": ".join(filter(None, mistake)) for mistake in mistakes), errors=errors)


def complete(model: type[BaseModel], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A table as it is kept with the defaults of what it leaves out; of secrets only where they are."""
    told: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if is_secret(model, name):
            told |= {key: settings.get(key) for key in (f"{name}_env", f"{name}_file") if key in settings}
        elif name in settings or info.is_required():
            told[name] = settings.get(name)
        else:
            default = info.get_default(call_default_factory=True, validated_data=dict(settings))
            told[name] = to_jsonable_python(default)
    return told


def _type_of(info: FieldInfo) -> dict[str, Any]:
    """How JSON has it, without the parts' own names."""
    schema = TypeAdapter[Any](info.annotation or object).json_schema()
    schema = _inlined(schema, schema.get("$defs", {}))
    if any(isinstance(each, BeforeValidator) and each.func is parse_duration for each in info.metadata):
        schema = {"type": ["number", "string"]}
    kinds = [part for part in schema.pop("anyOf", []) if part.get("type") != "null"]
    return {**schema, **(kinds[0] if kinds else {})}


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {key: _inlined(value, parts) for key, value in schema.items() if key not in {"$defs", "title"}}
