"""How the builds of a subject are found: by which index, and what narrows them; as SQL."""

from dataclasses import dataclass

from shared.metrics.subject import COLUMN, Subject

SEEK_PIPELINES = 100
"""So many pipelines are looked up one by one in the index of their builds; beyond, the index of all builds is read."""


@dataclass(frozen=True, slots=True)
class Seek:
    """What to walk index by index: `each` yields the values that `condition` compares with."""

    each: str
    condition: str


EACH_PIPELINE = Seek("unnest(CAST(:pipelines AS bigint[])) AS s(value)", "AND x.pipeline_id = s.value")
EACH_BRANCH = Seek("unnest(CAST(:branch AS text[])) AS s(value)", "AND x.branch = s.value")
_BY_TIME = Seek("(SELECT 1) AS s", "")


def seek_of(table: str, subject: Subject) -> Seek:
    """Which index of `builds` or `flakes` leads to few others: few pipelines', the branches', else that of all."""
    has_branches = bool(subject.branch) and not subject.has_cells and table == "builds"
    if has_few_pipelines(subject) and not (has_branches and subject.by_branch):
        return EACH_PIPELINE
    return EACH_BRANCH if has_branches else _BY_TIME


def has_few_pipelines(subject: Subject) -> bool:
    """Whether they can be looked up one by one."""
    return subject.pipelines is not None and len(subject.pipelines) <= SEEK_PIPELINES


def narrowed(subject: Subject, alias: str, but: Seek = _BY_TIME) -> list[str]:
    """Conditions on a table's `pipeline_id` and `branch`, but for what a seek asks; `parameters_of` has the values."""
    conditions = []
    if subject.within is not None:
        column = COLUMN[subject.within[0]]
        conditions.append(f"{alias}.pipeline_id IN (SELECT id FROM pipelines WHERE {column} = ANY(:within))")
    elif subject.pipelines is not None and but is not EACH_PIPELINE:
        conditions.append(f"{alias}.pipeline_id = ANY(:pipelines)")
    return [*conditions, f"{alias}.branch = ANY(:branch)"] if subject.branch and but is not EACH_BRANCH else conditions


def parameters_of(subject: Subject) -> dict[str, object]:
    """What `narrowed` and a seek compare with."""
    found: dict[str, object] = {} if subject.pipelines is None else {"pipelines": list(subject.pipelines)}
    if subject.within is not None:
        found["within"] = list(subject.within[1])
    return found | ({"branch": list(subject.branch)} if subject.branch else {})
