"""Which pipelines a question is about: the filters that name providers, instances, projects and repositories."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.rows import as_int, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Filters over pipelines: empty says nothing, several values of one filter mean any of them."""

    provider: tuple[str, ...] = ()
    instance: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    repository: tuple[str, ...] = ()
    pipeline_id: tuple[int, ...] = ()

    @property
    def is_everything(self) -> bool:
        return not (self.provider or self.instance or self.project or self.repository or self.pipeline_id)


_CONDITIONS = {
    "provider": "i.provider = ANY(:provider)",
    "instance": "i.name = ANY(:instance)",
    "project": "j.key = ANY(:project)",
    "repository": "r.name = ANY(:repository)",
    "pipeline_id": "p.id = ANY(:pipeline_id)",
}


_INSTANCES = "JOIN instances i ON i.id = p.instance_id"
_JOINED = {
    "provider": _INSTANCES,
    "instance": _INSTANCES,
    "project": "JOIN projects j ON j.id = p.project_id",
    "repository": "JOIN repositories r ON r.id = p.repository_id",
}
"""What a condition needs besides `p`."""


def scope_conditions(scope: Scope) -> tuple[list[str], dict[str, object]]:
    """SQL conditions over `p`, `i`, `j`, `r` (pipeline, instance, project, repository) and their parameters."""
    given = {name: list(getattr(scope, name)) for name in _CONDITIONS if getattr(scope, name)}
    return [_CONDITIONS[name] for name in given], dict(given)


def pipelines_in(session: Session, scope: Scope) -> list[int] | None:
    """The ids of the pipelines in scope, in order; None when the scope is everything."""
    if scope.is_everything:
        return None
    conditions, parameters = scope_conditions(scope)
    joined = " ".join(dict.fromkeys(_JOINED[name] for name in parameters if name in _JOINED))
    statement = f"SELECT p.id FROM pipelines p {joined} WHERE {' AND '.join(conditions)} ORDER BY p.id"
    return [as_int(row["id"]) for row in rows(session, statement, parameters)]
