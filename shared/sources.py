"""What is polled: the configuration's sources brought into the tables, and sources added by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import watches
from shared.assignment import assign_pipelines, project_ids, record_projects
from shared.config.settings import Config, ProjectSettings, ProviderSettings, project_for
from shared.errors import ObservatoryError


class UnknownSource(ObservatoryError):
    """No source, or more than one, goes by this name; the message lists what there is."""


@dataclass(frozen=True, slots=True)
class SourceName:
    """A source's id and its full name, `instance:scope`."""

    id: int
    name: str
    is_active: bool


def sync(session: Session, config: Config, now: datetime) -> None:
    """Make projects, instances and sources what the configuration says; a repeat writes nothing.

    A source that is no longer configured becomes inactive and keeps its builds; one added by hand stays as it is.
    Projects are assigned anew to every source and pipeline, because patterns may have changed.
    """
    lock(session)
    record_projects(session, config.projects)
    _record_instances(session, config.providers)
    _record_sources(session, config, now)
    watches.sync(session, config.providers)
    _rest_unwatched(session, config)
    assign(session, config.projects)


def lock(session: Session) -> None:
    """Be the only one who changes what is watched, until the transaction ends (so a proxy may pool us)."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('observatory sources'))"))


def assign(session: Session, projects: Sequence[ProjectSettings]) -> None:
    """Put every source and pipeline into the project its patterns say."""
    _assign_sources(session, projects)
    assign_pipelines(session, projects)


def add(session: Session, provider: ProviderSettings, scope: str, config: Config, now: datetime) -> int:
    """Save one source by hand and return its id; one that was inactive is polled again."""
    lock(session)
    record_projects(session, config.projects)
    _record_instances(session, (provider,))
    key = project_for(config.projects, provider.name, scope)
    source_id: int = session.execute(
        text("""
            INSERT INTO sources (instance_id, scope, project_id, origin, next_poll_at)
            SELECT instances.id, :scope, :project, 'added', :now FROM instances WHERE instances.name = :instance
            ON CONFLICT (instance_id, scope) DO UPDATE
            SET is_active = true, archived_at = NULL,
                next_poll_at = least(sources.next_poll_at, excluded.next_poll_at),
                cursor = CASE WHEN sources.is_active THEN sources.cursor ELSE '{}' END,
                baseline_at = CASE WHEN sources.is_active THEN sources.baseline_at END,
                origin = CASE WHEN sources.is_active THEN sources.origin ELSE 'added' END
            RETURNING id
        """),
        {"scope": scope, "project": project_ids(session)[key], "now": now, "instance": provider.name},
    ).scalar_one()
    return source_id


def is_watched(session: Session, instance: str, scope: str) -> bool:
    """Whether this source is polled already."""
    found = session.execute(
        text("""
            SELECT FROM sources JOIN instances ON instances.id = sources.instance_id
            WHERE instances.name = :instance AND sources.scope = :scope AND sources.is_active
        """),
        {"instance": instance, "scope": scope},
    )
    return found.first() is not None


def find(session: Session, name: str) -> SourceName:
    """The one source of this id, `instance:scope` or scope alone; raises UnknownSource, listing what there is."""
    rows = session.execute(
        text("""
            SELECT sources.id, instances.name || ':' || sources.scope, sources.is_active
            FROM sources JOIN instances ON instances.id = sources.instance_id
            ORDER BY 2
        """)
    )
    sources = [SourceName(*row) for row in rows]
    exact = [source for source in sources if name in {str(source.id), source.name}]
    found = exact or [source for source in sources if source.name.partition(":")[2] == name]
    if len(found) == 1:
        return found[0]
    known = ", ".join(source.name for source in found or sources) or "none yet; add one with `observatory source add`"
    problem = "several sources are called" if found else "no source is called"
    raise UnknownSource(f"{problem} {name}; {'say which' if found else 'there is'}: {known}")


def _record_instances(session: Session, providers: Sequence[ProviderSettings]) -> None:
    session.execute(
        text("""
            INSERT INTO instances (name, provider, base_url)
            SELECT * FROM unnest(CAST(:names AS text[]), CAST(:kinds AS text[]), CAST(:urls AS text[]))
            ON CONFLICT (name) DO UPDATE SET provider = excluded.provider, base_url = excluded.base_url
            WHERE (instances.provider, instances.base_url) IS DISTINCT FROM (excluded.provider, excluded.base_url)
        """),
        {
            "names": [provider.name for provider in providers],
            "kinds": [provider.kind for provider in providers],
            "urls": [provider.base_url for provider in providers],
        },
    )


def _record_sources(session: Session, config: Config, now: datetime) -> None:
    session.execute(
        text("""
            INSERT INTO sources (instance_id, scope, origin, next_poll_at)
            SELECT instances.id, wanted.scope, 'config', :now
            FROM unnest(CAST(:names AS text[]), CAST(:scopes AS text[])) AS wanted (name, scope)
            JOIN instances ON instances.name = wanted.name
            ON CONFLICT (instance_id, scope) DO UPDATE
            -- One that was not watched for a while begins anew: what happened meanwhile is the past and alerts nobody.
            SET origin = 'config', is_active = true, archived_at = NULL,
                cursor = CASE WHEN sources.is_active THEN sources.cursor ELSE '{}' END,
                baseline_at = CASE WHEN sources.is_active THEN sources.baseline_at END
            WHERE sources.origin <> 'config' OR NOT sources.is_active
        """),
        _wanted(config) | {"now": now},
    )


def _rest_unwatched(session: Session, config: Config) -> None:
    session.execute(
        text("""
            UPDATE sources SET is_active = false
            FROM instances
            WHERE instances.id = sources.instance_id AND sources.origin = 'config' AND sources.is_active
              AND NOT EXISTS (
                  SELECT FROM unnest(CAST(:names AS text[]), CAST(:scopes AS text[])) AS wanted (name, scope)
                  WHERE wanted.name = instances.name AND wanted.scope = sources.scope)
        """),
        _wanted(config),
    )


def _wanted(config: Config) -> dict[str, object]:
    """The sources that are named one by one."""
    named = sorted({(provider.name, scope) for provider in config.providers for scope in provider.scopes})
    return {"names": [name for name, _ in named], "scopes": [scope for _, scope in named]}


def _assign_sources(session: Session, projects: Sequence[ProjectSettings]) -> None:
    ids = project_ids(session)
    rows = session.execute(
        text("""
            SELECT sources.id, instances.name AS instance, sources.scope
            FROM sources JOIN instances ON instances.id = sources.instance_id
        """)
    ).all()
    session.execute(
        text("""
            UPDATE sources SET project_id = assigned.project_id
            FROM unnest(CAST(:ids AS bigint[]), CAST(:projects AS bigint[])) AS assigned (id, project_id)
            WHERE sources.id = assigned.id AND sources.project_id <> assigned.project_id
        """),
        {
            "ids": [row.id for row in rows],
            "projects": [ids[project_for(projects, row.instance, row.scope)] for row in rows],
        },
    )
