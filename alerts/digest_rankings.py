"""What a digest says of pipelines that did not break: the ten flakiest, and the ten that became slower the most."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.compose_read import subject_of
from alerts.digest import Period, Ranked, Reach, place_of
from alerts.message import clock_time, in_words
from alerts.notice import Line, Section, Tone
from shared.metrics import flaky, slowdowns
from shared.metrics.window import Window
from shared.queries import BuildFilter
from shared.scope import Scope

TOP = 10

log = structlog.get_logger()

# Every pipeline by the names that routes match, as if on its default branch: a digest is about any branch.
_PIPELINES = text("""
    SELECT p.id, '' AS branch, true AS is_default_branch, n.provider, n.name AS instance, o.key AS project, o.team,
           r.name AS repository, p.name AS pipeline
    FROM pipelines p
    JOIN instances n ON n.id = p.instance_id
    JOIN projects o ON o.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
    ORDER BY p.id
""")


def read_rankings(session: Session, reach: Reach, period: Period, timezone: str) -> tuple[Ranked, ...]:
    """Both lists over the builds queued in a period, of the pipelines that a receiver's routes reach.

    Figures are no news: where they cannot be read, the digest comes without them.
    """
    try:
        with session.begin_nested():
            wanted = _reached(session, reach)
            if wanted is None:
                return ()
            frame = Window(period.began_at, period.ended_at)
            return (
                flaky_list(flaky.ranking(session, wanted, frame, limit=TOP).rows, timezone),
                slower_list(slowdowns.ranking(session, wanted, frame, limit=TOP).rows),
            )
    except Exception as error:
        log.warning("digest without rankings", error=type(error).__name__, exc_info=True)
        return ()


def _reached(session: Session, reach: Reach) -> BuildFilter | None:
    """The builds of all pipelines that the routes reach; None where they reach none."""
    pipelines = session.execute(_PIPELINES).all()
    ids = tuple(row.id for row in pipelines if reach.holds(subject_of(row)))
    if not ids:
        return None
    return BuildFilter() if len(ids) == len(pipelines) else BuildFilter(scope=Scope(pipeline_id=ids))


def flaky_list(ranking: Sequence[Mapping[str, Any]], timezone: str) -> Ranked:
    """The flakiest pipelines, as `shared.metrics.flaky.ranking` tells them."""
    lines = tuple(_flaky_line(row, timezone) for row in ranking)
    return Ranked(words="flaky", section=Section(title="Flaky top ten", lines=lines))


def slower_list(ranking: Sequence[Mapping[str, Any]]) -> Ranked:
    """The pipelines that grew slower, as `shared.metrics.slowdowns.ranking` tells them."""
    lines = tuple(map(_slower_line, ranking))
    return Ranked(words="slower", section=Section(title="Slowest growth", lines=lines))


def _flaky_line(row: Mapping[str, Any], timezone: str) -> Line:
    parts = [_name(row), f"{row['builds']:,} of {row['verdicts']:,} passed right after a failure of the same commit"]
    parts.append(f"at least {row['lower']:.0%}")
    if row["last_flake"] is not None:
        parts.append(f"last {clock_time(row['last_flake']['queued_at'], timezone)}")
    return Line(tone=Tone.UNSTEADY, label=f"{row['rate']:.0%}", text=" · ".join(parts), url=row["link"])


def _slower_line(row: Mapping[str, Any]) -> Line:
    before, now = in_words(row["median_before"]), in_words(row["median"])
    parts = (_name(row), f"median {now}, before {before}", f"{row['builds']:,} builds, before {row['builds_before']:,}")
    return Line(tone=Tone.UNSTEADY, label=f"{row['growth']:+.0%}", text=" · ".join(parts), url=row["link"])


def _name(row: Mapping[str, Any]) -> str:
    return place_of(row["repository"], row["pipeline_name"], None)
