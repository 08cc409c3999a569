"""Faults of our own processes: killed, frozen, asked to leave, doubled."""

import os
import signal
import time
from collections.abc import Iterator

import psycopg

from shared.database import libpq_url
from shared.events import STREAM_LOCK
from tests.chaos.drill import drill
from tests.chaos.scene import Scene
from tests.chaos.stack import wait_until


@drill("F01", "kill -9 of the schedulers, half of them inside a commit", has_api=True, is_smoke=True)
def kill_schedulers(scene: Scene) -> Iterator[None]:
    in_commits = 0
    for kill in range(16):
        number = scene.dice.randrange(2)
        if kill % 2:
            in_commits += _kill_in_commit(scene, number)
        else:
            scene.nap(0.2, 1.2)
            scene.stack.kill_scheduler(number)
    scene.figures["kills in commits"] = in_commits
    yield
    scene.expect(in_commits >= 2, "too few kills hit a commit for the drill to say anything")


@drill("F03", "kill -9 of the API and its socket's process", has_api=True, is_smoke=True)
def kill_api(scene: Scene) -> Iterator[None]:
    for _ in range(4):
        scene.nap(0.5, 3.0)
        scene.stack.kill_api()
    yield


@drill("F05", "a scheduler frozen past its lease, then thawed", is_smoke=True)
def freeze_scheduler(scene: Scene) -> Iterator[None]:
    scene.execute(_AUDIT_TABLE)
    scene.execute(_AUDIT)
    scene.execute(_AUDITED)
    refused = len(scene.said("lost lease")) + len(scene.said("a lane ended"))
    # A list that takes a few seconds, so that the freeze hits its holder in the middle of a poll.
    with scene.fault("drip", path="/actions/runs\\?", count=1, bytes_per_second=4000):
        holder = _holder_of_a_slow_poll(scene)
        os.kill(holder, signal.SIGSTOP)
    try:
        wait_until(lambda: _polls_since_freeze(scene) >= 6, seconds=25)
    finally:
        os.kill(holder, signal.SIGCONT)
    time.sleep(3)
    yield
    refusals = len(scene.said("lost lease")) + len(scene.said("a lane ended")) - refused
    scene.figures["refused writes"] = refusals
    scene.expect(refusals > 0, "no write of the thawed scheduler was refused")
    backwards = scene.rows("SELECT count(*) AS n FROM chaos_backwards")[0].n
    scene.expect(backwards == 0, f"a stale holder moved a cursor back {backwards} times")


_AUDIT_TABLE = "CREATE TABLE chaos_backwards (source_id bigint, old jsonb, new jsonb)"
_AUDIT = """
    CREATE FUNCTION chaos_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_backwards VALUES (OLD.id, OLD.cursor, NEW.cursor);
        RETURN NEW;
    END $$"""
_AUDITED = """
    CREATE TRIGGER chaos_audit BEFORE UPDATE ON sources FOR EACH ROW
    WHEN (CAST(NEW.cursor->>'turn' AS int) < CAST(OLD.cursor->>'turn' AS int)
          OR CAST(NEW.cursor->>'turn' AS int) = CAST(OLD.cursor->>'turn' AS int)
             AND NEW.cursor IS DISTINCT FROM OLD.cursor)
    EXECUTE FUNCTION chaos_audit()"""


def _holder_of_a_slow_poll(scene: Scene) -> int:
    """The process that holds one source for longer than a poll takes."""
    held: dict[int, tuple[int, float]] = {}
    found: list[int] = []

    def is_found() -> bool:
        rows = scene.rows("SELECT id, fence, lease_owner FROM sources WHERE lease_owner IS NOT NULL")
        for row in rows:
            fence, since = held.get(row.id, (0, 0.0))
            if fence != row.fence:
                held[row.id] = (row.fence, time.monotonic())
            elif time.monotonic() - since > 0.8:
                found.append(int(row.lease_owner.rsplit("/", 3)[1]))
        return found != []

    if not wait_until(is_found, seconds=20, every=0.05):
        raise TimeoutError("no poll was slow enough to be frozen in")
    return found[0]


def _polls_since_freeze(scene: Scene) -> int:
    rows = scene.rows("SELECT min(CAST(cursor->>'turn' AS int)) AS least FROM sources WHERE lease_owner IS NULL")
    turn = rows[0].least or 0
    scene.figures.setdefault("turn at freeze", turn)
    return int(turn - scene.figures["turn at freeze"])


def _kill_in_commit(scene: Scene, number: int) -> int:
    """Hold the log's lock until a page has written everything else, and kill every scheduler there."""
    with psycopg.connect(libpq_url(scene.database_url)) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (STREAM_LOCK,))
        if wait_until(lambda: _waits_for_log(holder), seconds=3, every=0.01):
            scene.stack.kill_scheduler(number)
            scene.stack.kill_scheduler(1 - number)
            return 1
    scene.stack.kill_scheduler(number)
    return 0


def _waits_for_log(holder: psycopg.Connection) -> bool:
    """Whether somebody of this database waits for the log's lock."""
    waiting = holder.execute("""
        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())""").fetchone()
    return waiting is not None and waiting[0] > 0
