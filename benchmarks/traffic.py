"""`python -m benchmarks.traffic URL`: what a scheduler writes while the API is read.

Pages of builds that begin and of the same builds finished, in turn, each in a transaction, and figures are folded once
a second. Ends when its standard input does, and then says what it did.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks import dataset_cells
from benchmarks.dataset_live import observation
from shared.clock import utc_now
from shared.database import limit_waiting, make_engine
from shared.recorder import record
from shared.status import Status

TRANSITIONS_A_SECOND = 300
PAGE_ROWS = 30
FOLD_SECONDS = 1.0


@dataclass(slots=True)
class Written:
    """What was recorded: transitions a second, and how many folds failed."""

    rate: float = 0.0
    slowest_page_ms: float = 0.0


@contextmanager
def traffic(url: str) -> Iterator[Written]:
    """Record and fold in a process of its own meanwhile; what it did is known afterwards."""
    written = Written()
    command = [sys.executable, "-m", "benchmarks.traffic", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        try:
            yield written
        finally:
            process.stdin.close()
            said = json.loads(process.stdout.readline() or "{}")
            written.rate = said.get("rate", 0.0)
            written.slowest_page_ms = said.get("slowest_page_ms", 0.0)


def _main(url: str) -> None:
    engine = make_engine(url, application="bench", pool_size=4)
    ended = threading.Event()
    folding = threading.Thread(target=_fold, args=(engine, ended))
    folding.start()
    print("begun", flush=True)
    threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
    began, transitions, slowest = time.monotonic(), 0, 0.0
    page = 0
    while not ended.is_set():
        page_began = time.monotonic()
        transitions += _record(engine, page // 2, Status.RUNNING if page % 2 == 0 else Status.SUCCEEDED)
        slowest = max(slowest, time.monotonic() - page_began)
        page += 1
        ended.wait(max(0.0, began + page * PAGE_ROWS / TRANSITIONS_A_SECOND - time.monotonic()))
    seconds = time.monotonic() - began
    folding.join()
    print(json.dumps({"rate": transitions / seconds, "slowest_page_ms": slowest * 1000}), flush=True)


def _wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


_BEGAN = int(time.time())


def _record(engine: Engine, page: int, status: Status) -> int:
    now: datetime = utc_now()
    rows = [observation(_BEGAN * 1_000_000 + page * PAGE_ROWS + row, status, now) for row in range(PAGE_ROWS)]
    with Session(engine) as session, session.begin():
        limit_waiting(session)
        return record(session, rows, instance_id=1, source_id=1, is_backfill=False).transitions


def _fold(engine: Engine, ended: threading.Event) -> None:
    while not ended.is_set():
        began = time.monotonic()
        dataset_cells.fold_once(engine)
        ended.wait(max(0.0, FOLD_SECONDS - (time.monotonic() - began)))


if __name__ == "__main__":
    _main(sys.argv[1])
