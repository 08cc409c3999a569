"""The figures of a window told apart: by provider, instance, project, repository, branch or pipeline."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeAlias

from sqlalchemy.orm import Session

from shared.metrics.cells import CellScope
from shared.metrics.figures import figures_of
from shared.metrics.links import builds_link, of_pipeline
from shared.metrics.open_builds import OpenBuilds, added_up, open_rows
from shared.metrics.periods import Periods, periods
from shared.metrics.ranking import Ranking
from shared.metrics.read import Detail, read
from shared.metrics.subject import COLUMN, Subject, pipelines_of, subject_among
from shared.metrics.tallies import among, tallies
from shared.metrics.totals import Totals, by_key
from shared.metrics.window import HOUR, Window
from shared.queries import BuildFilter
from shared.rows import Row, as_int


class Grouping(StrEnum):
    """What figures can be told apart by."""

    PROVIDER = "provider"
    INSTANCE = "instance"
    PROJECT = "project"
    REPOSITORY = "repository"
    BRANCH = "branch"
    PIPELINE = "pipeline"


Key: TypeAlias = tuple[object, ...]
KeyOf: TypeAlias = Callable[[Row], Key | None]

_NAMES: Mapping[Grouping, tuple[str, ...]] = {
    Grouping.PROVIDER: ("provider",),
    Grouping.INSTANCE: ("instance",),
    Grouping.PROJECT: ("project",),
    Grouping.REPOSITORY: ("repository",),
    Grouping.BRANCH: ("repository",),
    Grouping.PIPELINE: ("pipeline_id", "pipeline_name", "repository"),
}

# Cells of a scope hold all of its pipelines; told by each pipeline's own, whatever the filter, where they would not do.
_SCOPES = {
    Grouping.PROVIDER: CellScope.INSTANCE,
    Grouping.INSTANCE: CellScope.INSTANCE,
    Grouping.PROJECT: CellScope.PROJECT,
    Grouping.REPOSITORY: CellScope.REPOSITORY,
}


def groups(session: Session, wanted: BuildFilter, frame: Window, by: Grouping, *, limit: int) -> Ranking:
    """The window's figures of each group, the ones with most builds first; and how many groups there are in all.

    Four statements: what pipelines there are, what is open, how much each group holds, and the figures of the first.
    By branch builds are counted one by one, the newest of the window: as many as `cut.MOST_BUILDS`.
    """
    pipelines = pipelines_of(session, wanted)
    subject = _subject(pipelines, wanted, by)
    names = {_id(row, subject.scope): tuple(row[name] for name in _NAMES[by]) for row in pipelines}
    key_of = _branch_keys(names) if by is Grouping.BRANCH else _keys(names)
    span = periods(session, subject, frame, has_before=False)
    subject = span.subject
    open_by_key = _open(session, subject, span, key_of)
    if by is Grouping.BRANCH:
        counted = by_key(read(session, subject, span.cover, Detail(has_branches=True)), 1, key_of)
        ranked = _ranked({key: here.builds for key, (here,) in counted.items()}, open_by_key)
        first = ranked[:limit]
    else:
        ranked = _ranked(_builds(tallies(session, subject, span.cover), key_of), open_by_key)
        first = ranked[:limit]
        closer = _closer(subject, pipelines, names, set(first))
        counted = by_key(read(session, closer, span.cover), 1, key_of)
    hours = span.read_frame.elapsed / HOUR
    found = [
        dict(zip(_shown(by), key, strict=True))
        | figures_of(_totals(counted, key), open_by_key.get(key, OpenBuilds()).of_slots(0), hours)
        | {"link": _link(wanted, span.read_frame, dict(zip(_shown(by), key, strict=True)))}
        for key in first
    ]
    return Ranking(found, len(ranked), span.as_row)


def _subject(pipelines: Sequence[Row], wanted: BuildFilter, by: Grouping) -> Subject:
    """Told by the cells of whole groups where the filter lets each be whole, else by those of pipelines."""
    subject = subject_among(pipelines, wanted)
    scope = _SCOPES.get(by, CellScope.PIPELINE)
    if by is Grouping.BRANCH:
        return replace(subject, scope=CellScope.REPOSITORY, ids=(), has_cells=False)
    has_all = wanted.scope.is_everything and all(_id(row, scope) is not None for row in pipelines)
    if not has_all and subject.scope is not scope:
        scope = CellScope.PIPELINE
    return subject.told_by(scope, sorted({as_int(_id(row, scope)) for row in pipelines}))


def _id(pipeline: Row, scope: CellScope) -> object:
    return pipeline[COLUMN[scope]]


def _keys(names: Mapping[object, Key]) -> KeyOf:
    return lambda row: names.get(row["key"])


def _branch_keys(names: Mapping[object, Key]) -> KeyOf:
    return lambda row: (*names.get(row["key"], (None,)), row["branch"])


def _open(session: Session, subject: Subject, span: Periods, key_of: KeyOf) -> dict[Key | None, OpenBuilds]:
    found: dict[Key | None, list[Row]] = {}
    for row in open_rows(session, subject, span.cover.bounds, has_keys=True):
        found.setdefault(key_of(row), []).append(row)
    return {key: added_up(those, 1) for key, those in found.items()}


def _builds(found: Iterable[Row], key_of: KeyOf) -> dict[Key | None, int]:
    builds: dict[Key | None, int] = {}
    for row in found:
        key = key_of(row)
        builds[key] = builds.get(key, 0) + as_int(row["builds"])
    return builds


def _ranked(finished: Mapping[Key | None, int], is_open: Mapping[Key | None, OpenBuilds]) -> list[Key]:
    """The groups that have builds, the ones with most first."""
    builds = {key: finished.get(key, 0) for key in finished.keys() | is_open.keys() if key is not None}
    for key in builds.keys() & is_open.keys():
        builds[key] += sum(is_open[key].of_slots(0).values())
    return sorted((key for key in builds if builds[key] > 0), key=lambda key: (-builds[key], str(key)))


def _closer(subject: Subject, pipelines: Sequence[Row], names: Mapping[object, Key], shown: set[Key]) -> Subject:
    """The same, but for the builds of groups that are not shown."""
    ids = [as_int(id_) for id_, name in names.items() if id_ is not None and name in shown]
    kept = set(ids)
    return among(subject, ids, [as_int(row["pipeline_id"]) for row in pipelines if _id(row, subject.scope) in kept])


def _totals(counted: Mapping[Key | None, list[Totals]], key: Key) -> Totals:
    return counted[key][0] if key in counted else Totals()


def _shown(by: Grouping) -> tuple[str, ...]:
    return (*_NAMES[by], "branch") if by is Grouping.BRANCH else _NAMES[by]


def _link(wanted: BuildFilter, frame: Window, names: Row) -> str | None:
    """The group's builds; None where a filter cannot name them: those without repository or branch."""
    if None in names.values() and "pipeline_id" not in names:
        return None
    if "pipeline_id" in names:
        return builds_link(of_pipeline(wanted, as_int(names["pipeline_id"])), frame)
    branch = (str(names["branch"]),) if "branch" in names else wanted.branch
    scope = wanted.scope
    for name in ("provider", "instance", "project", "repository"):
        if name in names:
            scope = replace(scope, **{name: (str(names[name]),)})  # type: ignore[arg-type]
    return builds_link(replace(wanted, scope=scope, branch=branch), frame)
