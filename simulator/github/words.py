"""GitHub's own words for how things stand: (status, conclusion) of runs and jobs."""

from simulator.history import State

_RUN_WORDS: dict[State, tuple[str, str | None]] = {
    State.REQUESTED: ("requested", None),
    State.QUEUED: ("queued", None),
    State.PENDING: ("pending", None),
    State.GATED: ("waiting", None),
    State.RUNNING: ("in_progress", None),
    State.PASSED: ("completed", "success"),
    State.FAILED: ("completed", "failure"),
    State.CANCELLED: ("completed", "cancelled"),
    State.SKIPPED: ("completed", "skipped"),
    State.TIMED_OUT: ("completed", "timed_out"),
    State.NOT_STARTABLE: ("completed", "startup_failure"),
    State.NEEDS_APPROVAL: ("completed", "action_required"),
    State.NEUTRAL: ("completed", "neutral"),
    State.STALE: ("completed", "stale"),
}

RUN_FILTERS = frozenset(word for words in _RUN_WORDS.values() for word in words if word) - {"startup_failure"}
"""What `?status=` accepts; `startup_failure` is on runs but not among them."""


def words_for(state: State) -> tuple[str, str | None]:
    """The status and conclusion of a run or job in this state."""
    return _RUN_WORDS[state]
