"""Where exactly the builds or incidents behind a figure are listed: addresses of lists, relative to the server."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from shared.metrics.dora import DEPLOYMENT
from shared.metrics.window import LAST, Window
from shared.queries import BuildFilter
from shared.scope import Scope
from shared.several import joined
from shared.status import VERDICTS, CancelReason, Status

_SAFE = "/,:"
_VERDICTS = {"status": ",".join(sorted(VERDICTS))}
_BROKEN = {"status": f"{Status.FAILED},{Status.TIMED_OUT}"}

_OF_FIGURES: Mapping[str, Mapping[str, str]] = {
    "builds": {},
    "verdicts": _VERDICTS,
    "success_rate": {"status": Status.SUCCEEDED},
    "failure_rate": _BROKEN,
    "error_rate": _BROKEN,
    "builds_per_hour": {},
    "duration_seconds": _VERDICTS | {"has_duration": "true"},
    "queued_seconds": _VERDICTS | {"has_wait": "true"},
    "first_try": {"first_status": Status.SUCCEEDED},
    "first_verdicts": {"first_status": ",".join(sorted(VERDICTS))},
    "flaky": {"is_flaky": "true"},
    **{f"counts.{status}": {"status": str(status)} for status in Status},
    **{
        f"exclusions.cancelled_{reason}": {"status": Status.CANCELLED, "cancel_reason": str(reason)}
        for reason in (*CancelReason, "unknown")
    },
    "exclusions.skipped": {"status": Status.SKIPPED},
    "exclusions.unknown_status": {"status": Status.UNKNOWN},
    "exclusions.open": {"status": f"{Status.QUEUED},{Status.BLOCKED},{Status.RUNNING}"},
    "dora.change_failure_rate": {"event": DEPLOYMENT} | _BROKEN,
    "dora.deployments": {"event": DEPLOYMENT} | _VERDICTS,
}
"""What narrows the window's builds to those that a figure counts: of a rate, to those above its line."""


_ENCODED = {name: urlencode(narrowing, safe=_SAFE) for name, narrowing in _OF_FIGURES.items()}


def builds_link(wanted: BuildFilter, frame: Window | None, **narrowing: str) -> str:
    """The list of the builds that a filter's scope and branches name, queued in a window (None: ever), narrowed."""
    return _address("/api/builds", _asked(wanted, frame), urlencode(narrowing, safe=_SAFE))


def of_figures(wanted: BuildFilter, frame: Window) -> dict[str, str]:
    """The builds behind each figure of a window, and the incidents behind what is told of recoveries."""
    end = _instant(frame.elapsed_until)
    open_then = _incidents(wanted, red_since=end, until=end)
    return of_builds(wanted, frame) | of_recovery(wanted, frame) | {"recovery.open": open_then} | _of_now(wanted)


def of_builds(wanted: BuildFilter, frame: Window) -> dict[str, str]:
    """The builds behind the figures of a window."""
    asked = _asked(wanted, frame)
    return {name: _address("/api/builds", asked, narrowing) for name, narrowing in _ENCODED.items()}


def of_recovery(wanted: BuildFilter, frame: Window) -> dict[str, str]:
    """The incidents that ended in a window as far as it has passed, and those that were open in it."""
    first, last = _instant(frame.begins), _instant(frame.elapsed_until)
    fixed = _incidents(wanted, fixed_since=first, fixed_until=last)
    names = ("recovery.fixed", "recovery.average", "recovery.p50", "dora.recovery_time")
    return dict.fromkeys(names, fixed) | {"recovery.red_seconds": _incidents(wanted, red_since=first, until=last)}


def of_bucket(wanted: BuildFilter, starts_at: datetime, ends_at: datetime) -> str:
    """The builds of a part of a window."""
    return builds_link(wanted, Window(starts_at, None if ends_at == LAST else ends_at))


def _of_now(wanted: BuildFilter) -> dict[str, str]:
    ever = _asked(wanted, None)
    return {
        "active": _address("/api/builds", ever, "is_active=true"),
        "active.stale": _address("/api/builds", ever, "is_stale=true"),
    }


def _incidents(wanted: BuildFilter, **narrowing: str) -> str:
    """Of default branches, where no branch is asked for."""
    default = {} if wanted.branch else {"is_default_branch": "true"}
    return _address("/api/incidents", _asked(wanted, None), urlencode(default | narrowing, safe=_SAFE))


def of_pipeline(wanted: BuildFilter, pipeline_id: int) -> BuildFilter:
    """The same builds, of one pipeline."""
    return replace(wanted, scope=Scope(pipeline_id=(pipeline_id,)))


def _asked(wanted: BuildFilter, frame: Window | None) -> str:
    """The scope, the branches and the window as parameters."""
    found = {name: joined(map(str, getattr(wanted.scope, name))) for name in Scope.__dataclass_fields__}
    found["branch"] = joined(wanted.branch)
    if frame is not None:
        found |= {"since": _instant(frame.since), "until": _instant(frame.until)}
    return urlencode({name: value for name, value in found.items() if value}, safe=_SAFE)


def _address(path: str, *parameters: str) -> str:
    given = "&".join(filter(None, parameters))
    return f"{path}?{given}" if given else path


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else instant.isoformat().replace("+00:00", "Z")
