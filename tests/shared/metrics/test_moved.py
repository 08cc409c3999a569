"""A pipeline that was moved to another owner: until its cells follow, nothing is taken away that was never added."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import metrics
from shared.metrics import Grouping, Window
from shared.metrics.fold import fold_once
from shared.queries import BuildFilter
from shared.scope import Scope
from tests.factories import NOON, a_build, minutes
from tests.incidents import CHANGES
from tests.shared.metrics.counted import an_instance, recorded

MOST_OF_AN_HOUR = Window(NOON + minutes(10), NOON + minutes(60), NOON + timedelta(days=1))
LESS_OF_AN_HOUR = Window(NOON + minutes(40), NOON + minutes(60), NOON + timedelta(days=1))

OWNERS = {
    "project": "UPDATE pipelines SET project_id = (SELECT id FROM projects WHERE key = 'shop')",
    "repository": "UPDATE pipelines SET repository_id = (SELECT id FROM repositories WHERE name = 'shop')",
}
SHOP = {"project": Scope(project=("shop",)), "repository": Scope(repository=("shop",))}


@pytest.fixture(params=OWNERS)
def owner(request: pytest.FixtureRequest, session: Session) -> str:
    """What was changed under a pipeline with a build a minute, all of them added up, and one that runs again since."""
    instance = an_instance(session)
    session.execute(text("INSERT INTO projects (key, name) VALUES ('shop', 'Shop')"))
    session.execute(
        text("INSERT INTO repositories (instance_id, external_id, name) VALUES (:instance, 'shop', 'shop')"),
        {"instance": instance},
    )
    told = [a_build(external_id=str(minute), queued_at=NOON + minutes(minute)) for minute in range(60)]
    recorded(session, instance, *told)
    an_incident(session, opened=5, fixed=30)
    fold_once(session)
    session.execute(text(OWNERS[request.param]))
    recorded(session, instance, a_build("running", attempt=2, external_id="50", queued_at=told[50].queued_at))
    an_incident(session, opened=45, fixed=50)
    return str(request.param)


def an_incident(session: Session, *, opened: int, fixed: int) -> None:
    statement = text("""
        INSERT INTO incidents (pipeline_id, branch, project_id, status, opened_at, last_failed_at, fixed_at,
                               first_bad_build_id, first_bad_attempt, last_bad_build_id, last_bad_attempt)
        SELECT id, 'main', 1, 'fixed', :opened, :opened, :fixed, 1, 1, 1, 1 FROM pipelines RETURNING id
    """)
    given = {"opened": NOON + minutes(opened), "fixed": NOON + minutes(fixed)}
    session.execute(CHANGES, {"id": session.execute(statement, given).scalar_one()})


def of(session: Session, owner: str, frame: Window) -> dict[str, Any]:
    return metrics.overview(session, BuildFilter(scope=SHOP[owner]), frame)


@pytest.mark.parametrize("frame", [MOST_OF_AN_HOUR, LESS_OF_AN_HOUR])
def test_nothing_is_less_than_none_where_it_is_not_counted_yet(session: Session, owner: str, frame: Window) -> None:
    found = of(session, owner, frame)

    assert min(found["counts"].values()) == 0
    assert 0 <= found["verdicts"] <= 20
    assert (found["recovery"]["fixed"], found["recovery"]["open"]) == (0, 0)


def test_all_of_it_is_there_once_it_is_added_up(session: Session, owner: str) -> None:
    fold_once(session)

    found = of(session, owner, MOST_OF_AN_HOUR)

    assert (found["builds"], found["verdicts"], found["counts"]["running"]) == (50, 49, 1)
    assert (found["recovery"]["fixed"], found["recovery"]["red_seconds"]) == (2, 25 * 60)


def test_what_is_told_apart_by_no_owner_misses_nothing_meanwhile(session: Session, owner: str) -> None:
    whole = metrics.overview(session, BuildFilter(), MOST_OF_AN_HOUR)
    (pipeline,) = metrics.groups(session, BuildFilter(), MOST_OF_AN_HOUR, Grouping.PIPELINE, limit=1).rows

    assert (whole["verdicts"], pipeline["verdicts"]) == (49, 49)
