"""What a run leaves behind: marks, the history, and how figures moved."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from benchmarks import buildbot, history, table
from benchmarks.clients import Answers
from benchmarks.figure import Figure
from benchmarks.slowest import candidates, of_the_slowest, promise

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_figure_past_its_bound_is_marked_as_missed() -> None:
    assert table.line(Figure(name="p99", value=26, unit="ms", bound=25), {}).startswith("✗")
    assert table.line(Figure(name="p99", value=25, unit="ms", bound=25), {}).startswith("✓")
    assert table.line(Figure(name="rate", value=25, unit="/s", bound=26, at_least=True), {}).startswith("✗")


def test_slack_is_given_to_times_alone() -> None:
    assert Figure(name="p99", value=75, unit="ms", bound=25).is_held(3)
    assert not Figure(name="p99", value=76, unit="ms", bound=25).is_held(3)
    assert not Figure(name="rows", value=61, unit="rows", bound=60).is_held(3)
    assert not Figure(name="rate", value=25, unit="/s", bound=26, at_least=True).is_held(3)
    assert Figure(name="seen", value=1e9, unit="ms").is_held(3)


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


LISTS = Answers({"list, all": [0.001, 0.9, 0.001], "list, rare": [0.01, 0.01, 0.01], "build": [5.0], "lists": [7.0]})


def test_the_slowest_question_of_a_group_is_named_by_its_median() -> None:
    name, milliseconds = LISTS.group("list").slowest()

    assert (name, round(milliseconds, 6)) == ("list, rare", 10)
    assert LISTS.group("build").count == 1
    assert LISTS.group("list").count == 6


def test_a_question_is_compared_by_its_own_answers_and_none_of_those_named_alike() -> None:
    answers = Answers({"newest 50": [0.001] * 3, "newest 50 failed": [0.1] * 3, "newest 50 of a pipeline": [0.2] * 3})

    assert round(answers.only("newest 50").p50, 6) == 1
    with pytest.raises(KeyError):
        answers.only("newest")


def test_every_question_beside_buildbot_has_a_name_of_its_own() -> None:
    assert len({name for name, *_ in buildbot.PAIRS}) == len(buildbot.PAIRS)


def test_the_slowest_pair_is_held_to_the_bound_though_all_together_are_fast() -> None:
    pairs = {f"pair, {number}": [0.001] * 8 for number in range(600)}
    few = Answers(pairs | {"pair, slow": [0.01] * 8, "pair, grown": [0.001] * 8})
    many = Answers(pairs | {"pair, slow": [0.01] * 4 + [0.04] * 4, "pair, grown": [0.004] * 8})

    assert {"pair, slow", "pair, grown"} <= candidates(few, many)
    latest, growth = of_the_slowest("pair", few, many, sizes=(10_000, 10_000_000), bound=25)
    assert many.p99 < 25
    assert (latest.is_met, growth.is_met, round(growth.value, 6)) == (False, False, 4)
    assert "pair, slow" in latest.compared
    assert "pair, grown" in growth.compared


def test_a_bound_of_ten_million_is_said_to_be_so_on_fewer_builds() -> None:
    assert "10,000,000" in promise(1_000_000)
    assert promise(10_000_000) == ""
