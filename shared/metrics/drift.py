"""What a verification found wrong, in words: one line for each pipeline, repository, project or instance."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from itertools import groupby

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.metrics.cells import INCIDENT_CODE, CellScope, Grain
from shared.metrics.verify import Difference, Verification
from shared.rows import Row

_NAMES = {
    CellScope.INSTANCE: "SELECT id, name FROM instances WHERE id = ANY(:ids)",
    CellScope.PROJECT: "SELECT id, key AS name FROM projects WHERE id = ANY(:ids)",
    CellScope.REPOSITORY: "SELECT id, name FROM repositories WHERE id = ANY(:ids)",
    CellScope.PIPELINE: """
        SELECT p.id, concat_ws(' ', r.name, p.name) AS name
        FROM pipelines p LEFT JOIN repositories r ON r.id = p.repository_id WHERE p.id = ANY(:ids)
    """,
}

_FLAKY = """
    SELECT p.id, concat_ws(' ', r.name, p.name) AS name, count(*) AS builds, min(b.id) AS first
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id LEFT JOIN repositories r ON r.id = p.repository_id
    WHERE b.id = ANY(:ids) GROUP BY p.id, r.name, p.name ORDER BY p.id
"""

_SPANS = {
    Grain.HOUR: "hour from {:%Y-%m-%d %H:%M} UTC",
    Grain.QUARTER: "six hours from {:%Y-%m-%d %H:%M} UTC",
    Grain.DAY: "{:%Y-%m-%d}",
    Grain.WEEK: "week from {:%Y-%m-%d}",
    Grain.EIGHT_WEEKS: "eight weeks from {:%Y-%m-%d}",
}

_BRANCHES = ("without a branch", "on the default branch", "on other branches")


@dataclass(frozen=True, slots=True)
class Wrong:
    """Whose figures are wrong, and how, with the first of them as an example."""

    subject: str
    words: str


def told(session: Session, found: Verification) -> list[Wrong]:
    """What is wrong, by whose figures it is; of very many the first ones."""
    ordered = sorted(found.told, key=lambda each: (-each.scope, each.scope_id))
    wrong = []
    for scope, of_scope in groupby(ordered, key=lambda each: each.scope):
        differences = list(of_scope)
        names = _names(session, scope, [each.scope_id for each in differences])
        for scope_id, of_one in groupby(differences, key=lambda each: each.scope_id):
            wrong.append(Wrong(_subject(scope, scope_id, names), _words(list(of_one))))
    flaky = session.execute(text(_FLAKY), {"ids": found.wrongly_flaky})
    return wrong + [
        Wrong(
            f"pipeline {row.name} ({row.id})",
            f"{row.builds} {'build is' if row.builds == 1 else 'builds are'} wrongly flaky or wrongly not; "
            f"the first is build {row.first}",
        )
        for row in flaky
    ]


def as_row(found: Verification, wrong: Sequence[Wrong]) -> Row:
    """The same for programs."""
    return {
        "is_right": found.is_right,
        "builds": found.builds,
        "cells": found.cells,
        "differences": found.differences,
        "flakes": found.flakes,
        "wrong_flakes": found.wrong_flakes,
        "counting": found.counting,
        "wrong": [asdict(each) for each in wrong],
        "examples": [
            asdict(each) | {"scope": each.scope.name.lower(), "grain": each.grain.name.lower()} for each in found.told
        ],
    }


def _names(session: Session, scope: CellScope, ids: list[int]) -> dict[int, str]:
    if scope is CellScope.EVERYTHING:
        return {}
    return {row.id: row.name for row in session.execute(text(_NAMES[scope]), {"ids": ids})}


def _subject(scope: CellScope, scope_id: int, names: dict[int, str]) -> str:
    if scope is CellScope.EVERYTHING:
        return "everything"
    return f"{scope.name.lower()} {names.get(scope_id, 'that is gone')} ({scope_id})"


def _words(differences: list[Difference]) -> str:
    first = differences[0]
    figures = "1 figure differs" if len(differences) == 1 else f"{len(differences)} figures differ"
    return f"{figures}; the first: {_figure(first)}: kept {first.kept}, counted {first.counted}"


def _figure(each: Difference) -> str:
    bin_ = "" if each.bin < 0 else f"[{each.bin}]"
    reason = f" ({each.reason})" if each.reason else ""
    figure = "incidents" if each.status in INCIDENT_CODE and each.figure == "builds" else each.figure
    return f"{figure}{bin_} of {each.status}{reason} {_BRANCHES[each.branch_class]}, {_span(each)}"


def _span(each: Difference) -> str:
    if each.starts_at is None:
        return "of all time"
    return _SPANS[each.grain].format(each.starts_at.astimezone(UTC))
