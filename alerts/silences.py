"""Whether somebody asked for silence about this; pure."""

from collections.abc import Iterable
from datetime import datetime

from alerts.rules import Silence
from shared.config.routes import Subject


def silenced_by(silences: Iterable[Silence], subject: Subject, now: datetime) -> Silence | None:
    """The silence that holds now for the subject, of several the one that ends last; None when there is none."""
    holding = (
        each for each in silences if each.starts_at <= now < each.ends_at and each.matchers.mismatch(subject) is None
    )
    return max(holding, key=lambda each: (each.ends_at, each.id), default=None)


def in_words(silence: Silence) -> str:
    """Who silenced it and why, for those who ask later."""
    return f"silenced by {silence.author}: {silence.reason}"
