"""However incidents open, end, go on and are moved: what figures say of them is what plain counting of them gives."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from alerts.incidents import Incident
from alerts.plan_write import write_incidents
from shared.incident_status import IncidentStatus
from shared.metrics import recount
from shared.metrics.fold import Folder, alone
from shared.metrics.rebuild import rebuild
from shared.metrics.recovery import recoveries
from shared.metrics.subject import subject_of
from shared.metrics.verify import verify
from shared.metrics.window import Window
from shared.queries import BuildFilter
from shared.scope import Scope
from tests.factories import NOON, a_build
from tests.shared.metrics import oracle
from tests.shared.metrics.counted import an_instance, recorded

TURNS = 60
PIPELINES = 4
BRANCHES = ("main", "", "develop", "feature")
YEAR = timedelta(days=365)
NOW = NOON + YEAR

WANTED = {
    "everything": BuildFilter(),
    "a project": BuildFilter(scope=Scope(project=("web",))),
    "an instance": BuildFilter(scope=Scope(instance=("ci",))),
    "two pipelines": BuildFilter(scope=Scope(pipeline_id=(1, 3))),
    "the default branch": BuildFilter(branch=("main",)),
    "some branches": BuildFilter(branch=("feature", "main")),
    "a branch of a pipeline": BuildFilter(scope=Scope(pipeline_id=(2,)), branch=("develop",)),
}


class Life:
    """Incidents as a planner might have them, a few of them changed at a time."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._known: list[Incident] = []

    def turn(self, session: Session) -> None:
        """Some new incidents, and some of the known ones that end, go on, or ended at another time."""
        new = [self._new(-1 - number) for number in range(self._rng.randrange(4))]
        known = self._rng.sample(self._known, min(len(self._known), self._rng.randrange(4)))
        changed = self._no_two_open([*known, *new])
        ids = write_incidents(session, changed)
        real = {ids[each.id]: replace(each, id=ids[each.id]) for each in changed}
        self._known = [each for each in self._known if each.id not in real] + list(real.values())

    def _no_two_open(self, chosen: Sequence[Incident]) -> list[Incident]:
        """Of a branch at most one is open, and it is the only thing about which anything changes twice."""
        taken = {(each.pipeline_id, each.branch) for each in self._known if each.is_open and each not in chosen}
        changed = []
        for each in chosen:
            place = (each.pipeline_id, each.branch)
            is_open = place not in taken and self._rng.random() < 0.4
            taken.add(place)
            changed.append(self._open(each) if is_open else self._ended(each))
        return changed

    def _open(self, each: Incident) -> Incident:
        return replace(each, status=IncidentStatus.BROKEN, fixed_at=None)

    def _ended(self, each: Incident) -> Incident:
        lasted = timedelta(hours=self._rng.expovariate(1 / 30) - 2)
        return replace(each, status=IncidentStatus.FIXED, fixed_at=each.opened_at + lasted)

    def _new(self, incident_id: int) -> Incident:
        opened_at = NOON + self._rng.random() * YEAR
        return Incident(
            id=incident_id,
            pipeline_id=self._rng.randint(1, PIPELINES),
            branch=self._rng.choice(BRANCHES),
            project_id=1,
            version=1,
            status=IncidentStatus.BROKEN,
            opened_at=opened_at,
            last_failed_at=opened_at,
            fixed_at=None,
            failures=1,
            flaps=0,
            first_bad_build_id=1,
            first_bad_attempt=1,
            last_bad_build_id=1,
            last_bad_attempt=1,
            last_good_build_id=None,
            last_good_attempt=None,
            fixed_build_id=None,
            fixed_attempt=None,
            is_flaky=False,
            is_silent=False,
        )


@pytest.fixture
def installation(database: Engine) -> Engine:
    with Session(database) as session, session.begin():
        instance = an_instance(session)
        session.execute(text("INSERT INTO projects (key, name) VALUES ('web', 'web')"))
        for number in range(1, PIPELINES + 1):
            recorded(session, instance, a_build(external_id=str(number), pipeline_external_id=f"1/{number}"))
    return database


def something_else(rng: Random, session: Session) -> None:
    pipeline = rng.randint(1, PIPELINES)
    match rng.randrange(4):
        case 0:
            given = {"project": rng.choice((1, 2)), "id": pipeline}
            session.execute(text("UPDATE pipelines SET project_id = :project WHERE id = :id"), given)
        case 1:
            branch = rng.choice(("main", "develop"))
            statement = text("UPDATE pipelines SET default_branch = :branch WHERE id = :id")
            session.execute(statement, {"branch": branch, "id": pipeline})
        case 2:
            recount.recount(session, [pipeline])
        case 3:
            # Only the repository knows it, and it changes its mind.
            session.execute(text("UPDATE pipelines SET default_branch = NULL WHERE id = :id"), {"id": pipeline})
            statement = text("UPDATE repositories SET default_branch = :branch")
            session.execute(statement, {"branch": rng.choice(("main", "develop"))})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_kept_of_incidents_is_what_counting_them_gives(installation: Engine, seed: int) -> None:
    rng = Random(seed)
    life, folder = Life(rng), Folder(installation)
    for _ in range(TURNS):
        with Session(installation) as session, session.begin():
            life.turn(session)
        if rng.random() < 0.1:
            with Session(installation) as session, session.begin():
                something_else(rng, session)
            folder.fold()
        if rng.random() < 0.3:
            folder.fold()
        with Session(installation) as session:
            assert_read_exactly(rng, session)

    while (folded := folder.fold()) is None or folded.is_behind:
        pass
    with alone(installation) as figures:
        assert oracle.kept(figures) == oracle.counted(figures)
        assert verify(figures, lambda *_: None).is_right
        rebuild(figures, lambda *_: None)
        assert oracle.kept(figures) == oracle.counted(figures)
        assert_read_exactly(rng, figures)


def assert_read_exactly(rng: Random, session: Session) -> None:
    """What is read of a window and the one before it, whoever's, is what counting gives."""
    for wanted in WANTED.values():
        frame = a_window(rng)
        frames = [frame, frame.as_long_before]
        found = recoveries(session, subject_of(session, wanted), frames)
        for each, row in zip(frames, found, strict=True):
            by_hand = counted(session, wanted, each)
            assert row["fixed"] == by_hand["fixed"]
            assert row["open"] == by_hand["open"]
            # An instant is kept to the millisecond.
            assert row["red_seconds"] == pytest.approx(by_hand["red_seconds"], abs=0.2)
            assert (row["average"] is None, row["p50"] is None) == (not row["fixed"], not row["fixed"])
            if row["fixed"]:
                assert row["average"] == pytest.approx(by_hand["average"], abs=0.002)
                assert row["p50"] == pytest.approx(by_hand["p50"], rel=0.02, abs=0.002)


def a_window(rng: Random) -> Window:
    since = NOON + rng.random() * YEAR
    if rng.random() < 0.3:
        since = since.replace(minute=0, second=0, microsecond=0)
    until = since + timedelta(hours=rng.choice((0.3, 5, 100, 3000)) * rng.random())
    return Window(since, None if rng.random() < 0.2 else until, max(NOW, since))


def counted(session: Session, wanted: BuildFilter, frame: Window) -> dict[str, Any]:
    """The same by hand."""
    begins, ends = frame.begins, frame.elapsed_until
    lasted, red, is_open = [], timedelta(), 0
    for opened_at, fixed_at in incidents_of(session, wanted):
        over = ends if fixed_at is None else max(fixed_at, opened_at)
        red += max(timedelta(), min(over, ends) - max(opened_at, begins))
        is_open += opened_at < ends and (fixed_at is None or fixed_at >= ends)
        if fixed_at is not None and begins <= fixed_at < ends:
            lasted.append(max(0.0, (fixed_at - opened_at).total_seconds()))
    return {
        "fixed": len(lasted),
        "open": is_open,
        "red_seconds": red.total_seconds(),
        "average": sum(lasted) / len(lasted) if lasted else None,
        "p50": sorted(lasted)[(len(lasted) - 1) // 2] if lasted else None,
    }


def incidents_of(session: Session, wanted: BuildFilter) -> Iterator[tuple[datetime, datetime | None]]:
    """Those of the filter's branches, of default ones where it names none; as the pipelines were last added up."""
    statement = text("""
        SELECT n.opened_at, n.fixed_at, n.branch, n.pipeline_id, j.key AS project,
               m.default_branch AS of_member, m.pipeline_id IS NOT NULL AS is_member,
               coalesce(p.default_branch, r.default_branch) AS default_branch
        FROM incidents n JOIN pipelines p ON p.id = n.pipeline_id LEFT JOIN metric_members m ON m.pipeline_id = p.id
        LEFT JOIN repositories r ON r.id = p.repository_id
        JOIN projects j ON j.id = coalesce(m.project_id, p.project_id)
    """)
    for row in session.execute(statement):
        scope = wanted.scope
        default_branch = row.of_member if row.is_member else row.default_branch
        is_wanted = row.branch in wanted.branch if wanted.branch else row.branch in ("", default_branch)
        is_there = not scope.project or row.project in scope.project
        is_it = not scope.pipeline_id or row.pipeline_id in scope.pipeline_id
        if is_wanted and is_there and is_it:
            yield row.opened_at, row.fixed_at
