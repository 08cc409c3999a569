"""Whatever happened, and whenever it was added up: cells and flakes are what plain counting of the builds gives."""

from random import Random

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.metrics import recount
from shared.metrics.fold import Folder, alone
from shared.metrics.rebuild import rebuild
from shared.metrics.verify import verify
from shared.recorder import record
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


def assert_exact(database: Engine) -> None:
    with Session(database) as session:
        assert oracle.kept_flakes(session) == oracle.flakes(session)
        assert oracle.kept(session) == oracle.counted(session)


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""
