"""How figures changed against the period before; pure."""

from collections.abc import Mapping

from shared.metrics.window import Window
from shared.rows import Row

_FIGURES: Mapping[str, tuple[str, ...]] = {
    "builds_per_hour": ("builds_per_hour",),
    "success_rate": ("success_rate",),
    "failure_rate": ("failure_rate",),
    "error_rate": ("error_rate",),
    "first_try_success_rate": ("first_try", "success_rate"),
    "flaky_rate": ("flaky", "rate"),
    "duration_average": ("duration_seconds", "average"),
    "duration_p50": ("duration_seconds", "p50"),
    "duration_p95": ("duration_seconds", "p95"),
    "queued_average": ("queued_seconds", "average"),
    "queued_p50": ("queued_seconds", "p50"),
    "queued_p95": ("queued_seconds", "p95"),
    "time_to_green": ("recovery", "average"),
    "red_seconds": ("recovery", "red_seconds"),
}

NAMES = tuple(_FIGURES)


def trend(now: Row, before: Row, span: Window) -> Row:
    """Each figure before and by how much it changed since; None where either has nothing to say."""
    return {"since": span.since, "until": span.until, "builds": before["builds"]} | {
        name: _change(_at(now, path), _at(before, path)) for name, path in _FIGURES.items()
    }


def _change(now: float | None, before: float | None) -> Row:
    return {"before": before, "change": None if now is None or before is None else now - before}


def _at(figures: Row, path: tuple[str, ...]) -> float | None:
    found: object = figures
    for name in path:
        assert isinstance(found, dict)  # noqa: S101 (as `figures_of` makes it)
        found = found[name]
    return None if found is None else float(str(found))
