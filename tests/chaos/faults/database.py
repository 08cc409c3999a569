"""Faults of the database and of the way to it."""

import time
from collections.abc import Iterator

from tests.chaos.drill import drill
from tests.chaos.scene import Scene


@drill("F34", "the reply to a commit is lost", is_proxied=True, is_smoke=True)
def lost_commit_replies(scene: Scene) -> Iterator[None]:
    assert scene.proxy is not None
    for _ in range(12):
        scene.proxy.manner.lost_commits = scene.dice.randint(1, 2)
        scene.nap(0.6, 1.4)
    scene.proxy.manner.lost_commits = 0
    scene.figures["lost replies"] = scene.proxy.lost_replies
    yield
    scene.expect(scene.proxy.lost_replies >= 5, "too few replies were lost for the drill to say anything")


@drill("F36", "deadlocks and serialization failures at random", is_smoke=True)
def aborted_transactions(scene: Scene) -> Iterator[None]:
    scene.execute("CREATE SEQUENCE chaos_aborts")
    scene.execute(_ABORT)
    scene.execute(_ABORTED)
    time.sleep(14)
    scene.execute("DROP TRIGGER chaos_abort ON events")
    aborts = scene.rows("SELECT last_value AS n FROM chaos_aborts")[0].n
    scene.figures["aborts"] = aborts
    yield
    scene.expect(aborts >= 5, "too few transactions were aborted for the drill to say anything")


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
)
def deaf_listener(scene: Scene) -> Iterator[None]:
    assert scene.proxy is not None
    scene.proxy.manner.drops_notifications = True
    for _ in range(3):
        scene.nap(2, 4)
        scene.proxy.cut()
    began = time.time()
    time.sleep(8)
    lag = slowest_delivery(scene, began, time.time())
    scene.figures["lag deaf"] = lag
    yield
    scene.expect(lag <= 3.0, f"without notifications an event took {lag:.1f} s to a socket")


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
    return max((arrived.get(row.pos, until) - row.at for row in rows), default=0.0)
