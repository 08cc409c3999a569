"""What makes a message the same one as before: repeats of it carry one name, whatever channel asks for one."""

from hashlib import sha256

from alerts.message import Message
from alerts.notice import Notice, Section


def identity(notice: Notice, *context: object) -> str:
    """Twenty-four hexadecimal digits: the same for the same news in the same delivery, others once it is composed anew.

    `context` tells installations and receivers apart. How long builds usually take is left out: that median may move
    between two tries of one message, and nobody takes it for news.
    """
    told = notice.messages or notice.sections or notice.facts
    return digest(*context, notice.kind, notice.id, notice.title, notice.counts, *map(_told, told))


def digest(*told: object) -> str:
    """Twenty-four hexadecimal digits of whatever is told, surrogates included."""
    content = "\0".join(map(str, told)).encode("utf-8", "backslashreplace")
    return sha256(content).hexdigest()[:24]


def _told(told: Message | Section | tuple[str, str]) -> object:
    if not isinstance(told, Message):
        return told
    return (
        *(told.kind, told.status, told.incident_id, told.instance, told.repository, told.pipeline, told.branch),
        *(told.build_id, told.attempt, told.failures, told.broken_since, told.finished_at, told.fixed_at),
    )
