"""What a webhook of your own gets: one JSON object a message, its shape numbered (docs/webhook-receiver.md)."""

from typing import Any

from alerts.message import Message, is_link, one_line
from alerts.notice import Line, Notice, Section, resolve
from alerts.receivers.plain_text import as_text, titled

VERSION = 1
"""Counts up when a field goes or changes its meaning; new fields come without notice."""

_LIMIT = 200


def as_body(notice: Notice, base_url: str, *, is_possible_repeat: bool) -> dict[str, Any]:
    """The body for a notice; instants are datetimes."""
    title = titled(notice, is_possible_repeat=is_possible_repeat)
    return {
        "version": VERSION,
        "kind": notice.kind,
        "title": notice.title,
        "tone": notice.tone,
        "is_possible_repeat": is_possible_repeat,
        "thread": notice.thread,
        "url": resolve(f"/api/deliveries/{notice.id}", base_url) if notice.id else None,
        "counts": {str(kind): count for kind, count in notice.counts},
        "messages": [as_fields(message, base_url) for message in notice.messages],
        "facts": [{"label": label, "text": text} for label, text in notice.facts],
        "sections": [_section(section, base_url) for section in notice.sections],
        "links": [{"label": label, "url": url} for label, url in notice.resolved_links(base_url)],
        "text": f"{title}\n\n{as_text(notice, base_url)}".strip(),
    }


def as_fields(message: Message, base_url: str) -> dict[str, Any]:
    """One piece of news, field by field, for machines."""
    web_url = message.web_url if message.web_url is not None and is_link(message.web_url) else None
    return {
        "kind": message.kind,
        "incident_id": message.incident_id,
        "instance": one_line(message.instance, _LIMIT),
        "repository": _cleaned(message.repository),
        "pipeline": one_line(message.pipeline, _LIMIT),
        "branch": _cleaned(message.branch),
        "status": message.status,
        "is_unstable": message.is_unstable,
        "build_id": message.build_id,
        "number": message.number,
        "attempt": message.attempt,
        "commit_sha": _cleaned(message.commit_sha),
        "commit_message": _cleaned((message.commit_message or "").strip().partition("\n")[0] or None),
        "author": _cleaned(message.author),
        "duration_seconds": message.duration_seconds,
        "usual_seconds": message.usual_seconds,
        "failures": message.failures,
        "breaks": message.breaks,
        "finished_at": message.finished_at,
        "broken_since": message.broken_since,
        "fixed_at": message.fixed_at,
        "why": _cleaned(message.why),
        "url": resolve(f"/api/builds/{message.build_id}", base_url),
        "web_url": web_url,
    }


def _cleaned(text: str | None) -> str | None:
    return None if text is None else one_line(text, _LIMIT)


def _section(section: Section, base_url: str) -> dict[str, Any]:
    return {
        "title": section.title,
        "lines": [_line(line, base_url) for line in section.lines],
        "more": section.more,
    }


def _line(line: Line, base_url: str) -> dict[str, Any]:
    return {"tone": line.tone, "label": line.label, "text": line.text, "url": resolve(line.url, base_url)}
