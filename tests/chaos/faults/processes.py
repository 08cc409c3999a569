"""Faults of our own processes: killed, frozen, asked to leave, doubled."""

import http.client
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.database import libpq_url
from shared.events import STREAM_LOCK
from shared.keys import Scope, create_key
from tests.chaos.drill import World, drill
from tests.chaos.scene import Scene, a_scene, await_begin
from tests.chaos.stack import Exit, wait_until


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
    with scene.fault("drip", path="/actions/runs\\?", bytes_per_second=4000):
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


@drill("F04", "two schedulers find what one finds, for little more", schedulers=2)
def two_schedulers(scene: Scene) -> Iterator[None]:
    alone = replace(scene.drill, schedulers=1)
    epoch = scene.simulator.world.epoch
    with a_scene(alone, scene.seed, scene.databases, epoch=epoch) as other:
        await_begin(other)
        before = (scene.asked(), other.asked())
        time.sleep(14)
        ratio = (scene.asked() - before[0]) / max(1, other.asked() - before[1])
        yield
        wait_until(other.is_settled, seconds=60)
        mine, others = (tables(each) for each in (scene, other))
    differing = len(mine ^ others)
    scene.figures |= {"differing rows": differing, "calls to calls of one": ratio}
    scene.expect(differing == 0, f"{differing} rows differ from what one scheduler collects")
    scene.expect(ratio <= 1.4, f"two schedulers asked {ratio:.2f} times as much as one")


def tables(scene: Scene) -> set[tuple[object, ...]]:
    """What is recorded, without instants and our own numbers: the same world gives the same rows."""
    rows = scene.rows("""
        SELECT 'job', j.external_id, j.attempt, j.name, j.status FROM jobs j
        UNION ALL SELECT 'attempt', b.external_id, a.number, coalesce(b.branch, ''), a.status
        FROM attempts a JOIN builds b ON b.id = a.build_id
        UNION ALL SELECT 'pipeline', p.external_id, 0, p.name, '' FROM pipelines p""")
    return {tuple(str(value) for value in row) for row in rows}


@drill("F06", "a writer frozen while it holds the log's lock", has_api=True)
def freeze_in_commit(scene: Scene) -> Iterator[None]:
    longest = 0.0
    for _ in range(2):
        frozen = _freeze_in_commit(scene)
        try:
            longest = max(longest, _until_the_log_grows(scene))
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        scene.nap(1, 2)
    scene.figures["longest stall"] = longest
    yield
    scene.expect(longest <= 8.0, f"others waited {longest:.1f} s for a frozen writer")


def _freeze_in_commit(scene: Scene) -> list[int]:
    """Hold the log's lock until a scheduler waits for it, freeze that scheduler, and let it have the lock."""
    with psycopg.connect(libpq_url(scene.database_url)) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (STREAM_LOCK,))
        if not wait_until(lambda: _waits_for_log(holder), seconds=20, every=0.01):
            raise TimeoutError("nobody wanted to write to the log")
        held = scene.rows("SELECT lease_owner AS owner FROM sources WHERE lease_owner IS NOT NULL")
        frozen = sorted({int(row.owner.rsplit("/", 3)[1]) for row in held})
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
    return frozen


def _until_the_log_grows(scene: Scene) -> float:
    """Seconds until a writer of our own gets the log's lock, as any other writer would."""
    began = time.monotonic()
    with psycopg.connect(libpq_url(scene.database_url)) as writer:
        writer.execute("SET lock_timeout = '20s'")
        writer.execute("SELECT pg_advisory_xact_lock(%s)", (STREAM_LOCK,))
    return time.monotonic() - began


SCHEDULER_STOPS, API_STOPS = 160, 40


@drill("F07", "SIGTERM under load, two hundred times", has_api=True, world=World(runs=600, seconds=180))
def terminate(scene: Scene) -> Iterator[None]:
    with ThreadPoolExecutor(2) as hands:
        of_schedulers = hands.submit(_terminate_schedulers, scene, random.Random(scene.seed))
        of_apis = hands.submit(_terminate_apis, scene, random.Random(scene.seed + 1))
    exits = of_schedulers.result() + of_apis.result()
    took = sorted(each.seconds for each in exits)
    stopped = scene.said("stopped")
    scene.figures |= {
        "stops": len(exits),
        "exit p99": took[len(took) * 99 // 100 - 1],
        "slowest exit": took[-1],
        "polls cut short": sum(int(str(line["abandoned"])) for line in stopped),
    }
    yield
    scene.expect(took[-1] < 25, f"a stop took {took[-1]:.0f} s")
    # One that has only just been forked does not listen to signals yet.
    codes = Counter(each.code for each in exits)
    scene.expect(set(codes) <= {0, -signal.SIGTERM}, f"exit codes of stops: {dict(codes)}")
    is_work = len(stopped) >= 0.8 * SCHEDULER_STOPS
    scene.expect(is_work, f"only {len(stopped)} stops hit a scheduler at work: the drill says little")


def _terminate_schedulers(scene: Scene, dice: random.Random) -> list[Exit]:
    """In turn, so that each has had time to begin its work when it is asked to leave."""
    exits = []
    for stop in range(SCHEDULER_STOPS):
        time.sleep(dice.uniform(0.2, 1.0))
        exits.append(scene.stack.terminate_scheduler(stop % 2))
    return exits


def _terminate_apis(scene: Scene, dice: random.Random) -> list[Exit]:
    """Each as soon as it streams."""
    exits = []
    for _ in range(API_STOPS):
        exits.append(scene.stack.terminate_api())
        _await_stream(scene)
        time.sleep(dice.uniform(0.0, 0.5))
    return exits


def _await_stream(scene: Scene) -> None:
    """Wait until the follower has subscribed once more."""
    follower = scene.follower
    assert follower is not None
    before = follower.greetings
    wait_until(lambda: follower.greetings > before, seconds=30, every=0.05)


@drill("F08", "killed while it parses a large page", page_size=100, world=World(runs=360, seconds=20))
def kill_while_parsing(scene: Scene) -> Iterator[None]:
    kills = 0
    for _ in range(8):
        pages = scene.asked("/actions/runs?")
        if _is_asked_again(scene, pages):
            time.sleep(scene.dice.uniform(0.0, 0.05))
            kills += 1
        scene.stack.kill_scheduler(0)
        scene.stack.kill_scheduler(1)
    scene.figures["kills behind a page"] = kills
    yield
    scene.expect(kills >= 5, "too few kills hit a page for the drill to say anything")


def _is_asked_again(scene: Scene, pages: int) -> bool:
    return wait_until(lambda: scene.asked("/actions/runs?") > pages, seconds=5, every=0.005)


@drill("F09", "a power cut: every process and the database at once", has_api=True, has_server=True)
def power_cut(scene: Scene) -> Iterator[None]:
    assert scene.server is not None
    for _ in range(3):
        scene.nap(2, 4)
        scene.stack.kill_all()
        scene.server.crash()
        scene.server.start_again()
        scene.stack.start_all()
    yield


@drill("F55", "a thousand people ask for a poll at once", has_api=True)
def a_thousand_clicks(scene: Scene) -> Iterator[None]:
    with Session(scene.database) as session, session.begin():
        key = create_key(session, "drill", [Scope.COLLECT], utc_now())
    with ThreadPoolExecutor(4) as clickers:
        answers = Counter(clickers.map(lambda _: click(scene.stack.port, key), range(1000)))
    scene.figures |= {f"answers {status}": count for status, count in sorted(answers.items())}
    yield
    (row,) = scene.rows("SELECT count(DISTINCT requested_at) AS n FROM sources WHERE requested_at IS NOT NULL")
    scene.expect(row.n == 1, f"{row.n} requested polls of a source")
    scene.expect(answers[202] == 1, f"{answers[202]} of 1000 requests began a poll")
    scene.expect(set(answers) <= {202, 429}, f"answers {dict(answers)}")


def click(port: int, key: str) -> int:
    """The status of one request for a poll of everything."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/api/collect/trigger", headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status
    finally:
        connection.close()


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
