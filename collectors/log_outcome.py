"""What became of a request for a log, in words, and when it may be made anew: pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.errors import MalformedPayload, NotFound, ProviderError, RateLimited, Unauthorized
from shared.log.redaction import redact
from shared.log_requests import MOST_TRIES, Claim, State
from shared.stored_logs import NewLog

GROWING_SECONDS = 10.0
"""How soon the log of something that still runs is fetched anew."""

_CUT_LABEL = 60
"""A shorter label was not cut: `build` is not the beginning of `build-macos`."""

_LATE_HOURS = 1.0
_SOON_SECONDS = 30.0
_HOUR_SECONDS = 3_600.0
_AFTER_REFUSAL_SECONDS = 300.0
_AFTER_TROUBLE_SECONDS = 15.0


class NeverPrinted(NotFound):
    """There is no log, and none will come late: what was asked for never ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a request ended; `again_seconds` is None when it is answered for good."""

    state: State
    reason: str | None = None
    again_seconds: float | None = None
    logs: tuple[NewLog, ...] = ()


def stored(logs: Sequence[NewLog]) -> Outcome:
    """Stored; what is not complete may be asked for anew soon."""
    is_complete = all(log.is_complete for log in logs)
    return Outcome(state=State.STORED, again_seconds=None if is_complete else GROWING_SECONDS, logs=tuple(logs))


def failed(reason: str, again_seconds: float) -> Outcome:
    """Not now, for a reason that may pass."""
    return Outcome(state=State.FAILED, reason=redact(reason), again_seconds=again_seconds)


def given_up() -> Outcome:
    """What its scheduler did not survive several times is not tried for ever."""
    words = f"{MOST_TRIES} tries ended with the process that made them; the schedulers' logs say more"
    return failed(words, _HOUR_SECONDS)


def after(error: ProviderError, claim: Claim, wait_seconds: float) -> Outcome:
    """What a provider's answer means; `wait_seconds` is its own wish, where it had one.

    A log may come up to an hour late, unless nothing ran. One that is not there later is gone, and asked for once an
    hour at most.
    """
    if isinstance(error, NotFound):
        is_late = claim.hours_since_finish is None or claim.hours_since_finish > _LATE_HOURS
        if claim.was_finished and (is_late or isinstance(error, NeverPrinted)):
            return Outcome(state=State.GONE, reason=redact(str(error)), again_seconds=_HOUR_SECONDS)
        unfinished = "" if claim.was_finished else "it has not finished; "
        return failed(f"{unfinished}{error}", _SOON_SECONDS)
    if isinstance(error, RateLimited):
        return failed(str(error), wait_seconds)
    refused = isinstance(error, Unauthorized | MalformedPayload)
    return failed(str(error), _AFTER_REFUSAL_SECONDS if refused else _AFTER_TROUBLE_SECONDS)


def job_called(name: str, jobs: Mapping[str, str]) -> str | None:
    """The external id of the job a text with a provider's label belongs to.

    `jobs` are the names of the attempt's jobs by their external id. GitHub leaves out slashes and more in a label and
    cuts it short, so only letters and digits are compared. A label that fits several jobs belongs to none.
    """
    label = _bare(name)
    found = [job for job, called in jobs.items() if label and _bare(called) == label]
    if not found and len(label) >= _CUT_LABEL:
        found = [job for job, called in jobs.items() if _bare(called).startswith(label)]
    return found[0] if len(found) == 1 else None


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
