"""Which project a pipeline belongs to, kept in the tables when the patterns of the configuration change."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.config.settings import ProjectSettings, project_for


def record_projects(session: Session, projects: Sequence[ProjectSettings]) -> None:
    """Write the configured projects; one that is no longer configured stays, for what it once held."""
    session.execute(
        text("""
            INSERT INTO projects (key, name, team)
            SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:names AS text[]), CAST(:teams AS text[]))
            ON CONFLICT (key) DO UPDATE SET name = excluded.name, team = excluded.team
            WHERE (projects.name, projects.team) IS DISTINCT FROM (excluded.name, excluded.team)
        """),
        {
            "keys": [project.key for project in projects],
            "names": [project.name for project in projects],
            "teams": [project.team for project in projects],
        },
    )


def project_ids(session: Session) -> dict[str, int]:
    """The id of each project by its key."""
    return {row.key: row.id for row in session.execute(text("SELECT key, id FROM projects"))}


def assign_pipelines(session: Session, projects: Sequence[ProjectSettings]) -> int:
    """Put every pipeline, with its builds, into the project its patterns say; returns how many pipelines moved.

    Builds carry their project so that lists need no join; they move in the same transaction.
    """
    ids = project_ids(session)
    rows = session.execute(
        text("""
            SELECT pipelines.id, pipelines.project_id, pipelines.name, instances.name AS instance, sources.scope
            FROM pipelines
            JOIN instances ON instances.id = pipelines.instance_id
            LEFT JOIN sources ON sources.id = pipelines.source_id
            ORDER BY pipelines.id
        """)
    ).all()
    wanted = {row.id: ids[project_for(projects, row.instance, row.scope or "", row.name)] for row in rows}
    moved = [row.id for row in rows if row.project_id != wanted[row.id]]
    for table, column in (("pipelines", "id"), ("builds", "pipeline_id")):
        session.execute(
            text(f"""
                UPDATE {table} SET project_id = assigned.project_id
                FROM unnest(CAST(:ids AS bigint[]), CAST(:projects AS bigint[])) AS assigned (id, project_id)
                WHERE {table}.{column} = assigned.id AND {table}.project_id <> assigned.project_id
            """),
            {"ids": moved, "projects": [wanted[pipeline] for pipeline in moved]},
        )
    return len(moved)
