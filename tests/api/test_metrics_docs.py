"""The page about numbers defines every field of an answer with figures."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from marshmallow import Schema, fields

from api import figure_shapes
from api.shapes import BuildSchema, PlainPipelineSchema, StaleSourceSchema
from shared.metrics import FORMULA, trend

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ELSEWHERE = (BuildSchema, PlainPipelineSchema, StaleSourceSchema, figure_shapes.PlainProjectSchema)
"""Shapes that other pages define."""

ANSWERS = (
    figure_shapes.PipelineFiguresSchema,
    figure_shapes.GroupsSchema,
    figure_shapes.ProjectFiguresSchema,
    figure_shapes.FlakySchema,
    figure_shapes.SlowdownsSchema,
)


def names(schema: Schema) -> Iterator[str]:
    """Every field of a shape and of those within it."""
    for name, field in schema.fields.items():
        inner = field.inner if isinstance(field, fields.List) else field
        yield name
        if isinstance(inner, fields.Nested) and not isinstance(inner.schema, ELSEWHERE):
            yield from names(inner.schema)


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_field_is_defined_on_the_page(answer: type[Schema]) -> None:
    defined = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`\n]+)`", PAGE.read_text()))))
    plain = {"as_of", "stale_sources", "pipeline", "project"}

    assert set(names(answer())) - plain - defined == set()


def test_every_trend_has_a_shape_and_every_formula_is_said() -> None:
    assert set(trend.NAMES) <= set(figure_shapes.TrendSchema().fields)
    assert all(words and not words.endswith(".") for words in FORMULA.values())
