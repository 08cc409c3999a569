"""The tables follow the configuration: what is watched, in which project; nothing is ever deleted."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import sources
from shared.config.settings import Config, ProjectSettings, ProviderSettings
from shared.recorder import record
from tests.factories import NOON, a_build, minutes

GITHUB = ProviderSettings(
    kind="github", name="github.com", base_url="https://api.github.com", watch=("acme/web", "acme/api")
)
CONFIG = Config(providers=(GITHUB,))


def stored(session: Session) -> dict[str, tuple[str, bool, str]]:
    """Each source by name: origin, whether it is active, its project."""
    rows = session.execute(
        text("""
            SELECT instances.name || ':' || scope, origin, is_active, projects.key
            FROM sources JOIN instances ON instances.id = instance_id JOIN projects ON projects.id = project_id
        """)
    )
    return {name: (origin, is_active, project) for name, origin, is_active, project in rows}


def versions(session: Session) -> list[tuple[str, str]]:
    """What identifies the stored rows: a row that was written again has another ctid."""
    statement = " UNION ALL ".join(
        f"SELECT '{table}', ctid::text FROM {table}" for table in ("projects", "instances", "sources", "pipelines")
    )
    return sorted((table, place) for table, place in session.execute(text(statement)))


def record_build(session: Session, scope: str, pipeline: str, **overrides: Any) -> int:
    """A recorded build's pipeline id."""
    row = session.execute(text("SELECT id, instance_id FROM sources WHERE scope = :scope"), {"scope": scope}).one()
    build = a_build(pipeline_name=pipeline, **overrides)
    record(session, [build], instance_id=row.instance_id, source_id=row.id, is_backfill=False)
    found: int = session.execute(text("SELECT id FROM pipelines WHERE name = :name"), {"name": pipeline}).scalar_one()
    return found


def project_of(session: Session, table: str, column: str, value: int) -> set[str]:
    statement = f"SELECT DISTINCT key FROM projects JOIN {table} t ON t.project_id = projects.id WHERE t.{column} = :v"
    return set(session.execute(text(statement), {"v": value}).scalars())


def test_what_is_configured_is_stored_and_due_now(session: Session) -> None:
    sources.sync(session, CONFIG, NOON)

    assert stored(session) == {
        "github.com:acme/web": ("config", True, "default"),
        "github.com:acme/api": ("config", True, "default"),
    }
    assert session.execute(text("SELECT DISTINCT next_poll_at FROM sources")).scalars().all() == [NOON]


def test_a_repeat_writes_nothing(session: Session) -> None:
    config = replace(CONFIG, projects=(ProjectSettings(key="web", sources=("github.com:acme/web",)),))
    sources.sync(session, config, NOON)
    record_build(session, "acme/web", "ci")
    before = versions(session)

    sources.sync(session, config, NOON + minutes(5))

    assert versions(session) == before


def test_what_is_no_longer_configured_rests_and_comes_back(session: Session) -> None:
    sources.sync(session, CONFIG, NOON)

    sources.sync(session, Config(), NOON)
    resting = stored(session)
    sources.sync(session, CONFIG, NOON)

    assert resting["github.com:acme/web"] == ("config", False, "default")
    assert stored(session)["github.com:acme/web"] == ("config", True, "default")


def test_a_source_added_by_hand_survives_a_configuration_without_it(session: Session) -> None:
    sources.sync(session, CONFIG, NOON)

    sources.add(session, GITHUB, "acme/tools", CONFIG, NOON)
    sources.sync(session, Config(), NOON)

    assert stored(session)["github.com:acme/tools"] == ("added", True, "default")


def test_adding_works_before_anything_was_stored_and_twice_is_once(session: Session) -> None:
    config = replace(CONFIG, projects=(ProjectSettings(key="web", sources=("github.com:acme/*",)),))

    first = sources.add(session, GITHUB, "acme/tools", config, NOON)
    again = sources.add(session, GITHUB, "acme/tools", config, NOON)

    assert first == again
    assert stored(session) == {"github.com:acme/tools": ("added", True, "web")}


def test_adding_what_is_configured_leaves_it_configured_and_what_rests_is_woken(session: Session) -> None:
    sources.sync(session, CONFIG, NOON)
    sources.sync(session, replace(CONFIG, providers=(GITHUB.model_copy(update={"watch": ("acme/web",)}),)), NOON)

    sources.add(session, GITHUB, "acme/web", CONFIG, NOON)
    sources.add(session, GITHUB, "acme/api", CONFIG, NOON)

    assert stored(session)["github.com:acme/web"] == ("config", True, "default")
    assert stored(session)["github.com:acme/api"] == ("added", True, "default")


def test_a_moved_address_is_stored(session: Session) -> None:
    sources.sync(session, CONFIG, NOON)

    moved = GITHUB.model_copy(update={"base_url": "https://github.example/api/v3"})
    sources.sync(session, Config(providers=(moved,)), NOON)

    assert session.execute(text("SELECT base_url FROM instances")).scalars().all() == ["https://github.example/api/v3"]


def test_changed_patterns_move_sources_pipelines_and_their_builds(session: Session) -> None:
    sources.sync(session, CONFIG, NOON)
    tests = record_build(session, "acme/web", "ci", pipeline_external_id="1/10", external_id="1")
    deploy = record_build(session, "acme/web", "Deploy", pipeline_external_id="1/11", external_id="2")
    other = record_build(session, "acme/api", "api ci", pipeline_external_id="2/12", external_id="3")

    projects = (
        ProjectSettings(key="web", name="Web", team="Team Web", sources=("github.com:acme/web",)),
        ProjectSettings(key="delivery", pipelines=("github.com:acme/*/Deploy",)),
    )
    sources.sync(session, replace(CONFIG, projects=projects), NOON)

    assert stored(session)["github.com:acme/web"] == ("config", True, "web")
    for pipeline, project in ((tests, "web"), (deploy, "delivery"), (other, "default")):
        assert project_of(session, "pipelines", "id", pipeline) == {project}
        assert project_of(session, "builds", "pipeline_id", pipeline) == {project}


def test_without_patterns_everything_returns_to_the_default_project(session: Session) -> None:
    projects = (ProjectSettings(key="web", sources=("github.com:*",)),)
    sources.sync(session, replace(CONFIG, projects=projects), NOON)
    pipeline = record_build(session, "acme/web", "ci")

    sources.sync(session, CONFIG, NOON)

    assert project_of(session, "pipelines", "id", pipeline) == {"default"}
    assert session.execute(text("SELECT count(*) FROM projects WHERE key = 'web'")).scalar_one() == 1


def test_a_source_is_found_by_id_full_name_or_scope(session: Session) -> None:
    sources.sync(session, CONFIG, NOON)
    by_scope = sources.find(session, "acme/web")

    assert by_scope == sources.find(session, "github.com:acme/web") == sources.find(session, str(by_scope.id))
    with pytest.raises(sources.UnknownSource, match=r"no source is called acme/x; there is: github.com:acme/api, "):
        sources.find(session, "acme/x")


def test_a_scope_on_two_instances_has_to_be_said_in_full(session: Session) -> None:
    other = GITHUB.model_copy(update={"name": "ghes", "base_url": "https://ghes.example/api/v3"})
    sources.sync(session, Config(providers=(GITHUB, other)), NOON)

    with pytest.raises(sources.UnknownSource, match=r"several .* say which: ghes:acme/web, github.com:acme/web"):
        sources.find(session, "acme/web")
    assert sources.find(session, "ghes:acme/web").name == "ghes:acme/web"
