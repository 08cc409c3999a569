"""One drill from its beginning to its verdict."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import OperationalError

from tests.chaos import alert_oracle, oracle
from tests.chaos.drill import Drill
from tests.chaos.scene import Scene, a_scene, await_begin
from tests.chaos.stack import wait_until
from tests.chaos.variants import Variant
from tests.conftest import Databases

# One that was read well and is not due yet has nothing to recover from.
_UNREAD = """
    SELECT count(*) AS n FROM sources s JOIN instances i ON i.id = s.instance_id
    WHERE i.name = 'github.com' AND (s.last_ok_at IS NULL OR s.last_ok_at < :since
        AND (s.next_poll_at < clock_timestamp() OR s.lease_owner IS NOT NULL OR s.last_error IS NOT NULL))
"""

_STANDING = """
    SELECT s.scope, to_char(s.last_ok_at, 'HH24:MI:SS') AS ok, to_char(s.next_poll_at, 'HH24:MI:SS') AS next,
           to_char(s.lease_until, 'HH24:MI:SS') AS lease, s.interval_seconds, s.last_error,
           to_char(clock_timestamp(), 'HH24:MI:SS') AS now
    FROM sources s ORDER BY s.id
"""

WORLD_SECONDS = 90.0
QUIESCE_SECONDS = 90.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a drill; `breaches` are the promises that did not hold, none when it is green.

    One that broke off before it could judge (`is_complete` false) is red and proves nothing.
    """

    fault: str
    title: str
    seed: int
    lost: int
    invented: int
    gaps: int
    events: int
    recovery_seconds: float | None
    seconds: float
    figures: dict[str, float] = field(default_factory=dict)
    breaches: tuple[str, ...] = ()
    is_complete: bool = True

    @property
    def is_green(self) -> bool:
        """Whether every promise held."""
        return not self.breaches


def run(
    drill: Drill, seed: int, databases: Databases, variant: Variant | None = None, keep: Path | None = None
) -> Verdict:
    """Start everything, let the course hurt and heal, wait for calm, and judge; `keep` takes the logs of a red one."""
    began = time.monotonic()
    with a_scene(drill, seed, databases, variant) as scene:
        await_begin(scene)
        course = drill.course(scene)
        next(course)
        recovery = _recover(scene)
        _let_the_world_end(scene)
        wait_until(scene.is_settled, seconds=QUIESCE_SECONDS)
        if drill.alerts is not None:
            wait_until(scene.is_told, seconds=drill.alerts.quiet_seconds)
        _run_out(course)
        verdict = _judge(scene, seed, recovery, began)
        if keep is not None and not verdict.is_green:
            _keep(scene, keep / f"{drill.fault}-{seed}")
        return verdict


def _recover(scene: Scene) -> float | None:
    """Seconds from the healing until no source waits to be read again; None when that did not happen in time."""
    healed_at = time.monotonic()
    (row,) = scene.rows("SELECT clock_timestamp() AS now")

    def is_back() -> bool:
        try:
            return not scene.rows(_UNREAD, since=row.now)[0].n
        except OperationalError:
            return False

    return time.monotonic() - healed_at if wait_until(is_back, seconds=QUIESCE_SECONDS, every=0.05) else None


def _let_the_world_end(scene: Scene) -> None:
    clock, ends_at = scene.simulator.clock, scene.simulator.world.ends_at
    wait_until(lambda: ends_at is None or clock.now() > ends_at, seconds=WORLD_SECONDS)
    scene.make_due()  # a source at rest would be asked again within minutes; this is what the page's button does


def _keep(scene: Scene, folder: Path) -> None:
    """What the processes said and the provider was asked, for whoever wants to know why."""
    folder.mkdir(parents=True, exist_ok=True)
    for log in scene.stack.logs:
        shutil.copy(log, folder)
    asked = (
        f"{each.at:%H:%M:%S.%f} {each.method} {each.target} {each.status} {each.fault or ''}\n"
        for each in scene.simulator.requests()
    )
    (folder / "requests.txt").write_text("".join(asked))


def _run_out(course: Iterator[None]) -> None:
    for _ in course:
        raise RuntimeError("a course yields once")


def _judge(scene: Scene, seed: int, recovery: float | None, began: float) -> Verdict:
    true, lost = scene.truth(), scene.lost()
    invented = sorted(oracle.outcome(scene.database).keys() - true.keys())
    scene.expect(not lost, f"{len(lost)} of {len(true)} verdicts lost, such as {_shown(lost, true)}")
    scene.expect(not invented, f"{len(invented)} attempts invented, such as {invented[:1]}")
    for promise, rows in oracle.violations(scene.database).items():
        scene.breaches.append(f"{promise}: {rows}")
    _judge_alerts(scene)
    _judge_readers(scene)
    _judge_hygiene(scene)
    if recovery is None:
        standing = [tuple(row) for row in scene.rows(_STANDING)]
        scene.breaches.append(f"not every source was read again within {QUIESCE_SECONDS:.0f} s: {standing}")
    return Verdict(
        fault=scene.drill.fault,
        title=scene.drill.title,
        seed=seed,
        lost=len(lost),
        invented=len(invented),
        gaps=oracle.gaps(scene.database),
        events=oracle.head(scene.database),
        recovery_seconds=None if recovery is None else round(recovery, 1),
        seconds=round(time.monotonic() - began, 1),
        figures={name: round(figure, 2) for name, figure in scene.figures.items()},
        breaches=tuple(scene.breaches),
    )


def _shown(lost: dict[oracle.Identity, str], true: oracle.Outcome) -> str:
    return ", ".join(f"{attempt} {stored} not {true[attempt]}" for attempt, stored in list(lost.items())[:2])


def _judge_alerts(scene: Scene) -> None:
    ends = scene.endpoints
    if ends is None:
        return
    for receiver in ends.alerts.receivers:
        scene.figures[f"to {receiver}"] = len(ends.taken(receiver))
    excuses = scene.stack.kills + len(scene.said("lost"))
    scene.breaches += alert_oracle.breaches(scene.database, ends, excuses=excuses, has_all=ends.alerts.routes is None)
    scene.breaches += alert_oracle.secrets_told(scene.database, ends, scene.stack.logs)


def _judge_readers(scene: Scene) -> None:
    head = oracle.head(scene.database)
    whole = list(range(1, head + 1))
    wait_until(lambda: scene.is_read_to(head), seconds=10)
    words = "the log was not seen dense and in commit order by who read it meanwhile"
    scene.expect(scene.tailer.seen[:head] == whole, words)
    if scene.follower is not None:
        seen = scene.follower.seen[:head]
        scene.expect(seen == whole, f"a socket missed {len(set(whole) - set(seen))}")
        scene.expect(not scene.follower.holes, f"a socket was told holes: {scene.follower.holes[:1]}")
        scene.expect(scene.follower.resyncs == 0, f"{scene.follower.resyncs} resyncs")


def _judge_hygiene(scene: Scene) -> None:
    for token in scene.tokens:
        scene.breaches += [f"the token stands in {table}" for table in oracle.places_of(scene.database, token)]
        told = [log.name for log in scene.stack.logs if token in log.read_text(errors="replace")]
        scene.expect(not told, f"the token stands in {told}")
    for event, words in oracle.defects(scene.stack.logs).items():
        scene.breaches.append(f"{event}: {words}")
