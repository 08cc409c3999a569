"""What a run leaves behind: marks, the history, and how figures moved."""

from datetime import UTC, datetime
from pathlib import Path

import orjson

from benchmarks import history, table
from benchmarks.clients import Answers
from benchmarks.figure import Figure

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_figure_past_its_bound_is_marked_as_missed() -> None:
    assert table.line(Figure(name="p99", value=26, unit="ms", bound=25), {}).startswith("✗")
    assert table.line(Figure(name="p99", value=25, unit="ms", bound=25), {}).startswith("✓")
    assert table.line(Figure(name="rate", value=25, unit="/s", bound=26, at_least=True), {}).startswith("✗")


def test_a_run_is_one_line_that_says_when_where_and_of_what(folder: Path) -> None:
    history.append(history.line_of([Figure(name="p99", value=20, unit="ms")], {"builds": "10"}, NOON), folder / "runs")

    (line,) = (folder / "runs").read_bytes().splitlines()
    run = orjson.loads(line)
    assert run["at"] == "2026-11-22T12:00:00+00:00"
    assert run["commit"]
    assert run["machine"]["processors"]
    assert run["postgresql"] >= 15


def test_a_figure_is_compared_with_the_last_run_that_measured_it(folder: Path) -> None:
    for value, name in ((20.0, "p99"), (10.0, "p99"), (5.0, "other")):
        history.append(history.line_of([Figure(name=name, value=value, unit="ms")], {}, NOON), folder / "runs")

    before = history.last_values(folder / "runs")

    assert table.line(Figure(name="p99", value=15, unit="ms"), before).endswith("was 10.00, +50%")
    assert history.last_values(folder / "none") == {}


def test_the_slowest_question_is_named_by_its_median() -> None:
    answers = Answers({"list, all": [0.001, 0.9, 0.001], "list, rare": [0.01, 0.01, 0.01], "build": [5.0]})

    name, milliseconds = answers.slowest("list")
    assert (name, round(milliseconds, 6)) == ("list, rare", 10)
