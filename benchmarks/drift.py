"""Whether the cells that figures are read from equal a recomputation from the attempts, after all that was done.

Of the data set by the project's own verification; of random histories by the tests' plain counting in Python.
"""

import time
from random import Random

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks.figure import Figure
from benchmarks.stage import Stage
from shared.database import make_engine
from shared.metrics.fold import Folder, alone
from shared.metrics.verify import verify
from shared.recorder import record
from tests.shared.metrics import oracle
from tests.shared.metrics.counted import an_instance
from tests.shared.metrics.histories import pages

HISTORIES = 10_000
PAGE = 250
SEED = 2026


def run(stage: Stage, builds: int, histories: int = HISTORIES) -> list[Figure]:
    """Of the data set, with whatever was recorded and folded into it meanwhile; and of random histories."""
    found = []
    for measure, url in ((_of_histories, None), (_of_dataset, stage.dataset(builds)[0])):
        engine = make_engine(url or stage.database("histories"), application="bench", pool_size=2)
        try:
            found.append(measure(engine, histories if url is None else builds))
        finally:
            engine.dispose()
    stage.drop("histories")
    return found


def _of_dataset(engine: Engine, builds: int) -> Figure:
    began = time.perf_counter()
    with alone(engine) as session:
        found = verify(session, lambda *_: None)
    return Figure(
        name=f"cells that differ from a recomputation at {builds:,}",
        value=found.differences,
        unit="cells",
        bound=0,
        compared=f"{found.cells:,} compared in {time.perf_counter() - began:,.0f} s",
    )


def _of_histories(engine: Engine, histories: int) -> Figure:
    """Recorded in pages in any order, folded at random moments; late verdicts, re-runs, re-opened builds."""
    rng = Random(SEED)
    folder = Folder(engine)
    with Session(engine) as session, session.begin():
        instance = an_instance(session)
    for page in pages(rng, histories, PAGE):
        with Session(engine) as session, session.begin():
            record(session, page, instance_id=instance, source_id=None, is_backfill=False)
        if rng.random() < 0.15:
            folder.fold()
    while (folded := folder.fold()) is None or folded.is_behind:
        pass
    with Session(engine) as session:
        kept, counted = oracle.kept(session), oracle.counted(session)
    return Figure(
        name=f"cells that differ after {histories:,} random histories",
        value=sum(kept.get(key) != counted.get(key) for key in kept.keys() | counted.keys()),
        unit="cells",
        bound=0,
        compared=f"{len(counted):,} counted in Python from the attempts; seed {SEED}",
    )
