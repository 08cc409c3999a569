"""What is asked: every filter, every pair of filters, every grouping."""

import itertools
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from api.schemas import BuildsQuery
from benchmarks import datasets, questions
from benchmarks.datasets import DataSet
from benchmarks.questions import Examples, examples
from benchmarks.reads import Make
from shared.build_filter import BuildFilter
from shared.metrics.groups import Grouping
from shared.scope import Scope

NEWEST = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def given(database: Engine, database_url: str) -> Examples:
    dataset = DataSet(2_000, NEWEST)
    datasets.fill(database_url, dataset)
    return examples(database_url, dataset)


def test_every_filter_and_every_pair_of_filters_is_asked(given: Examples) -> None:
    filters = {field.name for field in (*fields(Scope), *fields(BuildFilter))} - {"scope", "text"} | {"q"}

    asked = {name.split(", ")[1].split(" ")[0] for name, _ in questions.lists(given, 1, 0)} - {"all"}
    pairs = {tuple(word.split(" ")[0] for word in name[6:].split(" and ")) for name, _ in questions.pairs(given, 1, 0)}

    assert asked == filters
    assert filters <= set(BuildsQuery().fields)
    assert {frozenset(pair) for pair in pairs} == {frozenset(pair) for pair in itertools.combinations(filters, 2)}


def test_every_grouping_is_asked_under_a_name_of_its_own(given: Examples) -> None:
    asked = dict(questions.groups(given, 1, 0))

    assert asked.keys() == {f"groups, by {by}" for by in Grouping}
    assert all(f"by={by}&" in asked[f"groups, by {by}"] for by in Grouping)


@pytest.mark.parametrize("make", [questions.figures, questions.groups, questions.lists, questions.pairs])
def test_warming_up_knows_every_name_that_is_asked_later(given: Examples, make: Make) -> None:
    assert {name for name, _ in make(given, 1, 0)} == {name for name, _ in make(given, 3, 4)}
