"""Prometheus' figures of each pipeline: what its newest build did, and how many of its builds ended how.

There are thousands of samples, so they are written as lines right away: the client library's way of making an object of
each takes ten times as long. Gauges, whose lines the text format and OpenMetrics have in common.

The number of label sets is bounded: the pipelines with most builds have their own, the rest is one line a provider.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy.orm import Session

from api.exposition_families import grouped, labels_of, number
from shared import gauges
from shared.metrics import ever
from shared.metrics.cells import CellScope
from shared.rows import Row, as_int
from shared.status import Status

MOST_PIPELINES = 1000
"""So many pipelines have figures of their own."""

OTHERS = "(others)"

Labels = tuple[str, ...]
Sample = tuple[str, float]
"""Labels as they stand between the braces, and the value."""

_PIPELINE = ("provider", "project", "pipeline")
_RUN = (*_PIPELINE, "ref")
_PLAIN = re.compile(r'[^\\\n"]*')
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

# What a build adds is taken back when it is run again, until that ends: to Prometheus a counter would begin anew.
_COUNTS = (
    (
        "observatory_pipeline_builds",
        "Finished builds on record by how they ended; run again they are out until they end: use delta(), not rate()",
    ),
    (
        "observatory_pipeline_first_tries",
        "Builds on record by how their first attempt ended; use delta(), not rate()",
    ),
)
_COLUMNS = ("builds", "first_tries", "flaky")
_LAST_RUNS = (
    ("duration_seconds", "duration_seconds", "How long the newest build of the default branch took"),
    ("queued_duration_seconds", "queued_seconds", "How long the newest build of the default branch waited"),
    ("timestamp_seconds", "queued_at", "When the newest build of the default branch was queued"),
)


def pipeline_lines(session: Session, most: int = MOST_PIPELINES) -> bytes:
    """The families of the `most` pipelines with most builds, in Prometheus' text; three statements."""
    shown = gauges.pipelines(session, most)
    ids = [as_int(row["id"]) for row in shown]
    lines = [*_last_runs(gauges.last_runs(session, ids)), *_counts(shown, ever.counts(session, ids))]
    folded = as_int(shown[0]["pipelines"]) - len(shown) if shown else 0
    words = f"Pipelines without figures of their own: they are summed up as the pipeline {OTHERS}"
    lines += _family("observatory_pipelines_folded", words, [("", folded)])
    return "".join(lines).encode()


def _last_runs(found: list[Row]) -> Iterator[str]:
    """Of pipelines of one name the newest build of all, and the newest verdict."""
    named = {_written(_RUN, labels): group for labels, group in grouped(found, _RUN).items()}
    newest = {labels: max(group, key=lambda row: number(row["queued_at"])) for labels, group in named.items()}
    yield from _last_verdicts(named)
    name = "observatory_pipeline_last_run"
    statuses = [(f"{labels},{_written(('status',), (str(row['status']),))}", 1.0) for labels, row in newest.items()]
    yield from _family(f"{name}_status", "The status of the default branch's newest build, as a label", statuses)
    for suffix, column, words in _LAST_RUNS:
        known = ((labels, row[column]) for labels, row in newest.items())
        samples = [(labels, number(value)) for labels, value in known if value is not None]
        yield from _family(f"{name}_{suffix}", words, samples)


def _last_verdicts(named: Mapping[str, list[Row]]) -> Iterator[str]:
    judged = {labels: [row for row in group if row["verdict"] is not None] for labels, group in named.items()}
    newest = {labels: max(group, key=lambda row: number(row["judged_at"])) for labels, group in judged.items() if group}
    verdicts = [(f"{labels},{_written(('status',), (str(row['verdict']),))}", 1.0) for labels, row in newest.items()]
    words = "The default branch's newest verdict, as a label: builds that still run or were cancelled change nothing"
    yield from _family("observatory_pipeline_last_verdict", words, verdicts)


def _counts(shown: Sequence[Row], counted: Sequence[Row]) -> Iterator[str]:
    found = _with_others(counted, {row["id"]: labels_of(row, _PIPELINE) for row in shown})
    written = {labels: _written(_PIPELINE, labels) for labels, _ in found}
    lines = [(f'{written[labels]},result="{result}"', sums) for (labels, result), sums in found.items()]
    for place, (name, words) in enumerate(_COUNTS):
        yield from _family(name, words, ((line, sums[place]) for line, sums in lines))
    flaky = [(written[labels], sums[-1]) for (labels, result), sums in found.items() if result == Status.SUCCEEDED]
    words = "Builds on record in which a commit passed right after it had failed"
    yield from _family("observatory_pipeline_flaky_builds", words, flaky)


def _with_others(counted: Sequence[Row], names: Mapping[object, Labels]) -> dict[tuple[Labels, str], list[int]]:
    """Builds, first tries and flaky ones by pipeline and result; by provider what is left of the whole."""
    own: dict[tuple[Labels, str], list[int]] = {}
    rest: dict[tuple[Labels, str], list[int]] = {}
    for row in counted:
        counts, result = [as_int(row[column]) for column in _COLUMNS], str(row["result"])
        sign, provider = 1, str(row["provider"])
        if row["scope"] == CellScope.PIPELINE:
            labels = names[row["id"]]
            _add(own, (labels, result), 1, counts)
            sign, provider = -1, labels[0]
        _add(rest, ((provider, OTHERS, OTHERS), result), sign, counts)
    return own | {key: sums for key, sums in rest.items() if any(sums)}


def _add(to: dict[tuple[Labels, str], list[int]], key: tuple[Labels, str], sign: int, counts: list[int]) -> None:
    sums = to.setdefault(key, [0, 0, 0])
    for place, count in enumerate(counts):
        sums[place] += sign * count


def _family(name: str, words: str, samples: Iterable[Sample]) -> Iterator[str]:
    """A gauge; `words` hold nothing that either format escapes."""
    yield f"# HELP {name} {words}\n# TYPE {name} gauge\n"
    for labels, value in samples:
        yield f"{name}{{{labels}}} {float(value)!r}\n" if labels else f"{name} {float(value)!r}\n"


def _written(names: Labels, values: Labels) -> str:
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)])


def _escaped(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else value.translate(_ESCAPES)
