"""The ways through the builds, newest first, that a filter opens: indexes in the order of the lists. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shared.build_filter import BuildFilter
from shared.status import Status

MOST_PIPELINES = 500
"""A scope of more is not walked pipeline by pipeline: entering so many places costs more than it saves."""

FEW_STREAMS = 20
"""An index entered in more places is left alone until the newest of all builds have shown that few of them fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """An index, entered once for each of `streams` values, which has the filters `serves` fulfilled.

    The rest is SQL: `values` gives `seek.value`, `where` holds for an entry; `index` has the entries and `builds` the
    builds behind them as `b`, with `queued_at` and `id` in the order of the index.
    """

    serves: frozenset[str] = frozenset()
    values: str = "(VALUES (0))"
    streams: int = 1
    where: str = "true"
    index: str = "builds b"
    builds: str = "builds b"
    queued_at: str = "b.queued_at"
    id: str = "b.id"


EVERYTHING = Walk()

_FLAKES = Walk(
    serves=frozenset({"is_flaky"}),
    index="flakes f",
    builds="flakes f JOIN builds b ON b.id = f.build_id",
    queued_at="f.queued_at",
    id="f.build_id",
)


def walks(wanted: BuildFilter, pipelines: Sequence[int] | None) -> list[Walk]:
    """The ways to these builds besides through all of them."""
    return [*_by_flakes(wanted, pipelines), *_by_columns(wanted), *_by_pipelines(EVERYTHING, "b", pipelines)]


def _by_columns(wanted: BuildFilter) -> Iterator[Walk]:
    for name in ("author", "branch", "status"):
        if values := getattr(wanted, name):
            unnested = f"unnest(CAST(:{name} AS text[]))"
            serves = frozenset({name})
            yield Walk(serves=serves, values=unnested, streams=len(set(values)), where=f"b.{name} = seek.value")
    if wanted.cancel_reason and not wanted.status:
        yield Walk(where=f"b.status = '{Status.CANCELLED}'")


def _by_flakes(wanted: BuildFilter, pipelines: Sequence[int] | None) -> Iterator[Walk]:
    if wanted.is_flaky:
        yield from _by_pipelines(_FLAKES, "f", pipelines)
        yield _FLAKES


def _by_pipelines(walk: Walk, table: str, pipelines: Sequence[int] | None) -> Iterator[Walk]:
    """The same walk pipeline by pipeline, where that is few."""
    if pipelines is not None and len(pipelines) <= MOST_PIPELINES:
        yield replace(
            walk,
            serves=walk.serves | {"pipelines"},
            values="unnest(CAST(:pipelines AS bigint[]))",
            streams=len(pipelines),
            where=f"{table}.pipeline_id = seek.value",
        )
