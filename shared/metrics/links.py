"""Where exactly the builds behind a figure are listed: addresses of `GET /api/builds`, relative to the server."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from shared.metrics.window import Window
from shared.queries import BuildFilter
from shared.scope import Scope
from shared.status import VERDICTS, CancelReason, Status

_SAFE = "/,:"
_OPEN_INCIDENTS = "is_default_branch=true&status=open"
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
}
"""What narrows the window's builds to those that a figure counts: of a rate, to those above its line."""


_ENCODED = {name: urlencode(narrowing, safe=_SAFE) for name, narrowing in _OF_FIGURES.items()}


def builds_link(wanted: BuildFilter, frame: Window | None, **narrowing: str) -> str:
    """The list of the builds that a filter's scope and branches name, queued in a window (None: ever), narrowed."""
    return _address("/api/builds", _asked(wanted, frame), urlencode(narrowing, safe=_SAFE))


def of_figures(wanted: BuildFilter, frame: Window) -> dict[str, str]:
    """The builds behind each figure of a window, and the incidents behind what is told of recoveries."""
    asked, ever = _asked(wanted, frame), _asked(wanted, None)
    links = {name: _address("/api/builds", asked, narrowing) for name, narrowing in _ENCODED.items()}
    links["active"] = _address("/api/builds", ever, "is_active=true")
    links["recovery.open"] = _address("/api/incidents", ever, _OPEN_INCIDENTS if not wanted.branch else "status=open")
    return links


def of_pipeline(wanted: BuildFilter, pipeline_id: int) -> BuildFilter:
    """The same builds, of one pipeline."""
    return replace(wanted, scope=Scope(pipeline_id=(pipeline_id,)))


def _asked(wanted: BuildFilter, frame: Window | None) -> str:
    """The scope, the branches and the window as parameters."""
    found = {name: ",".join(map(str, getattr(wanted.scope, name))) for name in Scope.__dataclass_fields__}
    found["branch"] = ",".join(wanted.branch)
    if frame is not None:
        found |= {"since": _instant(frame.since), "until": _instant(frame.until)}
    return urlencode({name: value for name, value in found.items() if value}, safe=_SAFE)


def _address(path: str, *parameters: str) -> str:
    given = "&".join(filter(None, parameters))
    return f"{path}?{given}" if given else path


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else instant.isoformat().replace("+00:00", "Z")
