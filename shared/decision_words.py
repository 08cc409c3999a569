"""The planner's decisions as whole sentences, for whoever asks why an alert came or did not; pure."""

from dataclasses import dataclass

from shared.status import VERDICTS

NO_VERDICT = "no_verdict"
STILL_WORKING = "still_working"
IS_SUPERSEDED = "is_superseded"
IS_BACKFILL = "is_backfill"
PULL_REQUEST = "pull_request"
CHILD_PIPELINE = "child_pipeline"

NOT_PLANNED = "not_planned"
NOT_KEPT = "not_kept"
NO_SUBJECT = "no_subject"

SENTENCES = {
    "broke": "The branch worked before and is broken since this build.",
    "fixed": "The branch was broken and works again since this build.",
    "broke_too_long_ago": "The branch broke, but the build had finished more than 6 h before we learned of it.",
    "fixed_too_long_ago": "The branch was fixed, but the build had finished more than 6 h before we learned of it.",
    "still_broken": "The branch was broken before and still is.",
    "still_flapping": "The branch failed or passed once more while it flaps, and that is told once.",
    STILL_WORKING: "The branch worked before and still does.",
    "break_was_silent": "The branch works again, but nobody was told that it was broken.",
    IS_BACKFILL: "The build was learned while collecting the past, and the past alerts nobody.",
    "before_baseline": "The build was there before the source was first collected in full, so it is no news.",
    "older_build": "A newer build of the same branch had its verdict already; an older one changes history only.",
    IS_SUPERSEDED: "It is about an attempt that is no longer the build's latest; it changes history only.",
    PULL_REQUEST: "A pull or merge request's build says nothing about the branch it is called after.",
    CHILD_PIPELINE: "A child pipeline's verdict is its parent's, which is judged by itself.",
    NO_VERDICT: "Its status is no verdict: only succeeded, failed and timed_out say whether a branch works.",
    NOT_PLANNED: "The planner has not read it yet; it does within a second or two while a scheduler runs.",
    NOT_KEPT: "Nothing was written down: it is from before decisions were kept, or the branch worked before and after.",
    NO_SUBJECT: "Alerts are decided about builds and incidents; this event is about something else.",
}
"""By the planner's word, or by one of ours for an event it left no row for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritten:
    """An event without a decision's row: what is known of it. `first_kept` is the first position that has one."""

    pos: int
    subject_kind: str
    to_status: str | None
    is_superseded: bool
    is_backfill: bool
    trigger: str | None
    is_planned: bool
    first_kept: int | None


def sentence(decision: str) -> str:
    """The decision in words; one this version does not know is shown as it is."""
    return SENTENCES.get(decision, f"The planner called it {decision.replace('_', ' ')}.")


def decision_without_row(event: Unwritten) -> str:
    """What the planner makes of an event that it writes nothing down for, in its own order of reasons."""
    is_incident, kind = event.subject_kind == "incident", _kind_of(event.trigger or "")
    reasons = (
        (event.subject_kind not in ("build", "incident"), NO_SUBJECT),
        (not event.is_planned, NOT_PLANNED),
        (is_incident, NOT_KEPT),
        (event.to_status not in VERDICTS, NO_VERDICT),
        (event.is_superseded, IS_SUPERSEDED),
        (kind is not None, kind),
        (event.is_backfill, IS_BACKFILL),
        (event.first_kept is None or event.pos < event.first_kept, NOT_KEPT),
    )
    return next((word for is_so, word in reasons if is_so and word is not None), STILL_WORKING)


def _kind_of(trigger: str) -> str | None:
    """What a build is that is not of its branch, by the provider's word for what started it."""
    if trigger.startswith(("pull_request", "merge_request", "external_pull_request")):
        return PULL_REQUEST
    return CHILD_PIPELINE if trigger == "parent_pipeline" else None
