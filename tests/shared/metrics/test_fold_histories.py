"""Whatever happened, and whenever it was added up: cells and flakes are what plain counting of the builds gives."""

from collections import Counter, defaultdict
from random import Random

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.metrics import recount
from shared.metrics.cells import CellScope, Grain
from shared.metrics.cover import cover
from shared.metrics.flaky_rate import flaky_rate
from shared.metrics.fold import Folder, alone
from shared.metrics.read import read
from shared.metrics.rebuild import rebuild
from shared.metrics.subject import Subject
from shared.metrics.totals import Totals, by_key
from shared.metrics.verify import verify
from shared.metrics.window import FIRST, LAST
from shared.recorder import record
from shared.rows import as_int
from tests.shared.metrics import oracle
from tests.shared.metrics.counted import an_instance
from tests.shared.metrics.histories import PIPELINES, pages

HISTORIES = 10_000
PAGE = 250


def fold_all(database: Engine) -> None:
    folder = Folder(database)
    while (folded := folder.fold()) is None or folded.is_behind:
        pass


def something_else(rng: Random, session: Session) -> None:
    """What besides builds moves figures: an owner of pipelines changes its mind, or somebody has one counted anew."""
    pipeline = session.scalar(text("SELECT id FROM pipelines OFFSET :some LIMIT 1"), {"some": rng.randrange(PIPELINES)})
    match rng.randrange(4):
        case 0:
            given = {"project": rng.choice((1, 2)), "id": pipeline}
            session.execute(text("UPDATE pipelines SET project_id = :project WHERE id = :id"), given)
        case 1:
            given = {"branch": rng.choice(("main", "develop", None)), "id": pipeline}
            session.execute(text("UPDATE pipelines SET default_branch = :branch WHERE id = :id"), given)
        case 2 if pipeline is not None:
            recount.recount(session, [pipeline])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [6])
def test_ten_thousand_histories_add_up_to_what_counting_them_gives(database: Engine, seed: int) -> None:
    rng = Random(seed)
    with Session(database) as session, session.begin():
        instance = an_instance(session)
        session.execute(text("INSERT INTO projects (key, name) VALUES ('web', 'web')"))
    folder = Folder(database)
    for page in pages(rng, HISTORIES, PAGE):
        with Session(database) as session, session.begin():
            record(session, page, instance_id=instance, source_id=None, is_backfill=False)
        if rng.random() < 0.15:
            folder.fold()
        if rng.random() < 0.05:
            with Session(database) as session, session.begin():
                something_else(rng, session)

    fold_all(database)

    assert_exact(database)
    with alone(database) as figures:
        assert verify(figures, quiet).is_right
        rebuild(figures, quiet)
    assert_exact(database)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_figures_are_what_counting_gives_after_any_page_whether_it_is_added_up_or_not(
    database: Engine, seed: int
) -> None:
    rng = Random(seed)
    with Session(database) as session, session.begin():
        instance = an_instance(session)
    folder = Folder(database)
    for page in pages(rng, 250, 40):
        with Session(database) as session, session.begin():
            record(session, page, instance_id=instance, source_id=None, is_backfill=False)
        if rng.random() < 0.3:
            folder.fold()
        with Session(database) as session:
            assert_read_exactly(session, instance)


def assert_read_exactly(session: Session, instance: int) -> None:
    """What is read of everything, of the instance and of each pipeline."""
    pipelines = tuple(session.scalars(text("SELECT id FROM pipelines ORDER BY id")))
    by_hand = defaultdict[tuple[int, int], list[tuple[oracle.Key, oracle.Sums]]](list)
    for place, sums in oracle.counted(session, with_flakes=False).items():
        if place[2] == Grain.EVER:
            by_hand[place[:2]].append((place, sums))
    for subject in (
        Subject(CellScope.EVERYTHING, (0,), None),
        Subject(CellScope.INSTANCE, (instance,), None, within=(CellScope.INSTANCE, (instance,))),
        Subject(CellScope.PIPELINE, pipelines, pipelines),
    ):
        found = by_key(read(session, subject, cover([FIRST, LAST])), 1, lambda row: as_int(row["key"]))
        kept = {key: totals for key, (totals,) in found.items() if totals.builds or any(totals.first_tries.values())}
        assert kept.keys() == {scope_id for scope, scope_id in by_hand if scope == subject.scope}
        for key, totals in kept.items():
            assert_totals(totals, by_hand[subject.scope, key])


def assert_totals(totals: Totals, by_hand: list[tuple[oracle.Key, oracle.Sums]]) -> None:
    builds, first_tries = Counter[str](), Counter[str]()
    durations, milliseconds = Counter[int](), 0
    for (*_, status, _reason), sums in by_hand:
        builds[oracle.STATUS[status]] += sums.builds
        first_tries[oracle.STATUS[status]] += sums.first_tries
        if oracle.STATUS[status] in oracle.VERDICTS:
            durations += sums.durations
            milliseconds += sums.duration_ms
    assert {str(status): count for status, count in totals.by_status.items() if count} == +builds
    assert {str(status): count for status, count in totals.first_tries.items() if count} == +first_tries
    assert (totals.duration.histogram, totals.duration.milliseconds) == (durations, milliseconds)
    flaky = flaky_rate(totals.flaky, totals.verdicts)
    assert 0 <= as_int(flaky["builds"]) <= totals.verdicts


def assert_exact(database: Engine) -> None:
    with Session(database) as session:
        assert oracle.kept_flakes(session) == oracle.flakes(session)
        assert oracle.kept(session) == oracle.counted(session)


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""
