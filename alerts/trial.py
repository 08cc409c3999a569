"""A message that somebody sends to see whether a receiver works: said so in its title; pure."""

from datetime import datetime

from alerts.message import clock_time
from alerts.notice import Notice, NoticeKind, Tone


def trial_notice(receiver: str, by: str, now: datetime, timezone: str = "UTC") -> Notice:
    """The trial of a receiver; `by` is who asked for it."""
    return Notice(
        kind=NoticeKind.TEST,
        id=0,
        title=f"Test message to {receiver}",
        tone=Tone.PLAIN,
        facts=(
            ("Receiver", receiver),
            ("Sent by", by),
            ("Sent at", clock_time(now, timezone)),
            ("What it means", "this receiver works; nothing broke, and there is nothing to do"),
        ),
        links=(("What is broken now", "/api/incidents?status=open"),),
    )
