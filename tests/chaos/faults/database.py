"""Faults of the database and of the way to it."""

import http.client
import time
from collections.abc import Iterator

import psycopg

from shared.database import libpq_url
from tests.chaos.drill import World, drill
from tests.chaos.processes import Speed
from tests.chaos.scene import Scene


@drill("F34", "the reply to a commit is lost", is_proxied=True, is_smoke=True)
def lost_commit_replies(scene: Scene) -> Iterator[None]:
    proxy = scene.proxy
    assert proxy is not None
    for _ in range(12):
        proxy.manner.lost_commits = scene.dice.randint(1, 2)
        scene.nap(0.6, 1.4)
    scene.last(0, 30, lambda: proxy.lost_replies >= 5)
    proxy.manner.lost_commits = 0
    scene.figures["lost replies"] = proxy.lost_replies
    yield
    scene.expect(proxy.lost_replies >= 5, "too few replies were lost for the drill to say anything")


@drill("F36", "deadlocks and serialization failures at random", is_smoke=True, world=World(runs=100, seconds=40))
def aborted_transactions(scene: Scene) -> Iterator[None]:
    scene.execute("CREATE SEQUENCE chaos_aborts")
    scene.execute(_ABORT)
    scene.execute(_ABORTED)
    scene.last(14, 60, lambda: _aborts(scene) >= 5)
    scene.execute("DROP TRIGGER chaos_abort ON events")
    aborts = scene.figures["aborts"] = _aborts(scene)
    yield
    scene.expect(aborts >= 5, "too few transactions were aborted for the drill to say anything")


def _aborts(scene: Scene) -> int:
    (row,) = scene.rows("SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM chaos_aborts")
    return int(row.n)


_ABORT = """
    CREATE FUNCTION chaos_abort() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF random() < 0.3 THEN
            PERFORM nextval('chaos_aborts');
            IF random() < 0.5 THEN
                RAISE EXCEPTION 'chaos' USING ERRCODE = '40P01';
            END IF;
            RAISE EXCEPTION 'chaos' USING ERRCODE = '40001';
        END IF;
        RETURN NULL;
    END $$"""
_ABORTED = """
    CREATE TRIGGER chaos_abort AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION chaos_abort()"""


@drill(
    "F40",
    "no notification arrives, and the connection that listens is cut",
    has_api=True,
    is_listening_proxied=True,
    is_smoke=True,
    world=World(runs=100, seconds=40),
)
def deaf_listener(scene: Scene) -> Iterator[None]:
    assert scene.proxy is not None
    scene.proxy.manner.drops_notifications = True
    for _ in range(3):
        scene.nap(1, 2)
        scene.proxy.cut()
    lag = _lag(scene, 10)
    yield
    scene.expect(lag <= 3.0, f"without notifications an event took {lag:.1f} s to a socket")


def _lag(scene: Scene, seconds: float) -> float:
    """The slowest delivery of so many seconds, of events enough to say something."""
    began, first = time.time(), _head(scene)
    scene.last(seconds, 30, lambda: _head(scene) - first >= 3)
    lag = slowest_delivery(scene, began, time.time() - 3)
    scene.figures |= {"events meanwhile": _head(scene) - first, "slowest delivery": lag}
    scene.expect(_head(scene) - first >= 3, "too little happened meanwhile for the drill to say anything")
    return lag


def _head(scene: Scene) -> int:
    return int(scene.rows("SELECT coalesce(max(pos), 0) AS n FROM events")[0].n)


def slowest_delivery(scene: Scene, since: float, until: float) -> float:
    """The longest time from an event's recording to its arrival at the follower, of those recorded in a span."""
    assert scene.follower is not None
    rows = scene.rows(
        """SELECT pos, CAST(extract(epoch FROM recorded_at) AS float8) AS at FROM events
           WHERE extract(epoch FROM recorded_at) BETWEEN :since AND :until""",
        since=since,
        until=until,
    )
    arrived = dict(zip(scene.follower.seen, scene.follower.seen_at, strict=False))
    return max((arrived.get(row.pos, time.time()) - row.at for row in rows), default=0.0)


@drill("F32", "Postgres crashes and comes back, again and again", has_api=True, has_server=True)
def database_crashes(scene: Scene) -> Iterator[None]:
    assert scene.server is not None
    for _ in range(4):
        scene.nap(2, 4)
        scene.server.crash()
        scene.nap(0.2, 1.5)
        scene.server.start_again()
    yield


@drill(
    "F33",
    "Postgres frozen, and a network that swallows everything",
    has_api=True,
    has_server=True,
    is_proxied=True,
    speed=Speed(standstill_seconds=7.0),
    world=World(runs=180, seconds=75),
)
def frozen_database(scene: Scene) -> Iterator[None]:
    assert scene.server is not None
    assert scene.proxy is not None
    scene.server.freeze()
    ended = _supervise(scene, 30)
    scene.server.thaw()
    scene.nap(4, 5)
    scene.proxy.manner.is_black_hole = True
    ended += _supervise(scene, 30)
    scene.proxy.manner.is_black_hole = False
    scene.figures["ended by their watchdog"] = ended
    yield
    scene.expect(ended > 0, "no watchdog bit, so the drill says little")


def _supervise(scene: Scene, seconds: float) -> int:
    """What a supervisor does meanwhile: another scheduler for each that ended; how many did."""
    ended = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(1)
        for number, each in enumerate(scene.stack.schedulers):
            if not each.is_alive():
                scene.stack.replace_scheduler(number)
                ended += 1
    return ended


@drill("F35", "no connection is left", has_api=True)
def no_connections(scene: Scene) -> Iterator[None]:
    answers: list[tuple[int, float]] = []
    with psycopg.connect(libpq_url(scene.database_url), autocommit=True) as ours:
        name = ours.info.dbname
        ours.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 1'.encode())
        until = time.monotonic() + 10
        while time.monotonic() < until:
            ours.execute("""
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'""")
            answers.append(_ask(scene.stack.port))
            time.sleep(0.3)
        ours.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1'.encode())
    refused = [seconds for status, seconds in answers if status == 503]
    scene.figures |= {"answers 503": len(refused), "slowest 503": max(refused, default=0.0)}
    yield
    scene.expect(refused != [], "nothing was refused, so the drill says nothing")
    scene.expect({status for status, _ in answers} <= {200, 503}, f"answers {sorted({s for s, _ in answers})}")
    scene.expect(max(refused, default=0.0) < 7, "a refusal took longer than waiting for a connection may")


def _ask(port: int) -> tuple[int, float]:
    """The status of a page that needs the database, and how long it took."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("GET", "/api/builds?limit=1")
        return connection.getresponse().status, time.monotonic() - began
    finally:
        connection.close()


@drill(
    "F37",
    "a writer idle in another database, and a dump of this one",
    has_api=True,
    world=World(runs=100, seconds=40),
)
def idle_elsewhere(scene: Scene) -> Iterator[None]:
    url = scene.databases.clone()
    try:
        with psycopg.connect(libpq_url(url)) as elsewhere, psycopg.connect(libpq_url(scene.database_url)) as dump:
            elsewhere.execute("INSERT INTO instances (name, provider, base_url) VALUES ('idle', 'github', 'x')")
            _begin_dump(dump)
            lag = _lag(scene, 12)
    finally:
        scene.databases.drop(url)
    yield
    scene.expect(lag <= 2.5, f"an event took {lag:.1f} s to a socket")


def _begin_dump(connection: psycopg.Connection) -> None:
    """What pg_dump holds while it runs: one snapshot, and a lock on every table that excludes nobody but DDL."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    for (table,) in tables:
        connection.execute(f'LOCK TABLE "{table}" IN ACCESS SHARE MODE'.encode())
