"""What the database already holds of builds that a provider names, so that a list need not read them again."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

BuildName = tuple[str, str]
"""The external ids of a build's pipeline and of the build."""

HeldBuilds = Callable[[Sequence[BuildName]], Mapping[BuildName, bool]]
"""Those of the named builds that are recorded, each with whether it is finished."""

_HELD = text("""
    SELECT p.external_id AS pipeline, b.external_id AS build, b.is_finished
    FROM unnest(CAST(:pipelines AS text[]), CAST(:builds AS text[])) AS n (pipeline, build)
    JOIN pipelines p ON p.instance_id = :instance AND p.external_id = n.pipeline
    JOIN builds b ON b.pipeline_id = p.id AND b.external_id = n.build
""")


def nothing_held(_names: Sequence[BuildName]) -> Mapping[BuildName, bool]:
    """For whoever reads a provider without a database."""
    return {}


def held_builds(engine: Engine, instance_id: int) -> HeldBuilds:
    """A look into the database: one short statement, whatever the number of names."""

    def held(names: Sequence[BuildName]) -> Mapping[BuildName, bool]:
        if not names:
            return {}
        pipelines, builds = zip(*names, strict=True)
        given = {"instance": instance_id, "pipelines": list(pipelines), "builds": list(builds)}
        with Session(engine) as session:
            return {(row.pipeline, row.build): row.is_finished for row in session.execute(_HELD, given)}

    return held
